import AxeBuilder from '@axe-core/playwright';
import { becomes, codeOn, expect, hold, isIn, says, test } from './fixtures.mjs';

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];

// clean holds what a page shows now to WCAG 2.2 AA. The legacy mode looks into no
// frames, of which there are none, and so needs no second page: that takes a second.
async function clean(page) {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().withTags(rules).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)).toEqual([]);
}

// tabTo moves the focus with the keyboard alone.
async function tabTo(page, target) {
  await expect(target).toBeEnabled();
  for (let presses = 0; presses < 15; presses += 1) {
    await page.keyboard.press('Tab');
    if (await target.evaluate(node => node === document.activeElement)) return;
  }
  throw new Error('the keyboard does not get there');
}

// emulate sets what a person prefers. Firefox under WebDriver BiDi hears of none of
// it yet: then there is nothing to test.
async function emulate(pages, media, query) {
  for (const page of pages) await page.emulateMedia(media);
  const works = await pages[0].evaluate(text => matchMedia(text).matches, query);
  test.skip(!works, 'this browser cannot be told what a person prefers');
}

for (const colorScheme of ['light', 'dark']) {
  test(`every page of a login is accessible, ${colorScheme}`, async ({ page, handset }) => {
    await emulate([page, handset], { colorScheme }, `(prefers-color-scheme: ${colorScheme})`);
    await page.goto('/');
    await says(page, 'Scan to sign in');
    await clean(page);

    await handset.goto(await codeOn(page));
    await expect(handset.getByRole('heading', { name: 'Who are you on this phone?' })).toBeVisible();
    await clean(handset);
    await becomes(handset, 'Alice');
    await expect(handset.getByRole('button', { name: 'Approve' })).toBeEnabled();
    await clean(handset);
    await says(page, 'Scanned');
    await clean(page);

    await handset.getByRole('button', { name: 'Approve' }).click();
    await expect(handset.getByRole('heading', { name: 'Your computer is in.' })).toBeVisible();
    await clean(handset);
    await isIn(page, 'Alice');
    await clean(page);
    await handset.goto('/phone');
    await clean(handset);
  });
}

test('the whole login works with the keyboard', async ({ page, handset }) => {
  await page.goto('/');
  await handset.goto(await codeOn(page));
  await tabTo(handset, handset.getByRole('button', { name: 'Continue as Alice' }));
  await handset.keyboard.press('Enter');
  await tabTo(handset, handset.getByRole('button', { name: 'Approve' }));
  await handset.keyboard.press('Enter');
  await isIn(page, 'Alice');
  await page.bringToFront();
  await tabTo(page, page.getByRole('button', { name: 'Sign out' }));
  await page.keyboard.press('Enter');
  await says(page, 'Scan to sign in');
});

test('nothing moves for who asked for no motion', async ({ page, handset }) => {
  const moving = at => at.evaluate(() => document.getAnimations().length);
  await emulate([page, handset], { reducedMotion: 'reduce' }, '(prefers-reduced-motion: reduce)');
  await page.goto('/');
  await handset.goto(await codeOn(page));
  expect(await moving(page)).toBe(0);
  await becomes(handset, 'Bob');
  await says(page, 'Scanned');
  expect(await moving(page)).toBe(0);

  const release = await hold(page, '**/webwxnewloginpage?**');
  await handset.getByRole('button', { name: 'Approve' }).click();
  await expect(handset.getByRole('heading', { name: 'Approved. Waiting for your computer…' })).toBeVisible();
  expect(await moving(handset)).toBe(0);
  await handset.emulateMedia({ reducedMotion: 'no-preference' });
  expect(await moving(handset)).toBeGreaterThan(0); // the dots that would move
  await release();
});
