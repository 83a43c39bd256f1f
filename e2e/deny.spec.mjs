import { codeOn, isIn, letIn, says, test, expect } from './fixtures.mjs';

test('a no is said on the page, and a new code starts over', async ({ page, alice }) => {
  await page.goto('/');
  const refused = await codeOn(page);
  const { id } = await alice.scan(refused);
  await alice.deny(id);
  await says(page, 'You said no on your phone');
  await expect(page.getByRole('img', { name: 'QR code' })).toHaveCount(0);

  await page.getByRole('button', { name: 'Show a new code' }).click();
  await says(page, 'Scan to sign in');
  expect(await codeOn(page)).not.toBe(refused);
  await letIn(page, alice);
  await isIn(page, 'Alice');
});
