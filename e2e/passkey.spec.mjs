import AxeBuilder from '@axe-core/playwright';
import { becomes, expect, phone, test } from './fixtures.mjs';

// The demo's vault asks for a passkey at every approval. Browsers bind passkeys to names, so
// all is at http://localhost here, which is the demo's name for them.
const here = server => server.url.replace('127.0.0.1', 'localhost');

// asks begins a login at the vault and returns it.
async function asks(server) {
  const answer = await fetch(`${server.url}/v1/logins`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ app: 'vault' }),
  });
  expect(answer.status).toBe(201);
  const { id, qr } = await answer.json();
  return { code: qr.text.split('/').at(-1), state: async () => (await (await fetch(`${server.url}/v1/logins/${id}`)).json()).state };
}

// authenticator gives a page one that asks nobody and answers as its person would.
async function authenticator(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { knowsItsPerson: isUserVerified => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }) };
}

// clean holds what a page shows now to WCAG, with buttons that are armed.
async function clean(page) {
  await expect(page.getByRole('button', { name: 'Deny' })).toBeEnabled();
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
}

test('a passkey is added, and approves only with its person', async ({ handset, server, browserName }) => {
  test.skip(browserName !== 'chromium', 'only Chromium has authenticators for tests');
  const errors = [];
  handset.on('console', message => { if (message.type() === 'error') errors.push(message.text()); });
  const touch = await authenticator(handset);
  const login = await asks(server);
  await handset.goto(`${here(server)}/l/${login.code}`);
  await becomes(handset, 'Alice');
  await expect(handset.getByText('this browser has none of yours yet')).toBeVisible();
  await expect(handset.getByRole('button', { name: 'Approve' })).toHaveCount(0);
  await clean(handset);
  await handset.getByRole('button', { name: 'Add a passkey' }).click();
  await expect(handset.getByText('asks for your passkey when you approve')).toBeVisible();
  await clean(handset);

  await touch.knowsItsPerson(false);
  await handset.getByRole('button', { name: 'Approve' }).click();
  await expect(handset.getByRole('alert')).toContainText('did not confirm that it is you');
  await clean(handset);
  expect(await login.state()).toBe('scanned');

  await touch.knowsItsPerson(true);
  await handset.getByRole('button', { name: 'Approve' }).click();
  await expect(handset.getByRole('heading', { name: 'Approved. Waiting' })).toBeVisible();
  expect(await login.state()).toBe('approved');

  // What was kept here serves for the next one.
  const next = await asks(server);
  await handset.goto(`${here(server)}/l/${next.code}`);
  await handset.getByRole('button', { name: 'Approve' }).click();
  await expect(handset.getByRole('heading', { name: 'Approved. Waiting' })).toBeVisible();
  expect(errors).toEqual([]);
});

test('an app that sends no passkey is told so, and keeps its token', async ({ server }) => {
  const login = await asks(server);
  const app = phone(server, 'alice');
  const { id, passkey, passkey_required: required } = await app.scan(login.code);
  expect(required).toBe(true);
  expect(passkey).toMatchObject({ rpId: 'localhost', userVerification: 'required' });
  const refused = await app.approve(id).catch(err => err);
  expect(refused.problem).toMatchObject({ status: 401, type: '/problems/passkey-required' });
  await app.deny(id);
  await expect.poll(login.state).toBe('denied');
});

test('a browser that has no passkeys says so, and can still deny', async ({ handset, server }) => {
  await handset.addInitScript(() => { delete window.PublicKeyCredential; });
  const login = await asks(server);
  await handset.goto(`${here(server)}/l/${login.code}`);
  await becomes(handset, 'Bob');
  await expect(handset.getByText('This browser cannot use passkeys')).toBeVisible();
  await expect(handset.getByRole('button', { name: 'Add a passkey' })).toHaveCount(0);
  await handset.getByRole('button', { name: 'Deny' }).click();
  await expect(handset.getByRole('heading', { name: 'You said no.' })).toBeVisible();
});

test('without scripts the phone says what it cannot do', async ({ browser, browserName, server }) => {
  test.skip(browserName !== 'chromium', 'Firefox cannot be asked about a page without scripts: see noscript.spec.mjs');
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const login = await asks(server);
  await page.goto(`${here(server)}/l/${login.code}`);
  await becomes(page, 'Alice');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.locator('noscript p')).toBeVisible(); // whose text Playwright does not read
  await expect(page.getByRole('button', { name: /Approve|Add a passkey/ })).toHaveCount(0);
  await page.getByRole('button', { name: 'Deny' }).click();
  await expect(page.getByRole('heading', { name: 'You said no.' })).toBeVisible();
  await context.close();
});
