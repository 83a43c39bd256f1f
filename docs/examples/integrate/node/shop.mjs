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

// claims returns what a token of a type says, or throws. Both types have the same key, and
// neither does for the other: a logout token is no proof that somebody signed in.
async function claims(token, type) {
  const [head, body, signature, ...more] = token.split('.');
  const { alg, kid, typ } = JSON.parse(Buffer.from(head, 'base64url'));
  if (more.length || alg !== 'ES256' || typ !== type) throw new Error('not one of ours');
  const key = { key: await keyOf(kid), dsaEncoding: 'ieee-p1363' };
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) throw new Error('forged');
  const said = JSON.parse(Buffer.from(body, 'base64url'));
  if (said.iss !== server || said.aud !== app || !(said.exp > Date.now() / 1000)) throw new Error('not for us, or over');
  return said;
}

const keys = new Map();
let fetched = 0;

// NoKey says nothing against a token: its key cannot be had just now.
class NoKey extends Error {}

// keyOf asks for a key that it does not know, every ten seconds at most.
async function keyOf(kid) {
  if (!keys.has(kid) && Date.now() - fetched > 10_000) {
    fetched = Date.now();
    try {
      const answer = await fetch(`${server}/.well-known/jwks.json`, { signal: AbortSignal.timeout(3_000) }); // a notice is waited for five
      for (const key of (await answer.json()).keys) keys.set(key.kid, createPublicKey({ key, format: 'jwk' }));
    } catch {
      throw new NoKey();
    }
  }
  if (!keys.has(kid)) throw new NoKey();
  return keys.get(kid);
}

// signedOut is the logout_url: the phone, or something else, has ended a session.
async function signedOut(request, response) {
  let form = '';
  for await (const chunk of request) {
    form += chunk;
    if (form.length > 16384) return say(response, 413, 'Too much.');
  }
  try {
    const { sid, events, nonce } = await claims(new URLSearchParams(form).get('logout_token') ?? '', 'logout+jwt');
    if (!sid || nonce !== undefined || !events['http://schemas.openid.net/event/backchannel-logout']) throw new Error('no notice');
    // End your own session that keeps sid. One that is over already is no error.
    response.writeHead(204, { 'Cache-Control': 'no-store' }).end();
  } catch (error) {
    // After anything but a 400, the same notice comes again.
    say(response, error instanceof NoKey ? 503 : 400, 'This is no logout token for this site.');
  }
}

// me is of another service of yours, which trusts nobody's word but an id_token.
async function me(request, response) {
  try {
    const { sub } = await claims((request.headers.authorization ?? '').replace(/^Bearer /, ''), 'JWT');
    say(response, 200, JSON.stringify({ sub }));
  } catch {
    say(response, 401, 'Who are you?');
  }
}

function say(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text + '\n');
}

const pages = { '/': home, '/signed-in': signedIn, '/signed-out': signedOut, '/api/me': me };
createServer(async (request, response) => {
  try {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost'); // throws, of "//" for one
    await (pages[pathname] ?? (() => say(response, 404, 'There is no such page.')))(request, response, searchParams);
  } catch {
    say(response, 502, 'The login server does not answer. Reload this page.');
  }
}).listen(Number(port), '127.0.0.1', function () { console.log(`listening on http://127.0.0.1:${this.address().port}`); });
