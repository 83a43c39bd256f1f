// The login page for browsers that run no scripts.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { expect, isIn, phone, readQR, startServer, test } from './fixtures.mjs';

// WebDriver BiDi, which drives Firefox, turns scripts off for the whole browser only, and
// then can ask its pages nothing. So there one test does without asking, and the others
// begin at the page that has no scripts anyway.
test.use({ javaScriptEnabled: false });

const heading = (page, name) => page.getByRole('heading', { name });
const picture = page => page.getByRole('img', { name: 'QR code' });

// codeOn reads the code off the window, once it is drawn.
async function codeOn(page, from = page) {
  await expect(picture(from)).toBeVisible();
  let text;
  await expect(async () => { text = readQR(await page.screenshot()); }).toPass();
  return text;
}

// The page that is meant for a window or a frame leads browsers without scripts to another.
const embed = browserName => browserName === 'firefox' ? '/embed/plain' : '/embed';

const begin = async (page, server) => {
  const browserName = page.context().browser().browserType().name();
  await page.goto((server ? server.url : '') + (browserName === 'firefox' ? '/embed/plain?app=demo' : '/'));
  await expect(heading(page, 'Scan to sign in')).toBeVisible();
};

test('the page leads a browser without scripts to one that signs it in', async ({ page, alice }) => {
  await begin(page);
  await expect(page).toHaveTitle('Scan to sign in · Corner Shop');
  const { id, number_required } = await alice.scan(await codeOn(page));
  expect(number_required).toBe(false);
  await expect(heading(page, 'Look at your phone')).toBeVisible();
  await expect(picture(page)).toHaveCount(0);
  await alice.approve(id);
  await isIn(page, 'Alice');
});

test('a browser that knows no scripts is led there from the login page', async ({ playwright, browserName, launchOptions, channel, server, alice }) => {
  const firefoxUserPrefs = { ...launchOptions.firefoxUserPrefs, 'javascript.enabled': false };
  const browser = await playwright[browserName].launch({ ...launchOptions, ...(channel && { channel }), firefoxUserPrefs });
  const page = await browser.newPage({ javaScriptEnabled: false });
  const came = page.waitForResponse(/\/qrcode\/.*\.gif$/);
  await page.goto(server.url).catch(() => {}); // it moves on at once
  await (await came).finished();
  let code;
  await expect(async () => { code = readQR(await page.screenshot()); }).toPass();
  const { id } = await alice.scan(code);
  const inside = page.waitForResponse(/webwxnewloginpage/);
  await alice.approve(id);
  expect((await inside).status()).toBe(302);
  await expect.poll(async () => (await alice.get(id)).state).toBe('redeemed');
  await browser.close();
});

test('it renews itself while it waits', async ({ page }) => {
  await begin(page);
  const [again, again2] = [await page.waitForResponse(/\.gif$/), await page.waitForResponse(/\.gif$/)];
  expect([again.status(), again2.status()]).toEqual([200, 200]);
  expect(again2.url()).toBe(again.url());
  await codeOn(page);
});

test('a no on the phone is said, and a new code is one click away', async ({ page, bob }) => {
  await begin(page);
  const code = await codeOn(page);
  const { id } = await bob.scan(code);
  await bob.deny(id);
  await expect(heading(page, 'You said no on your phone')).toBeVisible();
  await expect(page.getByText('Nobody was signed in')).toBeVisible();
  await page.getByRole('link', { name: 'Show a new code' }).click();
  expect(await codeOn(page)).not.toBe(code);
});

test('a phone without an app signs it in as well', async ({ page, browser, browserName, baseURL }) => {
  await begin(page);
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const handset = await context.newPage();
  await handset.goto(await codeOn(page));
  await handset.getByRole('button', { name: 'Continue as Alice' }).click();
  if (browserName !== 'firefox') await handset.getByRole('button', { name: 'Continue', exact: true }).click();
  await handset.getByRole('button', { name: 'Approve' }).click();
  await isIn(page, 'Alice');
  await context.close();
});

test('the address of the page shows nothing in another browser', async ({ page, browser, baseURL }) => {
  await begin(page);
  const context = await browser.newContext({ userAgent: 'Somebody else', javaScriptEnabled: false, baseURL });
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(heading(other, 'Another browser began this')).toBeVisible();
  await other.getByRole('link', { name: 'Begin here' }).click();
  await expect(heading(other, 'Scan to sign in')).toBeVisible();
  await context.close();
});

test.describe('with short slots', () => {
  let server;
  test.beforeAll(async () => { server = await startServer(['--demo', '--code-ttl=2s', '--login-ttl=20s']); });
  test.afterAll(() => server.stop());

  test('a frame out of its slot needs the digits on the page', async ({ page }) => {
    await begin(page, server);
    const old = await codeOn(page);
    await expect.poll(async () => new Set([old, await codeOn(page)]).size).toBe(2);
    const second = await codeOn(page);
    await expect.poll(async () => new Set([old, second, await codeOn(page)]).size).toBe(3);
    await expect.poll(async () => new Set([old, second, await codeOn(page)]).size).toBe(3);
    const { id, number_required } = await phone(server, 'alice').scan(old);
    expect(number_required).toBe(true);

    await expect(page.getByText('Type this number there')).toBeVisible();
    const digits = await page.locator('.digits').innerText();
    expect(digits).toMatch(/^[1-9]\d$/);
    await expect(phone(server, 'alice').approve(id)).rejects.toMatchObject({ status: 422 });
    await phone(server, 'alice').approve(id, digits);
    await isIn(page, 'Alice');
  });

  test('the picture plays its codes in turn, also when the page does not renew itself', async ({ page }) => {
    await begin(page, server);
    const src = await picture(page).getAttribute('src');
    await page.goto('about:blank');
    await page.goto(server.url + src);
    const seen = new Set();
    await expect.poll(async () => seen.add(readQR(await page.screenshot())).size, { timeout: 15_000 }).toBeGreaterThan(3);
    const { number_required } = await phone(server, 'bob').scan([...seen].at(-1));
    expect(number_required).toBe(false);
  });

  test('an expired page says so and begins anew', async ({ page }) => {
    await begin(page, server);
    await expect(heading(page, 'This took too long')).toBeVisible({ timeout: 30_000 });
    await page.getByRole('link', { name: 'Show a new code' }).click();
    await expect(heading(page, 'Scan to sign in')).toBeVisible();
  });
});

test.describe('in a frame', () => {
  let server, sites, shop, evil;

  // Two sites that run on real ports: browsers keep made-up answers off this machine.
  test.beforeEach(async ({ browserName }, info) => {
    sites = http.createServer((request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(request.url.startsWith('/in?') ? '<h1>Back at the shop</h1>'
        : `<h1>A site</h1><iframe src="${server.url}${embed(browserName)}?app=shop&amp;state=s1" width="220" height="480"></iframe>`);
    });
    await new Promise(listening => sites.listen(0, '127.0.0.1', listening));
    shop = `http://shop.localhost:${sites.address().port}`;
    evil = `http://evil.localhost:${sites.address().port}`;
    const file = info.outputPath(`${browserName}.yaml`);
    fs.writeFileSync(file, `
apps:
  - {id: shop, name: Corner Shop, redirect_uris: ["${shop}/in"], origins: ["${shop}"]}
phones:
  tokens: [{token_sha256: ${createHash('sha256').update('demo-alice').digest('hex')}, subject: alice, name: Alice}]
`);
    server = await startServer([`--config=${file}`]);
  });
  test.afterEach(async () => {
    sites.closeAllConnections();
    sites.close();
    await server.stop();
  });

  test('it ends in a link that leads the whole window back to the site', async ({ page, browserName }) => {
    const alice = phone(server, 'alice');
    await page.goto(shop);
    const frame = page.frameLocator('iframe');
    const { id, app } = await alice.scan(await codeOn(page, frame));
    expect(app.origin).toBe(shop);
    await alice.approve(id);
    const onward = frame.getByRole('link', { name: 'Continue to Corner Shop' });
    await expect(onward).toHaveAttribute('target', '_top');
    // Playwright's clicks do not come through to a foreign frame in such a Firefox.
    if (browserName === 'firefox') await page.goto(await onward.getAttribute('href'));
    else await onward.click();
    await expect(heading(page, 'Back at the shop')).toBeVisible();
    const query = new URL(page.url()).searchParams;
    expect(query.get('state')).toBe('s1');
    expect(query.get('ticket')).toBeTruthy();
  });

  test('other sites cannot frame it', async ({ page }) => {
    const asked = page.waitForResponse(/\/embed/);
    await page.goto(evil);
    await expect(heading(page, 'A site')).toBeVisible();
    expect((await asked).ok() || (await asked).status() === 303).toBe(true);
    await expect(picture(page.frameLocator('iframe'))).toHaveCount(0);
  });
});

for (const [name, width, colorScheme] of [['narrow', 200, 'light'], ['dark', 200, 'dark'], ['wide', 1280, 'dark']]) {
  test(`it fits a ${name} window`, async ({ browser, browserName, baseURL, alice }, info) => {
    const context = await browser.newContext({ javaScriptEnabled: false, baseURL, colorScheme, viewport: { width, height: 640 } });
    const page = await context.newPage();
    await page.goto(embed(browserName) + '?app=demo');
    const { id } = await alice.scan(await codeOn(page));
    expect((await page.locator('body').boundingBox()).width).toBeLessThanOrEqual(width);
    await alice.deny(id);
    await expect(heading(page, 'You said no')).toBeVisible();
    await info.attach('denied', { body: await page.screenshot(), contentType: 'image/png' });
    await context.close();
  });
}
