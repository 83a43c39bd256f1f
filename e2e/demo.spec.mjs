import { becomes, expect, isIn, says, test } from './fixtures.mjs';

test('who has no phone at hand logs in by clicks alone', async ({ page, context }) => {
  await page.goto('/');
  await says(page, 'Scan to sign in');
  const opened = context.waitForEvent('page');
  await page.getByRole('link', { name: 'No phone at hand?' }).click();
  const demo = await opened;
  await becomes(demo, 'Alice');
  await says(page, 'Scanned');
  await demo.getByRole('button', { name: 'Approve' }).click();
  await isIn(page, 'Alice');
  await expect(demo.getByRole('heading', { name: 'Your computer is in.' })).toBeVisible();
});
