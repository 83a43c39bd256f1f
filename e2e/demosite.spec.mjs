// The demo's own site: a page of a stranger, on another site than the login server, with
// third-party cookies blocked, as everywhere in these tests.

import AxeBuilder from '@axe-core/playwright';
import { becomes, expect, readQR, test } from './fixtures.mjs';

// Each way of embedding: its page, and where the code is on it.
const script = { path: '/', code: page => page.locator('#login img') };
const frame = { path: '/isolated', code: page => page.frameLocator('#login').getByRole('img', { name: /QR/ }) };

// scan reads the code off the page as a camera does.
async function scan(page, way, who) {
  const code = way.code(page);
  await expect(code).toBeVisible();
  await code.evaluate(img => img.decode());
  return who.scan(readQR(await code.screenshot()));
}

async function signIn(page, shop, who, way = script) {
  await page.goto(shop + way.path);
  await who.approve((await scan(page, way, who)).id);
  await expect(page).toHaveURL(`${shop}/account`);
}

// sessionAt is who's newest session at the shop, which a spec has just begun.
async function sessionAt(who) {
  const sessions = (await who.sessions()).filter(({ app }) => app.id === 'shop');
  return sessions.sort((a, b) => b.created_at.localeCompare(a.created_at))[0]?.id;
}

for (const [name, way] of [['by script', script], ['in a frame', frame]]) {
  test(`a stranger’s page signs a person in and out, ${name}`, async ({ page, server, alice }) => {
    const refused = [];
    page.on('console', message => {
      if (/Content.Security.Policy/i.test(message.text())) refused.push(message.text());
    });
    await page.goto(server.shop + way.path);
    const asked = await scan(page, way, alice);
    expect(asked.app).toEqual({ id: 'shop', name: 'Harbour Books', origin: server.shop });
    await alice.approve(asked.id);

    await expect(page.getByRole('heading', { name: 'Welcome aboard, Alice' })).toBeVisible();
    expect(page.url()).toBe(`${server.shop}/account`);
    const face = page.locator('.who img');
    expect(new URL(await face.getAttribute('src')).origin).toBe(server.url);
    expect(await face.evaluate(img => img.decode().then(() => img.naturalWidth))).toBeGreaterThan(0);
    const session = await sessionAt(alice);
    expect(session).toBeTruthy();

    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in to your shelf' })).toBeVisible();
    expect((await alice.sessions()).map(({ id }) => id)).not.toContain(session);
    await page.goto(`${server.shop}/account`);
    await expect(page).toHaveURL(`${server.shop}/`);
    expect(refused).toEqual([]);
  });
}

test('signing out on the phone is told on the stranger’s page', async ({ page, server, bob }) => {
  await signIn(page, server.shop, bob);
  await bob.signOut(await sessionAt(bob));
  await expect(page.getByRole('heading', { name: 'You were signed out from your phone' })).toBeVisible();
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await expect(script.code(page)).toBeVisible();
});

test('who has no phone at hand signs in at the shop by clicks alone', async ({ page, context, server }) => {
  await page.goto(server.shop);
  const opened = context.waitForEvent('page');
  await page.getByRole('link', { name: 'No phone at hand?' }).click();
  const demo = await opened;
  await becomes(demo, 'Bob');
  await demo.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByRole('heading', { name: 'Welcome aboard, Bob' })).toBeVisible();
  await expect(demo.getByRole('heading', { name: 'Your computer is in.' })).toBeVisible();
});

test('the shop’s pages are accessible, in light and in dark', async ({ page, server, bob }) => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
  async function clean() {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page }).setLegacyMode().withTags(tags).analyze();
      expect(violations.map(({ id, nodes }) => `${colorScheme}, ${id}: ${nodes.map(({ target }) => target).join(', ')}`)).toEqual([]);
    }
  }
  await page.goto(`${server.shop}/isolated`);
  await clean();
  await page.goto(server.shop);
  await expect(script.code(page)).toBeVisible();
  await clean();
  await signIn(page, server.shop, bob);
  await clean();
  await bob.signOut(await sessionAt(bob));
  await expect(page.getByRole('heading', { name: 'You were signed out from your phone' })).toBeVisible();
  await clean();
});

test('a ticket that somebody else sent signs nobody in', async ({ page, elsewhere, server, alice }) => {
  // The attacker begins, says yes on his own phone, and keeps what his browser was to collect.
  await elsewhere.route('**/signed-in?**', route => route.abort());
  const stolen = elsewhere.waitForRequest('**/signed-in?**');
  await elsewhere.goto(server.shop);
  await alice.approve((await scan(elsewhere, script, alice)).id);

  await page.goto(server.shop);
  await page.goto((await stolen).url());
  await expect(page.getByRole('heading', { name: 'This sign-in did not begin here' })).toBeVisible();
  await page.goto(`${server.shop}/account`);
  await expect(page).toHaveURL(`${server.shop}/`);
});

test('the frame’s page listens to the login server alone', async ({ page, server }) => {
  const left = [];
  page.on('request', request => { if (request.url().includes('forged')) left.push(request.url()); });
  await page.goto(`${server.shop}/isolated`);
  const id = new URL(await page.locator('#login').getAttribute('src')).searchParams.get('nonce');
  // Right in all but who says it: the page's own window, as an extension does.
  const said = { type: 'qrlatch:approved', v: 1, id, redirect_uri: `${server.shop}/signed-in?forged` };
  await page.evaluate(async message => {
    const heard = new Promise(resolve => { window.addEventListener('message', resolve, { once: true }); });
    window.postMessage(message, '*');
    await heard;
    await fetch('/account/alive'); // whoever left would be gone by the answer
  }, said);
  expect(left).toEqual([]);
  expect(page.url()).toBe(`${server.shop}/isolated`);
});

test('without scripts the shop’s frame signs a person in', async ({ browser, browserName, server, alice }) => {
  test.skip(browserName === 'firefox', 'WebDriver BiDi can ask pages without scripts nothing');
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.shop);
  const login = page.frameLocator('#login iframe');
  const code = login.getByRole('img', { name: /QR/ });
  await expect(code).toBeVisible();
  let text;
  await expect(async () => { text = readQR(await code.screenshot()); }).toPass();
  await alice.approve((await alice.scan(text)).id);
  await login.getByRole('link', { name: 'Continue' }).click();
  await expect(page.getByRole('heading', { name: 'Welcome aboard, Alice' })).toBeVisible();
  await context.close();
});
