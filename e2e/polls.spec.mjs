// What happens to the page while it is not listening.

import { codeOn, expect, hold, isIn, letIn, says, test } from './fixtures.mjs';

const poll = '**/cgi-bin/mmwebwx-bin/login?**';

test('a scan between two polls is not lost', async ({ page, alice }) => {
  const release = await hold(page, poll);
  await page.goto('/');
  await says(page, 'Scan to sign in');
  await alice.scan(await codeOn(page));
  await release();
  await says(page, 'Scanned');
});

test('a yes between two polls is not lost', async ({ page, alice }) => {
  const release = await hold(page, poll);
  await page.goto('/');
  await letIn(page, alice);
  await release();
  await isIn(page, 'Alice');
});

test('reloading in the middle of a login gives a new code and leaves the old login behind', async ({ page, bob }) => {
  await page.goto('/');
  const first = await codeOn(page);
  const old = await bob.scan(first);
  await says(page, 'Scanned');

  await page.reload();
  await says(page, 'Scan to sign in');
  expect(await codeOn(page)).not.toBe(first);
  await bob.approve(old.id);

  const { id } = await bob.scan(await codeOn(page));
  await says(page, 'Scanned'); // the yes to the old one moved nothing
  await bob.approve(id);
  await isIn(page, 'Bob');
  expect(await bob.get(old.id)).toMatchObject({ state: 'approved' });
});

