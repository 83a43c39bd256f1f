// A site whose page shows the widget, and the server that it comes from: two origins. The
// page is as plain as pages of 2005, and its scripts as old.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { listen } from '../listen.mjs';
import { startServer } from '../server.mjs';

const secret = 'shop-secret';
const sha256 = text => createHash('sha256').update(text).digest('hex');

// startSite starts a site on http://localhost:PORT and a server that knows it:
//
//	page({ bare, widgets, from })   the address of its page: without what is younger than
//	          the engine pretends to be; with a widget in each of these elements; from a
//	          server that is reached in another way
//	server    what startServer gives
//	stop()    ends both
//
// With hold, the page reaches the server over a line that keeps polls as short.
export async function startSite({ flags = [], hold } = {}) {
  const site = await listen((request, response) => {
    answer(new URL(request.url, 'http://localhost'), request.headers.cookie).then(([type, body]) => {
      response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' });
      response.end(body);
    }, err => {
      response.writeHead(500, { 'Content-Type': 'text/plain' });
      response.end(String(err.stack));
    });
  });
  const url = `http://localhost:${site.port}`;

  async function answer({ pathname, searchParams }, cookie) {
    switch (pathname) {
      case '/': return ['text/html', pageOf(searchParams)];
      case '/in': return ['text/html', await signedIn(searchParams, cookie)];
      case '/page.js':
      case '/true.js':
      case '/bare.js': return ['text/javascript', await readFile(import.meta.dirname + pathname)];
      default: return ['text/plain', ''];
    }
  }

  async function signedIn(given, cookie) {
    const got = await fetch(`${server.url}/v1/tickets/redeem`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`shop:${secret}`)}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ ticket: given.get('ticket') }),
    });
    const { user, detail } = await got.json();
    const [, told] = /told=([^;]*)/.exec(cookie) ?? [];
    return html('', `<h1>${user ? `Signed in as ${user.name}` : detail}, ${given.get('state')}</h1>told: ${decodeURIComponent(told ?? '')}`);
  }

  const dir = await mkdtemp(path.join(os.tmpdir(), 'qrlatch-old-'));
  let server;
  try {
    await writeFile(path.join(dir, 'config.yaml'), JSON.stringify({ // which is YAML too
      apps: [{
        id: 'shop', name: 'Corner Shop', origins: [url], redirect_uris: [`${url}/in`],
        secret_sha256: sha256(secret), number: 'never',
      }],
      phones: { tokens: [{ token_sha256: sha256('demo-alice'), subject: 'alice', name: 'Alice' }] },
      limits: { starts_per_address: 0, scans_per_phone: 0 },
    }));
    // The name without a port: what is between has a port of its own.
    server = await startServer([`--config=${dir}/config.yaml`, '--host=127.0.0.1', ...flags]);
  } catch (err) {
    site.stop();
    throw err;
  } finally {
    await rm(dir, { recursive: true });
  }

  const line = hold ? await startLine(server, { hold }) : server;
  return {
    server,
    page: ({ bare = false, widgets = ['login'], from = line } = {}) =>
      `${url}/?${new URLSearchParams({ server: from.url, widgets, ...(bare && { bare }) })}`,
    async stop() {
      site.stop();
      if (line !== server) line.stop();
      await server.stop();
    },
  };
}

// startLine is the line between a browser and a server. It carries everything, except:
//
//	hold      polls are held so many seconds at most, not as long as they ask for
//	swallow   the first request whose address matches stays without an answer; what it
//	          was is swallowed()
export async function startLine(server, { hold, swallow }) {
  let swallowed = '';
  const line = await listen((request, response) => {
    if (swallow && !swallowed && swallow.test(request.url)) {
      swallowed = request.url;
      return;
    }
    const address = hold ? request.url.replace(/\bwait=\d+/, `wait=${hold}`) : request.url;
    const onward = http.request(server.url + address, { method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  return { url: `http://127.0.0.1:${line.port}`, swallowed: () => swallowed, stop: line.stop };
}

function pageOf(given) {
  const server = given.get('server');
  const widgets = given.get('widgets').split(',');
  return html(given.has('bare') ? script('/bare.js') : script('/true.js'), `<h1>Corner Shop</h1>
${widgets.map(id => `<div id="${id}"></div>`).join('\n')}
${script(`${server}/qrlatch.js`)}
${script('/page.js')}
<script type="text/javascript">
document.body.setAttribute('data-scripts', document.getElementsByTagName('script').length);
${widgets.map(id => `shop.show('${id}');`).join('\n')}
</script>`);
}

const script = src => `<script type="text/javascript" src="${src}"></script>`;

const html = (head, body) => `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html lang="en">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<title>Corner Shop</title>
${head}
</head>
<body>
${body}
</body>
</html>
`;
