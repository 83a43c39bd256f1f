// How the page of a site waits for the phone: a driver for each dialect, written as
// somebody might who has read nothing but its description. Each notes the states that
// it was told of, in the order it was told, with what shop.mjs gives to the page.

import { app } from './shop.mjs';

// run starts the driver of a dialect in a page, and does not wait for its end.
export async function run(page, dialect, server, options = {}) {
  const { driver, lacks = [], ...own } = dialects[dialect];
  await page.evaluate(names => names.forEach(name => delete window[name]), lacks);
  await page.evaluate(`void (${driver})(${JSON.stringify({ server, app, ...own, ...options })})`);
}

// dialects are the drivers by name. stays: its page can hear what comes after the
// approval. lacks: what the browser is made to do without.
export const dialects = {
  'WeChat script tags': { driver: wechat },
  'JSON short poll': { driver: plain, stays: true },
  'JSON long poll': { driver: plain, long: true, stays: true },
  'JSONP, EventSource removed': { driver: plain, long: true, script: true, stays: true, lacks: ['EventSource', 'WebSocket', 'fetch'] },
  'SSE': { driver: sse, stays: true },
  'WebSocket': { driver: websocket, stays: true },
  'Taobao JSONP': { driver: taobao },
};

/* global shop -- the drivers run in the page */

async function wechat({ server, app }) {
  window.QRLogin = {};
  await shop.script(`${server}/jslogin?appid=${app}&fun=new&lang=en_US&_=${Date.now()}`);
  if (window.QRLogin.code !== 200) throw new Error(window.QRLogin.error);
  const { uuid } = window.QRLogin;
  shop.saw('pending');
  const draw = () => shop.show(`${server}/qrcode/${uuid}?_=${Date.now()}`);
  draw();
  const drawing = setInterval(draw, 1000); // nothing tells a page of WeChat's to
  for (let tip = 1; ;) {
    window.code = 0;
    await shop.again(() => shop.script(
      `${server}/cgi-bin/mmwebwx-bin/login?loginicon=true&uuid=${uuid}&tip=${tip}&_=${Date.now()}`));
    if (window.code !== 408) clearInterval(drawing);
    switch (window.code) {
      case 408:
        break;
      case 201:
        shop.saw('scanned');
        if (!/^data:img\/jpg;base64,/.test(window.userAvatar)) throw new Error('no picture of a person');
        tip = 0;
        break;
      case 200:
        shop.saw('approved');
        return shop.collect(window.redirect_uri);
      case 202:
        shop.saw('denied');
        return shop.end();
      case 400:
        shop.saw('expired');
        return shop.end();
      default:
        throw new Error(`window.code = ${window.code}`);
    }
  }
}

async function plain({ server, app, script, long, stay }) {
  async function ask(id = '', query = '') {
    const address = `${server}/v1/logins${id && `/${id}`}`;
    if (script) return shop.script(`${address}.js?${query || `app=${app}`}&callback=heard`);
    const answer = await fetch(id ? `${address}?${query}` : address, id ? {} : {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ app }),
    });
    return answer.ok ? answer.json() : { error: await answer.json() };
  }
  let v = await ask();
  const { id, interval } = v;
  for (let shown; ;) {
    if (v.error) throw new Error(JSON.stringify(v.error));
    const since = v.state;
    if (since !== shop.last()) {
      shop.saw(since);
      if (v.redirect_uri && shop.collect(v.redirect_uri, stay)) return;
      if (['denied', 'expired', 'redeemed'].includes(since)) return shop.end();
    }
    if (v.qr && v.qr.image !== shown) shop.show(shown = v.qr.image);
    if (!long) {
      await shop.pause(interval * 1000);
      v = await shop.again(() => ask(id));
      continue;
    }
    const wait = Math.min(v.qr ? v.qr.expires_in : 25, 25); // the next code is news too
    const asked = Date.now();
    v = await shop.again(() => ask(id, `since=${since}&wait=${wait}`));
    if (v.state === since && Date.now() - asked < 500) throw new Error('nothing new, and at once');
  }
}

async function sse({ server, app, stay }) {
  const answer = await fetch(`${server}/v1/logins`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ app }),
  });
  const { id } = await answer.json();
  const final = () => ['denied', 'expired', 'redeemed'].includes(shop.last());
  (function open() {
    const source = new EventSource(`${server}/v1/logins/${id}/events?since=${shop.last() ?? ''}`);
    for (const state of ['pending', 'scanned', 'approved', 'denied', 'expired', 'redeemed']) {
      source.addEventListener(state, event => {
        shop.saw(state);
        const v = JSON.parse(event.data);
        if (v.redirect_uri && shop.collect(v.redirect_uri, stay)) source.close();
      });
    }
    source.addEventListener('qr', event => shop.show(JSON.parse(event.data).qr.image));
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return; // it comes back by itself
      if (final()) shop.end(); // it came back, and was told not to
      else setTimeout(open, 300);
    });
  }());
}

function websocket({ server, app, stay }) {
  let begin = `app=${app}`; // after a cut: the login, or the session
  (function open() {
    const socket = new WebSocket(`${server.replace('http', 'ws')}/v1/ws?${begin}`);
    let first = true; // it says how things stand, which need not be news
    socket.onmessage = event => {
      const m = JSON.parse(event.data);
      if (m.type === 'message') return shop.mail(m.data);
      const state = m.type === 'qr' ? 'pending' : m.type;
      const known = (first || m.type === 'qr') && state === shop.last(); // a new code is not a new state
      first = false;
      if (!known) shop.saw(state);
      if (m.type === 'qr') {
        begin = `id=${m.id}`;
        shop.show(m.image);
      }
      if (m.resume) begin = `resume=${m.resume}`;
      if (m.type === 'approved' && shop.collect(m.redirect_uri, stay)) socket.close();
    };
    socket.onclose = event => {
      if (event.code === 1006) setTimeout(open, 300);
      else shop.end(event.code === 1000 ? 'over' : `${event.code} ${event.reason}`);
    };
  }());
}

async function taobao({ server, app }) {
  const started = await shop.script(`${server}/qrcodelogin/generateQRCode4Login.do?from=tb&appkey=${app}&callback=heard`);
  if (!started.success) throw new Error(started.message);
  const draw = () => shop.show(`${location.protocol}${started.url}?_=${Date.now()}`);
  draw();
  const drawing = setInterval(draw, 1000);
  for (;;) {
    const v = await shop.again(() => shop.script(
      `${server}/qrcodelogin/qrcodeLoginCheck.do?lgToken=${started.lgToken}&callback=heard`));
    const state = { 10000: 'pending', 10001: 'scanned', 10003: 'denied', 10004: 'expired', 10006: 'approved' }[v.code];
    if (!state) throw new Error(JSON.stringify(v));
    if (state !== 'pending') clearInterval(drawing);
    if (state !== shop.last()) shop.saw(state);
    if (state === 'approved') return shop.collect(v.url);
    if (state === 'denied' || state === 'expired') return shop.end();
    await shop.pause(500);
  }
}
