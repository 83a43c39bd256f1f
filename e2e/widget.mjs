// A site that is not ours with the widget on its page, and what may lie between its
// visitors and our server.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test as base, expect, phone, readQR } from './fixtures.mjs';
import { listen } from './listen.mjs';
import { startServer } from './server.mjs';

export { expect, phone };

const secret = 'shop-secret';
const sha256 = text => createHash('sha256').update(text).digest('hex');

// startSite starts a site on http://localhost:PORT and a server that knows it:
//
//	url       of the site; stranger is that of one which the server does not know
//	answers   what it says at each of its paths: a test may add one
//	server    what startServer gives
//	restart() ends the server, which forgets everything, and starts it again in its place
//	stop()    ends both
//
// Its apps are shop, bank, which asks for the number, and seoul, whose people speak Korean.
export async function startSite(flags = []) {
  const site = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    Promise.resolve(answers[pathname]?.(JSON.parse(searchParams.get('page')), searchParams)).then(given => {
      const { type = 'text/html', headers, body } = given ?? { body: '' };
      response.writeHead(given ? 200 : 404, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store', ...headers });
      response.end(body);
    }, err => {
      response.writeHead(500);
      response.end(String(err.stack));
    });
  });
  const url = `http://localhost:${site.port}`;

  async function signedIn(_, given) {
    const got = await fetch(`${self.server.url}/v1/tickets/redeem`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${given.get('appid')}:${secret}`)}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ ticket: given.get('ticket') }),
    });
    const said = await got.json();
    return { body: `<link rel="icon" href="data:,"><h1>${got.ok ? `Signed in as ${said.user.name}` : JSON.stringify(said)}</h1><p>${given.get('state')}</p>` };
  }
  // example is the page that the documents show.
  async function example() {
    const page = await readFile(path.resolve(import.meta.dirname, '../docs/examples/frame.html'), 'utf8');
    return { body: page.replace('https://login.example', self.server.url) };
  }
  const answers = { '/': pageOf, '/start.js': scriptOf, '/in': signedIn, '/around': around, '/face.svg': face, '/frame.html': example };

  const dir = await mkdtemp(path.join(os.tmpdir(), 'qrlatch-e2e-'));
  // The name without a port: what lies between has a port of its own.
  const start = listen => startServer([`--config=${dir}/config.yaml`, '--host=127.0.0.1', `--listen=${listen}`, ...flags]);
  const self = {
    url,
    answers,
    stranger: `http://stranger.localhost:${site.port}`,
    async restart() {
      await self.server.stop();
      self.server = await start(new URL(self.server.url).host);
    },
    async stop() {
      site.stop();
      await self.server.stop();
      await rm(dir, { recursive: true });
    },
  };
  try {
    await writeFile(path.join(dir, 'config.yaml'), config(url));
    self.server = await start('127.0.0.1:0');
  } catch (err) {
    site.stop();
    await rm(dir, { recursive: true });
    throw err;
  }
  return self;
}

const config = origin => JSON.stringify({ // which is YAML too
  apps: [['shop', 'never'], ['bank', 'always'], ['seoul', 'never', 'ko']].map(([id, number, lang]) => ({
    id, number, lang, name: `The ${id}`, origins: [origin], redirect_uris: [`${origin}/in?appid=${id}`],
    secret_sha256: sha256(secret), disclose_on_scan: 'avatar',
  })),
  phones: { tokens: [{ token_sha256: sha256('demo-alice'), subject: 'alice', name: 'Alice', picture: `${origin}/face.svg` }] },
  limits: { starts_per_address: 0, scans_per_phone: 0 },
});

// startProxy carries requests to a server. What meddle says of an address, or promises
// to say, happens to it: 'swallow' keeps back what is said after the headers, 'cut'
// breaks the connection.
export async function startProxy(server, meddle) {
  const proxy = await listen(async (request, response) => {
    const how = await meddle(request.url);
    if (how === 'cut') return request.socket.destroy();
    const onward = http.request(server.url + request.url, { method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode, answer.headers).flushHeaders();
      if (how === 'swallow') answer.resume(); else answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  return { url: `http://127.0.0.1:${proxy.port}`, stop: proxy.stop };
}

// pageOf makes the site's page:
//
//	server    where its script comes from
//	widgets   the options of each widget on it; el, app and redirect have defaults
//	headers   of its answer; its scripts have the nonce n
//	lang, style   of the page
function pageOf({ lang = 'en', style = '', headers, ...page }) {
  const script = src => `<script nonce="n" src="${src}"></script>`;
  return {
    headers,
    body: `<!doctype html><html lang="${lang}"><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">${style && `<style>${style}</style>`}
<h1>Sign in</h1>
${page.widgets.map((_, i) => `<div id="w${i}"></div>`).join('\n')}
${script(`${page.server}/qrlatch.js`)}
${script(`/start.js?${new URLSearchParams({ page: JSON.stringify(page) })}`)}`,
  };
}

// scriptOf makes the script of that page, which notes in told what each widget told it.
function scriptOf({ widgets }) {
  const body = widgets => {
    window.told = [];
    window.widgets = widgets.map((options, i) => {
      const all = { el: `w${i}`, app: 'shop', ...options };
      for (const name of ['Ready', 'Scanned', 'Approved', 'Denied', 'Expired', 'Error']) {
        all[`on${name}`] = login => { window.told.push({ widget: i, name, login }); };
      }
      return window.QRLatch(all);
    });
  };
  return { type: 'text/javascript', body: `(${body})(${JSON.stringify(widgets)})` };
}

const face = () => ({ type: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#2a7"/></svg>' });

// around makes a page with the page src in a frame, which may not lead the window on:
// without a click no frame may, but a driver's questions count as clicks. The page notes
// in heard what messages it got.
const around = (_, given) => ({
  body: `<!doctype html><title>Around</title><link rel="icon" href="data:,">
<script>var heard = []; addEventListener('message', event => { heard.push({ origin: event.origin, data: event.data }); });</script>
<iframe width="320" height="460" src="${given.get('src').replaceAll('&', '&amp;')}"
  sandbox="allow-scripts allow-same-origin"></iframe>`,
});

export const test = base.extend({
  baseURL: ({}, use) => use(undefined), // these need no demo

  // The sites of this worker, by the flags of their servers, open once they are asked for.
  sites: [
    async ({}, use) => {
      const open = new Map();
      await use((...flags) => {
        const key = flags.join(' ');
        if (!open.has(key)) open.set(key, startSite(flags));
        return open.get(key);
      });
      for (const site of open.values()) await (await site).stop();
    },
    { scope: 'worker' },
  ],

  site: ({ sites }, use) => sites().then(use),
  alice: ({ site }, use) => use(phone(site.server, 'alice')),

  // own starts what belongs to one test alone, and stops it at its end.
  own: async ({}, use) => {
    const started = [];
    await use(async starting => {
      started.push(await starting);
      return started.at(-1);
    });
    for (const one of started.reverse()) await one.stop();
  },

  // widget is the page of a site with a widget, and what can be seen of it.
  widget: ({ page, site }, use) => use(widgetOn(page, site)),
});

// requests notes what a page asks our server about logins.
export function requests(page) {
  const asked = [];
  page.on('request', request => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith('/v1/')) asked.push(`${request.method()} ${pathname}${search}`);
  });
  return asked;
}

// widgetOn gives what a test says of a page's widgets, of which box is one.
export function widgetOn(page, site, box = page.locator('#w0 .qrlatch')) {
  const errors = [];
  const note = words => { // but for the style sheet with which Firefox's driver takes pictures
    if (!words.includes('inline style (style-src-elem)')) errors.push(words);
  };
  page.on('console', message => { if (message.type() === 'error') note(message.text()); });
  page.on('pageerror', err => note(err.message));
  return {
    page,
    box,
    errors,
    address: ({ widgets = [{}], from = site.server, at = site.url, ...rest } = {}) =>
      `${at}/?${new URLSearchParams({ page: JSON.stringify({ server: from.url, widgets, ...rest }) })}`,
    // open takes no longer than a page without a widget: nothing may hold back its load event.
    open(given) { return page.goto(this.address(given), { timeout: 10_000 }); },
    // state waits until the login has come so far, and says what goes with that in words.
    async state(state) {
      await expect(box).toHaveAttribute('data-state', state, { timeout: 20_000 });
      if (words[state]) await expect(box.getByRole('status')).toHaveText(words[state]);
    },
    // code waits for the picture and reads it as a camera does.
    async code() {
      await this.state('pending');
      const picture = box.getByRole('img', { name: 'QR code' });
      await picture.evaluate(img => img.decode());
      return readQR(await picture.screenshot());
    },
    told: () => page.evaluate(() => window.told.map(({ name }) => name).join(' ')),
    // says waits for the callbacks that were called.
    says(names) { return expect.poll(() => this.told()).toBe(names); },
    // goesOn follows the link that is offered where the way is barred.
    async goesOn() {
      const link = box.getByRole('link', { name: 'Continue' });
      await expect(link).toHaveAttribute('target', '_top');
      await page.goto(await link.getAttribute('href'));
    },
    isIn: (name = 'Alice') => expect(page.getByRole('heading')).toHaveText(`Signed in as ${name}`),
    // letIn answers the code on the page.
    async letIn(alice) {
      const { id } = await alice.scan(await this.code());
      await this.state('scanned');
      await alice.approve(id);
    },
  };
}

const words = {
  pending: /^(Scan with your phone to sign in|On your phone, open .*\/phone and type this code[B-Z]{4}-[B-Z]{4})$/,
  scanned: /^(Scanned\. Now confirm on your phone|Type \d\d on your phone)$/,
  approved: 'Approved',
  denied: 'Declined on the phone',
  expired: 'This code has expired',
  offline: 'No connection. Trying again…',
  refused: 'Sign-in is not possible here',
};
