// Attacks that need browsers: who photographs the code, who passes it on, who hopes for a
// tap by chance, and a page of somebody else. The rest of them is in server/attack.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { becomes, codeOn, expect, hold, idOf, isIn, phone, readQR, says, startServer, test } from './fixtures.mjs';

// fetchFrom asks from an address of the attacker's choice, through a proxy that the server trusts.
const fetchFrom = (server, address, path, init = {}) =>
  fetch(server.url + path, { ...init, headers: { 'User-Agent': 'python-requests/2.32', 'X-Forwarded-For': address, ...init.headers } });

// loot is all that can be made of what a picture says.
function loot(text) {
  const code = text.split('/').pop();
  let number = 0n;
  for (const letter of code) number = number * 26n + BigInt(letter.charCodeAt(0) - 97);
  const raw = Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
  const handle = raw.subarray(0, 9).toString('base64url');
  return [text, code, code.toUpperCase(), handle, raw.toString('base64url'), raw.toString('hex'),
    Buffer.concat([raw, Buffer.alloc(11)]).toString('base64url'), handle + 'A'.repeat(24), code + 'A'.repeat(8)];
}

// doors are the addresses, on every dialect, at which a login is collected.
const doors = key => [
  `/cgi-bin/mmwebwx-bin/login?loginicon=true&tip=1&uuid=${key}`,
  `/cgi-bin/mmwebwx-bin/webwxnewloginpage?fun=new&ticket=${key}`,
  `/cgi-bin/mmwebwx-bin/webwxpushloginurl?uin=${key}`,
  `/v1/logins/${key}`,
  `/v1/logins/${key}?since=pending&wait=1`,
  `/v1/logins/${key}.js?callback=f`,
  `/v1/logins/${key}/events`,
  `/v1/sessions/${key}`,
  `/qrcodelogin/qrcodeLoginCheck.do?lgToken=${key}`,
  `/qrcode/${key}`,
  `/embed/plain/${key}`,
  `/demo/scan/${key}`,
];

const refusals = [/^window\.code=400;$/, /<ret>1203<\/ret>/, /"ret":"1"/, /"status":4\d\d/, /10004/, /not shown any more/];

// tries asks at every door with every value, with what the thief's browser has, and
// returns what opened.
async function tries(thief, values) {
  const ask = async path => {
    const answer = await thief.request.get(path, { maxRedirects: 0, timeout: 15_000 });
    const body = await answer.text();
    const shut = answer.status() >= 400 || refusals.some(words => words.test(body));
    return shut && !/redirect_uri|ticket=/.test(body) ? [] : [`${path}: ${answer.status()} ${body.slice(0, 200)}`];
  };
  // Not by the browser's own sockets: browsers open them one after the other, and wait the
  // longer the more often a server has refused.
  const { origin } = new URL(thief.url());
  const dial = path => new Promise((done, fail) => {
    get(origin + path, { headers: {
      Origin: origin, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    } }).on('upgrade', (_, socket) => { socket.destroy(); done([`${path}: opens`]); })
      .on('response', answer => { answer.resume(); done([]); })
      .on('error', fail);
  });
  const keys = values.map(encodeURIComponent);
  return (await Promise.all([
    ...keys.flatMap(doors).map(ask),
    ...keys.flatMap(key => ['id', 'resume'].map(by => dial(`/v1/ws?${by}=${key}`))),
  ])).flat();
}

test('the photographer has only the picture, and never gets a session', async ({ page, elsewhere, alice }) => {
  await elsewhere.goto('/phone');
  const release = await hold(page, '**/webwxnewloginpage?**'); // the victim is slow
  await page.goto('/');
  await says(page, 'Scan to sign in');
  const text = readQR(await page.screenshot());
  const values = loot(text);
  const found = await elsewhere.request.get(`/v1/logins/${await idOf(page)}`);
  expect(await found.json()).toMatchObject({ state: 'pending' }); // these doors are doors

  expect(await tries(elsewhere, values), 'while nobody has scanned').toEqual([]);
  const { id } = await alice.scan(text);
  await says(page, 'Scanned');
  expect(await tries(elsewhere, [...values, id]), 'while the phone is asked').toEqual([]);
  const pages = page.waitForRequest('**/webwxnewloginpage?**');
  const number = (await alice.get(id)).number_required ? await page.evaluate(async id =>
    (await (await fetch(`/v1/logins/${id}`)).json()).number, await page.evaluate(() => window.QRLogin.uuid)) : undefined;
  await alice.approve(id, number);
  await pages;
  expect(await tries(elsewhere, [...values, id]), 'while a ticket waits').toEqual([]);
  await release();
  await isIn(page, 'Alice');
  expect(await tries(elsewhere, [...values, id]), 'when the victim is in').toEqual([]);

  expect((await elsewhere.context().cookies()).map(({ name }) => name)).not.toContain('wxsid');
  await elsewhere.goto('/');
  await says(elsewhere, 'Scan to sign in');
});

// phish starts a login as an attacker's program does, and shows its code to the victim on
// a page of the attacker's.
async function phish(server, page, from) {
  const begun = await (await fetchFrom(server, from, '/v1/logins', {
    method: 'POST', body: JSON.stringify({ app: 'demo' }), headers: { 'Content-Type': 'application/json' },
  })).json();
  const picture = Buffer.from(await (await fetchFrom(server, from, `/qrcode/${begun.id}.png?size=512`)).arrayBuffer());
  await page.setContent(`<h1>You have won. Scan to collect your prize</h1><img alt="QR code" src="data:image/png;base64,${picture.toString('base64')}">`);
  return { id: begun.id, text: await codeOn(page), state: async () => (await (await fetchFrom(server, from, `/v1/logins/${begun.id}`)).json()) };
}

// facts are what the phone's page says of the browser that asks.
const facts = handset => handset.locator('.ledger');

const relays = {
  attacker: '203.0.113.66',
  other: '198.51.100.4',
};

test('the relay: the phone is told whose login it is, and a stale code needs the number', async ({ page, handset }) => {
  const server = await startServer(['--demo', '--trusted-proxies=127.0.0.1/32', '--code-ttl=2s']);
  try {
    const bait = await phish(server, page, relays.attacker);
    // A relay that takes its time: the code is two slots old when it is opened.
    await expect.poll(async () => (await bait.state()).qr.text, { intervals: [500] }).not.toBe(bait.text);
    const second = (await bait.state()).qr.text;
    await expect.poll(async () => [bait.text, second].includes((await bait.state()).qr.text), { intervals: [500] }).toBe(false);
    await handset.goto(bait.text);
    await becomes(handset, 'Alice');
    await expect(handset.getByRole('heading', { name: 'Let this browser in as Alice?' })).toBeVisible();

    await expect(handset.locator('main')).toContainText('Corner Shop');
    await expect(facts(handset)).toContainText(relays.attacker);
    await expect(facts(handset)).toContainText('Python');
    await expect(facts(handset)).toContainText(/\d+ seconds ago|1 minute ago/);
    await expect(handset.getByText('only if you are looking at that browser now, and opened the page yourself')).toBeVisible();
    await expect(handset.getByText('This code was shown a while ago: somebody may have passed it on to you.')).toBeVisible();
    const [no, yes] = await Promise.all(['Deny', 'Approve'].map(name => handset.getByRole('button', { name }).boundingBox()));
    expect(no.height).toBeGreaterThanOrEqual(yes.height); // as easy to hit
    expect(no.width).toBeGreaterThanOrEqual(yes.width * 0.9);

    // The page in front of the victim shows no number, and a yes without one is none.
    const digits = handset.getByLabel('The two digits on that browser’s screen');
    await expect(digits).toBeVisible();
    const { number } = await bait.state();
    for (const guess of ['10', '11', '12', '13'].filter(guess => guess !== number).slice(0, 3)) {
      await digits.fill(guess);
      await handset.getByRole('button', { name: 'Approve' }).click();
      await expect(handset.locator('#wrong, h1').filter({ hasText: /not the number|Three wrong/ })).toBeVisible();
    }
    expect(await bait.state()).toMatchObject({ state: 'denied' });
  } finally {
    await server.stop();
  }
});

test('the relay: a fresh code says who asks, and a second watcher needs the number', async ({ page, handset }) => {
  const server = await startServer(['--demo', '--trusted-proxies=127.0.0.1/32']);
  try {
    const alone = await phish(server, page, relays.attacker);
    await handset.goto(alone.text);
    await becomes(handset, 'Alice');
    await expect(facts(handset)).toContainText(relays.attacker);
    await expect(facts(handset)).toContainText('Python');
    await expect(handset.getByText('only if you are looking at that browser now, and opened the page yourself')).toBeVisible();
    await handset.getByRole('button', { name: 'Deny' }).click();
    await expect(handset.getByText('somebody may have sent you the code: it was right to say no.')).toBeVisible();
    expect(await alone.state()).toMatchObject({ state: 'denied' });

    // The relay's two machines both wait for the victim's yes.
    const bait = await phish(server, page, relays.attacker);
    const stop = new AbortController();
    const waits = [relays.attacker, relays.other].map(from =>
      fetchFrom(server, from, `/v1/logins/${bait.id}/events`, { signal: stop.signal }));
    await Promise.all(waits); // both streams are open
    const scan = await phone(server, 'bob').scan(bait.text);
    expect(scan).toMatchObject({ number_required: true, browser: { ip: relays.attacker }, app: { name: 'Corner Shop', origin: server.url } });
    expect(scan.risk).toContain('second_watcher');
    stop.abort();
  } finally {
    await server.stop();
  }
});

test('a tap at once is no answer', async ({ page, handset }) => {
  await handset.clock.install();
  await page.goto('/');
  await handset.goto(await codeOn(page));
  await becomes(handset, 'Alice');
  const yes = handset.getByRole('button', { name: 'Approve' });
  await expect(yes).toBeVisible();
  await handset.reload(); // the clock stands still from here on
  await handset.clock.pauseAt(new Date(Date.now() + 3_600_000));
  await handset.reload();
  await expect(yes).toBeDisabled();
  await handset.keyboard.press('Enter');
  await yes.click({ force: true });
  await handset.clock.runFor(400);
  await expect(yes).toBeDisabled();
  await says(page, 'Scanned');
  await handset.clock.runFor(200);
  await expect(yes).toBeEnabled();
  await handset.clock.resume();
  await yes.click();
  await isIn(page, 'Alice');
});

test('a page of somebody else hears nothing of who is signed in', async ({ page, server, alice }) => {
  await page.goto('/');
  const { id } = await alice.scan(await codeOn(page));
  await alice.approve(id);
  await isIn(page, 'Alice');
  const cookies = await page.context().cookies();
  const evil = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>evil</title>');
  }).listen(0, 'localhost');
  await once(evil, 'listening');
  await page.goto(`http://localhost:${evil.address().port}/`);
  const heard = await page.evaluate(async ([server, id]) => {
    const calls = [];
    window.f = said => calls.push(JSON.stringify(said));
    window.QRLogin = {};
    const load = path => new Promise(done => {
      const script = document.createElement('script');
      script.onload = script.onerror = done;
      script.src = server + path;
      document.head.append(script);
    });
    for (const path of ['/jslogin?appid=demo', '/v1/logins.js?app=demo&callback=f', `/v1/logins/${id}.js?callback=f`, '/', '/phone', '/v1/sessions', '/v1/scans',
      '/cgi-bin/mmwebwx-bin/login?tip=0&uuid=x', `/qrcodelogin/qrcodeLoginCheck.do?callback=f&lgToken=${id}`]) await load(path);
    const reads = [];
    for (const path of ['/', '/phone', '/v1/sessions', '/cgi-bin/mmwebwx-bin/synccheck']) {
      reads.push(await fetch(server + path, { credentials: 'include' }).then(answer => answer.text(), () => 'refused'));
    }
    return { calls, reads, left: JSON.stringify([window.QRLogin, window.code, window.userAvatar, window.redirect_uri, window.synccheck]) };
  }, [server.url, id]);
  evil.close();
  expect(heard.calls.length).toBeGreaterThan(1); // scripts do run here
  expect(heard.reads).toEqual(['refused', 'refused', 'refused', 'refused']);
  const all = JSON.stringify(heard);
  expect(all).not.toContain('Alice');
  for (const { value } of cookies.filter(({ value }) => value.length > 8)) expect(all).not.toContain(value);
});
