import { expect, says, signIn, test } from './fixtures.mjs';

test('the demo opens without a script error', async ({ page }) => {
  const errors = [];
  page.on('pageerror', err => errors.push(err.message));
  page.on('console', message => message.type() === 'error' && errors.push(message.text()));
  const answer = await page.goto('/');
  expect(answer.status()).toBe(200);
  await says(page, 'Scan to sign in');
  expect(errors).toEqual([]);
});

// A browser shows a page as loading until its last script is there, and a poll is a
// script that takes 25 seconds.
test('no page is loading while it waits', async ({ page, alice }) => {
  const loaded = () => page.evaluate(() => document.readyState);
  await page.goto('/', { waitUntil: 'commit' });
  await expect.poll(loaded).toBe('complete');
  await signIn(page, alice, 'Alice');
  await expect.poll(loaded).toBe('complete');
});
