// A phone without an app, whose person signs in at a provider. The server here has no
// other way to sign in.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, readQR, startServer, test as base } from './fixtures.mjs';
import { client, startProvider } from './provider.mjs';

const test = base.extend({
  provider: [
    async ({}, use) => { // Playwright reads the names
      const provider = await startProvider();
      await use(provider);
      await provider.stop();
    },
    { scope: 'worker' },
  ],

  server: [
    async ({ provider }, use) => {
      const directory = await mkdtemp(path.join(tmpdir(), 'qrlatch-'));
      const [config, secret] = ['qrlatch.yaml', 'secret'].map(name => path.join(directory, name));
      await writeFile(secret, client.secret, { mode: 0o600 });
      await writeFile(config, JSON.stringify({ // which is YAML too
        apps: [{ id: 'shop', name: 'Corner Shop', redirect_uris: ['https://shop.example/signed-in'] }],
        phones: { oidc: { issuer: provider.issuer, client_id: client.id, client_secret_file: secret } },
      }));
      const server = await startServer([`--config=${config}`, '--log-level=debug']);
      provider.serves(`${server.url}/phone/callback`);
      await use(server);
      await server.stop();
      await rm(directory, { recursive: true });
    },
    { scope: 'worker' },
  ],
});

const heading = (page, name) => expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();

// begin starts a login and reads its code off the picture.
async function begin(request) {
  const { id } = await (await request.post('/v1/logins', { data: { app: 'shop' } })).json();
  const picture = await request.get(`/qrcode/${id}.png?size=400`);
  return { id, code: readQR(await picture.body()) };
}

const state = async (request, id) => (await (await request.get(`/v1/logins/${id}`)).json()).state;

test('one tap, the provider, and the phone approves', async ({ handset, request, provider, server }) => {
  const { id, code } = await begin(request);
  await handset.goto(code);
  await heading(handset, 'Who are you on this phone?');
  await expect(handset.getByRole('button')).toHaveCount(0);
  await handset.getByRole('link', { name: `Continue with ${new URL(provider.issuer).host}` }).click();

  await heading(handset, 'Sign in to qrlatch');
  const answer = handset.waitForRequest(r => new URL(r.url()).pathname === '/phone/callback');
  await handset.getByRole('link', { name: 'I am Ada' }).click();

  await heading(handset, 'Let this browser in as Ada?');
  expect(await state(request, id)).toBe('scanned');
  await handset.getByRole('button', { name: 'Approve' }).click();
  await heading(handset, 'Approved. Waiting for your computer…');
  await expect.poll(() => state(request, id)).toBe('approved');

  await test.step('nothing of it is in the log or in the address', async () => {
    const { searchParams } = new URL((await answer).url());
    expect(searchParams.get('code')).toBeTruthy();
    for (const secret of [client.secret, searchParams.get('code'), searchParams.get('state')]) {
      expect(server.log()).not.toContain(secret);
      expect(handset.url()).not.toContain(secret);
    }
  });

  await test.step('signed out here, signed in again by one tap', async () => {
    await handset.goto('/phone');
    await expect(handset.getByRole('banner')).toContainText('Phone of Ada');
    await handset.getByRole('button', { name: 'Sign out of this phone page' }).click();
    await heading(handset, 'Who are you on this phone?');
    await handset.getByRole('link', { name: /^Continue with/ }).click();
    await handset.getByRole('link', { name: 'I am Ada' }).click();
    await expect(handset.getByRole('banner')).toContainText('Phone of Ada');
  });
});

test('who says no at the provider is told so kindly, and may try again', async ({ handset, request }) => {
  const { id, code } = await begin(request);
  await handset.goto(code);
  await handset.getByRole('link', { name: /^Continue with/ }).click();
  await handset.getByRole('link', { name: 'Cancel' }).click();
  await heading(handset, 'You are not signed in');
  expect(await state(request, id)).toBe('pending');
  await handset.getByRole('link', { name: 'Back' }).click();
  await handset.getByRole('link', { name: /^Continue with/ }).click();
  await handset.getByRole('link', { name: 'I am Ada' }).click();
  await heading(handset, 'Let this browser in as Ada?');
});

test('an answer that was made elsewhere signs nobody in', async ({ handset, elsewhere }) => {
  await elsewhere.goto('/phone');
  await elsewhere.getByRole('link', { name: /^Continue with/ }).click();
  const sent = await elsewhere.getByRole('link', { name: 'I am Ada' }).getAttribute('href');
  const answer = await handset.goto(sent);
  expect(answer.status()).toBe(403);
  await heading(handset, 'This sign-in was not begun here');
  await handset.getByRole('link', { name: 'Begin anew' }).click();
  await heading(handset, 'Who are you on this phone?');
});
