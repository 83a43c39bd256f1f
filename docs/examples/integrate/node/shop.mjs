// A site that signs people in by qrlatch. Node 18 or newer, no packages. As it stands:
//
//   QRLATCH=https://login.example APP=shop SECRET=secret PORT=8082 node shop.mjs
import { createPublicKey, randomBytes, timingSafeEqual, verify } from 'node:crypto';
import { createServer } from 'node:http';

const { QRLATCH: server, APP: app, SECRET: secret, PORT: port = '8082' } = process.env;

// home shows the login. Its state is bound to this browser by a cookie.
function home(request, response) {
  const state = randomBytes(18).toString('base64url');
  response.setHeader('Set-Cookie', `state=${state}; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax`);
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(`<!DOCTYPE html><title>Sign in</title><div id="login"></div>
<script src="${server}/qrlatch.js"></script>
<script>QRLatch({ el: 'login', app: '${app}', state: '${state}' })</script>`);
}

// signedIn is the redirect_uri. A state that is not this browser's would sign its person in
// to somebody else's account.
async function signedIn(request, response, query) {
  const state = /(?:^|; )state=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  if (!state || !equal(state, query.get('state') ?? '')) {
    return say(response, 403, 'This sign-in did not begin in this browser.');
  }
  const answer = await redeem(query.get('ticket') ?? '');
  if ([400, 404, 409].includes(answer.status)) return say(response, 403, 'This sign-in is over. Begin again.');
  if (answer.status !== 200) return say(response, 502, 'The login server does not help. Reload this page.');
  const { user } = await answer.json();
  // Begin your own session here. Keep session.id in it: see "While it lasts".
  response.setHeader('Set-Cookie', 'state=; Path=/; Max-Age=0');
  say(response, 200, `Signed in as ${user.name}`);
}

function equal(a, b) {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

// redeem trades the ticket, once.
function redeem(ticket) {
  return fetch(`${server}/v1/tickets/redeem`, {
    method: 'POST',
    headers: {
      'Authorization': 'Basic ' + Buffer.from(`${app}:${secret}`).toString('base64'),
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ ticket }),
    signal: AbortSignal.timeout(10_000),
  });
}

// claims returns what an id_token says, or throws.
async function claims(token) {
  const [head, body, signature, ...more] = token.split('.');
  const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'));
  if (more.length || alg !== 'ES256') throw new Error('not one of ours');
  const key = { key: await keyOf(kid), dsaEncoding: 'ieee-p1363' };
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) throw new Error('forged');
  const said = JSON.parse(Buffer.from(body, 'base64url'));
  if (said.iss !== server || said.aud !== app || !(said.exp > Date.now() / 1000)) throw new Error('not for us, or over');
  return said;
}

const keys = new Map();
let fetched = 0;

// keyOf asks for a key that it does not know, every ten seconds at most.
async function keyOf(kid) {
  if (!keys.has(kid) && Date.now() - fetched > 10_000) {
    fetched = Date.now();
    const answer = await fetch(`${server}/.well-known/jwks.json`, { signal: AbortSignal.timeout(10_000) });
    for (const key of (await answer.json()).keys) keys.set(key.kid, createPublicKey({ key, format: 'jwk' }));
  }
  if (!keys.has(kid)) throw new Error('unknown key');
  return keys.get(kid);
}

// me is of another service of yours, which trusts nobody's word but an id_token.
async function me(request, response) {
  try {
    const { sub } = await claims((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    say(response, 200, JSON.stringify({ sub }));
  } catch {
    say(response, 401, 'Who are you?');
  }
}

function say(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text + '\n');
}

const pages = { '/': home, '/signed-in': signedIn, '/api/me': me };
createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  try {
    await (pages[pathname] ?? (() => say(response, 404, 'There is no such page.')))(request, response, searchParams);
  } catch {
    say(response, 502, 'The login server does not answer. Reload this page.');
  }
}).listen(Number(port), '127.0.0.1', function () { console.log(`listening on http://127.0.0.1:${this.address().port}`); });
