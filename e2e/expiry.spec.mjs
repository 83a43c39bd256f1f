import { codeOn, expect, isIn, letIn, says, test } from './fixtures.mjs';

test.use({ serverArgs: ['--login-ttl=4s', '--poll-hold=2s'] });

test('a code that nobody scanned expires, and a new one works', async ({ page, bob }) => {
  await page.goto('/');
  const dead = await codeOn(page);
  await says(page, 'This code has expired');
  await expect(page.getByRole('img', { name: 'QR code' })).toHaveCount(0);
  await expect(bob.scan(dead)).rejects.toMatchObject({ status: 404 });

  await page.getByRole('button', { name: 'Show a new code' }).click();
  await letIn(page, bob);
  await isIn(page, 'Bob');
});

test('a scan gives the login the time to decide', async ({ page, bob }) => {
  await page.goto('/');
  const { id, expires_in } = await bob.scan(await codeOn(page));
  expect(expires_in).toBeGreaterThan(100);
  await says(page, 'Scanned');
  await page.waitForResponse(/mmwebwx-bin\/login/); // nothing yet; the second
  await page.waitForResponse(/mmwebwx-bin\/login/); // comes after the four seconds
  await says(page, 'Scanned');
  await bob.approve(id);
  await isIn(page, 'Bob');
});
