import { becomes, expect, sessionOf, signIn, test } from './fixtures.mjs';

const device = (handset, session) => handset.getByRole('listitem').filter({ has: handset.locator(`form[action*="${session}"]`) });

test('signing out on the phone’s page is told on the computer at once', async ({ page, handset, alice }) => {
  await signIn(page, alice, 'Alice');
  await handset.goto('/phone');
  await becomes(handset, 'Alice');
  const mine = device(handset, await sessionOf(page));
  await mine.getByRole('button', { name: 'Sign out' }).click();

  await expect(page.getByRole('heading', { name: 'You were signed out from your phone' })).toBeVisible();
  await expect(mine).toHaveCount(0);
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in with your phone' })).toBeVisible();
});

test('signing out in the phone’s app is told on the computer at once', async ({ page, bob }) => {
  await signIn(page, bob, 'Bob');
  await bob.signOut(await sessionOf(page));
  await expect(page.getByRole('alert')).toContainText('You were signed out from your phone');
});

test('signing out in the browser takes it off the phone’s list', async ({ page, handset, bob }) => {
  await signIn(page, bob, 'Bob');
  const session = await sessionOf(page);
  await handset.goto('/phone');
  await becomes(handset, 'Bob');
  await expect(device(handset, session)).toBeVisible();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in with your phone' })).toBeVisible();
  expect(await bob.sessions()).not.toContainEqual(expect.objectContaining({ id: session }));
  await handset.reload();
  await expect(handset.getByRole('heading', { name: 'Signed-in browsers' })).toBeVisible();
  await expect(device(handset, session)).toHaveCount(0);
});
