import { becomes, expect, isIn, says, signIn, test } from './fixtures.mjs';

test('a browser that was in before asks the phone, and one tap lets it in', async ({ page, context, handset, alice }) => {
  await signIn(page, alice, 'Alice');
  await context.clearCookies({ name: 'wxsid' }); // its session ends, what else it was left stays
  await handset.goto('/phone');
  await becomes(handset, 'Alice');

  await page.goto('/');
  await page.getByRole('button', { name: 'Ask my phone instead' }).click();
  await says(page, 'Look at your phone');

  const prompt = handset.getByRole('listitem').filter({ hasText: 'Asks without a scan' });
  await prompt.getByRole('link', { name: 'Answer' }).click();
  await expect(handset.getByText('You did not scan anything')).toBeVisible();
  await handset.getByRole('button', { name: 'Approve' }).click();
  await isIn(page, 'Alice');
  await expect(handset.getByRole('heading', { name: 'Your computer is in.' })).toBeVisible();
});

test('a browser that was never in is not offered to ask', async ({ page }) => {
  await page.goto('/');
  await says(page, 'Scan to sign in');
  await expect(page.getByRole('button', { name: 'Ask my phone instead' })).toHaveCount(0);
});
