import { expect, test } from './fixtures.mjs';

test('the demo opens without a script error', async ({ page }) => {
  const errors = [];
  page.on('pageerror', err => errors.push(err.message));
  const answer = await page.goto('/');
  expect(answer.status()).toBe(200);
  expect(errors).toEqual([]);
});
