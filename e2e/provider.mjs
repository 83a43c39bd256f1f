// An OpenID Connect provider as small as one can be, at which one person may sign in.
// It checks what a provider must: the client, the redirect URI, PKCE, and that a code is
// used once.

import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

export const client = { id: 'qrlatch', secret: 'a-secret-of-the-tests' };

// startProvider resolves once the provider listens:
//
//	issuer        http://127.0.0.1:PORT
//	serves(uri)   names the one redirect URI of its client
//	requests()    how often each of its paths was asked for
//	stop()        ends it
export async function startProvider({ sub = 'ada-1815', name = 'Ada' } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const granted = new Map(); // by code: what it was asked for with
  const counted = {};
  let redirectURI;

  const sign = claims => {
    const text = [{ alg: 'RS256', kid: 'k1', typ: 'JWT' }, claims].map(part => encode(JSON.stringify(part))).join('.');
    return `${text}.${encode(createSign('RSA-SHA256').update(text).sign(privateKey))}`;
  };

  const answers = {
    '/.well-known/openid-configuration': () => json(200, {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    }),
    '/keys': () => json(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }] }),

    // The provider's page: whoever is there decides whether to sign in.
    '/authorize': ({ query }) => {
      if (query.get('client_id') !== client.id || query.get('redirect_uri') !== redirectURI) return html(400, 'Unknown client');
      if (query.get('code_challenge_method') !== 'S256' || !query.get('code_challenge')) return html(400, 'PKCE is missing');
      const code = randomBytes(18).toString('base64url');
      granted.set(code, query);
      const back = answer => `${redirectURI}?${new URLSearchParams({ ...answer, state: query.get('state'), iss: issuer })}`;
      return html(200, `<h1>Sign in to ${escape(query.get('client_id'))}</h1>
        <a href="${escape(back({ code }))}">I am ${escape(name)}</a>
        <a href="${escape(back({ error: 'access_denied' }))}">Cancel</a>`);
    },

    '/token': ({ form, authorization }) => {
      const asked = granted.get(form.get('code'));
      granted.delete(form.get('code'));
      if (authorization !== `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`) return json(401, { error: 'invalid_client' });
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
      if (asked?.get('code_challenge') !== challenge || form.get('redirect_uri') !== redirectURI) return json(400, { error: 'invalid_grant' });
      const now = Math.floor(Date.now() / 1000);
      return json(200, {
        access_token: randomBytes(18).toString('base64url'),
        token_type: 'Bearer',
        expires_in: 60,
        id_token: sign({ iss: issuer, aud: client.id, sub, name, nonce: asked.get('nonce'), iat: now, exp: now + 60 }),
      });
    },
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    counted[pathname] = (counted[pathname] ?? 0) + 1;
    let body = '';
    for await (const piece of request) body += piece;
    const answer = answers[pathname] ?? (() => html(404, 'Nothing here'));
    const { status, type, text } = answer({ query: searchParams, form: new URLSearchParams(body), authorization: request.headers.authorization });
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;

  return {
    issuer,
    serves: uri => { redirectURI = uri; },
    requests: () => ({ ...counted }),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const encode = text => Buffer.from(text).toString('base64url');
const json = (status, body) => ({ status, type: 'application/json', text: JSON.stringify(body) });
const html = (status, body) => ({ status, type: 'text/html; charset=utf-8', text: `<!DOCTYPE html><html lang="en"><title>Provider</title>${body}</html>` });
const escape = text => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
