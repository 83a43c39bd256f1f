// A site that is not ours, its page, and the cable between a browser and our server.

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startServer } from './server.mjs';

export const app = 'shop';
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
//	plug()   joins it again, and resolves once a browser's words have reached the server,
//	         and it has answered somebody who asked after that
//	stop()   pulls it for good
export async function startCable(url) {
  const { port } = new URL(url);
  const connections = new Set();
  let whole = true;
  let arrived = () => {};
  const cable = net.createServer(browser => {
    browser.on('error', () => {}); // it may go at any time
    if (!whole) return browser.destroy();
    const server = net.connect(port, '127.0.0.1');
    const connection = { browser, server };
    connections.add(connection);
    browser.on('data', words => server.write(words, err => { if (!err) arrived(); }));
    browser.on('close', () => server.end());
    server.pipe(browser);
    server.on('error', () => {}); // it closes then
    server.on('close', () => { connections.delete(connection); browser.destroy(); });
  });

  async function pull() {
    whole = false;
    await Promise.all([...connections].map(({ browser, server }) => new Promise(resolve => {
      server.on('close', resolve);
      server.unpipe(browser);
      server.resume(); // what it still says is lost
      browser.destroy();
    })));
  }
  return {
    url: `http://127.0.0.1:${await listen(cable)}`,
    pull,
    async plug() {
      whole = true;
      await new Promise(resolve => { arrived = resolve; });
      await fetch(url);
    },
    async stop() {
      cable.close();
      await pull();
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
