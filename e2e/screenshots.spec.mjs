// Takes the pictures of the README: make screenshots

import path from 'node:path';
import { becomes, codeOn, expect, says, test } from './fixtures.mjs';

test.use({
  viewport: { width: 1200, height: 750 },
  deviceScaleFactor: 2,
  colorScheme: 'light',
  // What the same browser says when it has a window: the phone shows it.
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
});

const docs = name => ({ path: path.resolve(import.meta.dirname, '../docs', name), animations: 'disabled' });

test('the README’s pictures', async ({ page, browser }) => {
  const handheld = await browser.newContext({ viewport: { width: 390, height: 720 }, deviceScaleFactor: 2 });
  const handset = await handheld.newPage();
  await page.goto('/');
  await says(page, 'Scan to sign in');
  const code = await codeOn(page);
  await page.screenshot(docs('login.png'));

  await handset.goto(code);
  await becomes(handset, 'Alice');
  await expect(handset.getByRole('button', { name: 'Approve' })).toBeEnabled();
  await handset.screenshot(docs('phone.png'));

  await says(page, 'Scanned');
  await expect(page.getByRole('img', { name: 'Picture from your phone' })).toBeVisible();
  await page.screenshot(docs('scanned.png'));
  await handheld.close();
});
