import { codeOn, expect, isIn, says, test } from './fixtures.mjs';

const poll = '/cgi-bin/mmwebwx-bin/login';

// wire is the connection of a page: cut() breaks it under the poll that waits, and
// mend() joins it again.
async function wire(page) {
  let whole = true;
  const waiting = new Set();
  await page.route('**/*', route => {
    if (!whole) return route.abort('connectionreset');
    if (new URL(route.request().url()).pathname !== poll) return route.continue();
    return new Promise(resolve => { waiting.add(() => resolve(route.abort('connectionreset'))); });
  });
  return {
    async cut() {
      await expect.poll(() => waiting.size).toBe(1);
      whole = false;
      for (const fail of waiting) fail();
    },
    mend: () => page.unroute('**/*'),
  };
}

test('a page without a connection says so, and goes on by itself', async ({ page, bob }) => {
  const { cut, mend } = await wire(page);
  await page.goto('/');
  await says(page, 'Scan to sign in');
  await cut();
  await says(page, 'No connection');
  await mend();
  await expect(page.locator('#say')).toContainText('Scan to sign in', { timeout: 10_000 }); // not only when the poll ends
  const { id } = await bob.scan(await codeOn(page));
  await says(page, 'Scanned');
  await bob.approve(id);
  await isIn(page, 'Bob');
});

test('a scan and a yes while the page has no connection are not lost', async ({ page, alice }) => {
  const { cut, mend } = await wire(page);
  await page.goto('/');
  const code = await codeOn(page);
  await cut();
  await says(page, 'No connection');
  const { id } = await alice.scan(code);
  await alice.approve(id);
  await mend();
  await isIn(page, 'Alice');
});

test('a login goes on although the page never heard of the scan', async ({ page, bob }) => {
  let lost = false;
  await page.route(`**${poll}?**`, async route => {
    if (lost) return route.continue();
    lost = (await (await route.fetch()).text()).includes('window.code=201');
    return route.abort('connectionreset');
  });
  await page.goto('/');
  const { id } = await bob.scan(await codeOn(page));
  await expect.poll(() => lost).toBe(true);
  await bob.approve(id);
  await isIn(page, 'Bob');
});

test('a page that cannot even begin tries again', async ({ page }) => {
  const broken = route => route.abort('connectionreset');
  await page.route('**/jslogin?**', broken);
  await page.goto('/');
  await says(page, 'No connection');
  await page.unroute('**/jslogin?**', broken);
  await says(page, 'Scan to sign in');
  await codeOn(page);
});
