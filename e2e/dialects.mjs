// A site that is not ours, and how its page waits for the phone: a driver for each
// dialect, written as somebody might who has read nothing but its description. The
// page keeps a list of the states that it was told of, in the order it was told.

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startServer } from './server.mjs';

const app = 'shop';
const secret = 'shop-secret';
const sha256 = text => createHash('sha256').update(text).digest('hex');

// startShop starts a site on http://localhost:PORT and a server that knows it:
//
//	url      of the site's page, which is empty until a driver runs in it
//	server   what startServer gives
//	session() is the session that has begun last, send() sends something to it
//	stop()   ends both
export async function startShop(flags) {
  const site = http.createServer((request, response) => {
    answer(new URL(request.url, shop.url)).then(([status, body]) => {
      response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
      response.end(body);
    }, err => {
      response.writeHead(500);
      response.end(String(err.stack));
    });
  });
  const shop = { url: `http://localhost:${await listen(site)}` };
  let session;

  async function answer(url) {
    if (url.pathname === '/') return [200, pageOf('Sign in')];
    if (url.pathname !== '/in') return [404, ''];
    const got = await call('/v1/tickets/redeem', { ticket: url.searchParams.get('ticket') });
    const said = await got.json();
    session = said.session?.id;
    return [got.status, pageOf(got.ok ? `Signed in as ${said.user.name}` : JSON.stringify(said))];
  }

  function call(address, body) {
    return fetch(shop.server.url + address, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${app}:${secret}`)}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  const dir = await mkdtemp(path.join(os.tmpdir(), 'qrlatch-e2e-'));
  try {
    await writeFile(path.join(dir, 'config.yaml'), config(shop.url));
    // The name without a port: a cable has one of its own.
    shop.server = await startServer([`--config=${dir}/config.yaml`, '--host=127.0.0.1', ...flags]);
  } catch (err) {
    site.close();
    throw err;
  } finally {
    await rm(dir, { recursive: true });
  }
  shop.session = () => session;
  shop.send = data => call(`/v1/sessions/${session}/messages`, { data });
  shop.stop = async () => {
    site.close();
    site.closeAllConnections();
    await shop.server.stop();
  };
  return shop;
}

const config = origin => JSON.stringify({ // which is YAML too
  apps: [{
    id: app, name: 'Corner Shop', origins: [origin], redirect_uris: [`${origin}/in`],
    secret_sha256: sha256(secret), number: 'never',
  }],
  phones: { tokens: [{ token_sha256: sha256('demo-alice'), subject: 'alice', name: 'Alice' }] },
  limits: { starts_per_address: 0, scans_per_phone: 0 },
});

function listen(server) {
  return new Promise(resolve => { server.listen(0, '127.0.0.1', () => resolve(server.address().port)); });
}

// startCable carries bytes between a browser and a server until somebody pulls it:
//
//	url      the server's, by way of the cable
//	pull()   breaks every connection, and resolves once the server has noticed
//	plug()   joins it again
export async function startCable(url) {
  let whole = true;
  const ends = new Set(); // at the server
  const cable = net.createServer({ allowHalfOpen: true }, browser => {
    browser.on('error', () => {}); // it may go at any time
    if (!whole) return browser.destroy();
    const server = net.connect(new URL(url).port, '127.0.0.1');
    const end = { browser, server };
    ends.add(end);
    server.on('error', () => browser.destroy());
    server.on('close', () => { ends.delete(end); browser.destroy(); });
    browser.on('close', () => server.end());
    browser.pipe(server);
    server.pipe(browser);
  });
  const port = await listen(cable);
  async function pull() {
    whole = false;
    await Promise.all([...ends].map(({ browser, server }) => new Promise(resolve => {
      server.on('close', resolve);
      server.unpipe(browser);
      server.resume(); // what it still says is lost
      browser.destroy();
    })));
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pull,
    plug() { whole = true; },
    async stop() {
      await pull();
      cable.close();
    },
  };
}

const pageOf = heading => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Corner Shop</title>
<h1>${heading}</h1>
<p id="code"></p>
<p id="saw"></p>
<p id="mail"></p>
<p id="end"></p>
<script>(${inPage})()</script>`;

// inPage is what the drivers share. The list outlives the way to the next page. A
// driver's mistake stands in it too.
function inPage() {
  const saw = (sessionStorage.getItem('saw') ?? '').split(' ').filter(Boolean);
  const put = (id, text) => { document.getElementById(id).textContent = text; };
  put('saw', saw.join(' '));

  addEventListener('unhandledrejection', event => shop.saw(`(${event.reason.message})`));
  addEventListener('error', event => shop.saw(`(${event.message})`));

  window.shop = {
    // saw notes what the page was told; last is what it was told before.
    saw(state) {
      saw.push(state);
      sessionStorage.setItem('saw', saw.join(' '));
      put('saw', saw.join(' '));
    },
    last: () => saw.at(-1),
    // show puts up a picture once it is whole: a camera sees the old one till then.
    async show(address) {
      const img = new Image();
      img.alt = 'QR code';
      img.src = address;
      await img.decode().then(() => document.getElementById('code').replaceChildren(img), () => {});
    },
    // collect goes where an approved login leads to, unless the page wants to hear more,
    // and reports whether it went.
    collect(uri, stay) {
      if (stay) document.getElementById('end').innerHTML = `<a href="${uri}">approved</a>`;
      else location.href = uri;
      return !stay;
    },
    end: (why = 'over') => put('end', why),
    mail: data => put('mail', JSON.stringify(data)),
    pause: (ms = 300) => new Promise(resolve => { setTimeout(resolve, ms); }),
    // script resolves to what window.heard was called with, if it was; it rejects where
    // there is no connection.
    script: address => new Promise((resolve, reject) => {
      const tag = document.createElement('script');
      let heard;
      window.heard = value => { heard = value; };
      tag.onload = () => { tag.remove(); resolve(heard); };
      tag.onerror = () => { tag.remove(); reject(new Error(`nothing at ${address}`)); };
      tag.src = address;
      document.head.append(tag);
    }),
    // again asks until there is an answer.
    async again(ask) {
      for (;;) {
        try {
          return await ask();
        } catch {
          await this.pause();
        }
      }
    },
  };
}

// run starts the driver of a dialect in a page, and does not wait for its end. Of
// 'SSE or JSONP' it takes the first that the browser can.
export async function run(page, dialect, server, options = {}) {
  if (dialect === 'SSE or JSONP') dialect = await page.evaluate(() => ('EventSource' in window ? 'SSE' : 'JSONP'));
  const { driver, ...own } = dialects[dialect];
  return page.evaluate(`void (${driver})(${JSON.stringify({ server, app, ...own, ...options })})`);
}

// dialects are the drivers by name. stay: the page hears what comes after the approval.
export const dialects = {
  'WeChat script tags': { driver: wechat },
  'JSON short poll': { driver: json, stays: true },
  'JSON long poll': { driver: json, long: true, stays: true },
  'JSONP': { driver: jsonp, stays: true },
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

async function json({ server, app, long, stay }) {
  async function ask(address, options) {
    const answer = await fetch(server + address, options);
    if (!answer.ok) return { error: await answer.json() };
    return answer.json();
  }
  let v = await ask('/v1/logins', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ app }),
  });
  const { id, interval } = v;
  for (let shown; ;) {
    if (v.error) throw new Error(JSON.stringify(v.error));
    if (v.state !== shop.last()) {
      shop.saw(v.state);
      if (v.redirect_uri && shop.collect(v.redirect_uri, stay)) return;
      if (['denied', 'expired', 'redeemed'].includes(v.state)) return shop.end();
    }
    if (v.qr && v.qr.image !== shown) shop.show(shown = v.qr.image);
    if (long) {
      const since = v.state;
      const wait = Math.min(v.qr ? v.qr.expires_in : 25, 25);
      const asked = Date.now();
      v = await shop.again(() => ask(`/v1/logins/${id}?since=${since}&wait=${wait}`));
      if (v.state === since && Date.now() - asked < 500) throw new Error('nothing new, and at once');
    } else {
      await shop.pause(interval * 1000);
      v = await shop.again(() => ask(`/v1/logins/${id}`));
    }
  }
}

async function jsonp({ server, app, stay }) {
  let v = await shop.script(`${server}/v1/logins.js?app=${app}&callback=heard`);
  const { id } = v;
  for (let shown; ;) {
    if (v.error) throw new Error(JSON.stringify(v.error));
    if (v.state !== shop.last()) {
      shop.saw(v.state);
      if (v.redirect_uri && shop.collect(v.redirect_uri, stay)) return;
      if (['denied', 'expired', 'redeemed'].includes(v.state)) return shop.end();
    }
    if (v.qr && v.qr.image !== shown) shop.show(shown = v.qr.image);
    const since = v.state;
    const wait = Math.min(v.qr ? v.qr.expires_in : 25, 25);
    const asked = Date.now();
    v = await shop.again(() => shop.script(`${server}/v1/logins/${id}.js?since=${since}&wait=${wait}&callback=window.heard`));
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
  let back = `app=${app}`; // how to come back after a cut
  (function open() {
    const socket = new WebSocket(`${server.replace('http', 'ws')}/v1/ws?${back}`);
    let known = shop.last(); // a socket that is back first says how things stand
    socket.onmessage = event => {
      const m = JSON.parse(event.data);
      if (m.type === 'message') return shop.mail(m.data);
      if (m.type === 'qr') {
        known = shop.last(); // every further code comes so too
        back = `id=${m.id}`;
        shop.show(m.image);
      }
      if (m.resume) back = `resume=${m.resume}`;
      const state = m.type === 'qr' ? 'pending' : m.type;
      if (state !== known) shop.saw(state);
      known = undefined;
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
      `${server}/qrcodelogin/qrcodeLoginCheck.do?lgToken=${started.lgToken}&callback=window.heard`));
    const state = { 10000: 'pending', 10001: 'scanned', 10003: 'denied', 10004: 'expired', 10006: 'approved' }[v.code];
    if (!state) throw new Error(JSON.stringify(v));
    if (state !== 'pending') clearInterval(drawing);
    if (state !== shop.last()) shop.saw(state);
    if (state === 'approved') return shop.collect(v.url);
    if (state === 'denied' || state === 'expired') return shop.end();
    await shop.pause(500);
  }
}
