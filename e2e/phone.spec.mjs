// The pages of a phone that has no app: its camera opens what the code says.

import { becomes, codeOn, expect, hold, idOf, isIn, listen, says, test } from './fixtures.mjs';

const heading = (handset, name) => expect(handset.getByRole('heading', { name, level: 1 })).toBeVisible();

test('the phone signs in, is told who asks, and says yes', async ({ page, handset }) => {
  const said = await listen(page);
  await page.goto('/');
  await handset.goto(await codeOn(page));
  await heading(handset, 'Who are you on this phone?');
  await becomes(handset, 'Alice');
  await heading(handset, 'Let this browser in as Alice?');
  await says(page, 'Scanned');

  await test.step('who asks', async () => {
    const main = handset.getByRole('main');
    await expect(main).toContainText('Corner Shop');
    await expect(main).toContainText(new URL(page.url()).origin);
    await expect(main).toContainText(/Browser.*(Chrome|Firefox) on Linux/);
    await expect(main).toContainText('Address127.0.0.1');
    await expect(main).toContainText(/Asked(just now|\d+ seconds? ago)/);
  });

  await test.step('yes and no are equally easy', async () => {
    const yes = await handset.getByRole('button', { name: 'Approve' }).boundingBox();
    const no = await handset.getByRole('button', { name: 'Deny' }).boundingBox();
    expect(Math.abs(yes.width - no.width)).toBeLessThan(2);
    expect(Math.abs(yes.height - no.height)).toBeLessThan(2);
    expect(yes.height).toBeGreaterThanOrEqual(44);
  });

  await test.step('the phone does not say that the computer is in before it is', async () => {
    const release = await hold(page, '**/webwxnewloginpage?**');
    await handset.getByRole('button', { name: 'Approve' }).click();
    await heading(handset, 'Approved. Waiting for your computer…');
    await expect.poll(() => said).toContain('Approved');
    await heading(handset, 'Approved. Waiting for your computer…');
    await release();
    await heading(handset, 'Your computer is in.');
  });
  await isIn(page, 'Alice');
});

test('a no on the phone’s page', async ({ page, handset }) => {
  await page.goto('/');
  await handset.goto(await codeOn(page));
  await becomes(handset, 'Bob');
  await handset.getByRole('button', { name: 'Deny' }).click();
  await heading(handset, 'You said no.');
  await says(page, 'You said no on your phone');
});

test('who opens a code that somebody else has scanned is told so', async ({ page, handset, alice }) => {
  await page.goto('/');
  const code = await codeOn(page);
  const { id } = await alice.scan(code);
  await handset.goto(code);
  await becomes(handset, 'Bob');
  await heading(handset, 'Another phone was first');
  await expect(handset.getByText('Somebody else has scanned this code.')).toBeVisible();
  await alice.approve(id);
  await isIn(page, 'Alice');
});

test('a code that never was, or is long over', async ({ handset }) => {
  const answer = await handset.goto('/l/abcdefghijklmnopqrstuvwxyzab');
  expect(answer.status()).toBe(404);
  await heading(handset, 'This code is no longer good');
});

// Chats, mail gateways and search engines open every link that they come by.
const crawlers = [
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'WhatsApp/2.23.20.0',
  'TelegramBot (like TwitterBot)',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'BingPreview/1.0b',
];

test('opening the link marks nothing: neither a crawler nor a look', async ({ page, request, handset, alice }) => {
  await page.goto('/');
  const code = await codeOn(page);
  for (const agent of crawlers) {
    const answer = await request.get(code, { headers: { 'User-Agent': agent } });
    expect(answer.status()).toBe(200);
    await request.head(code, { headers: { 'User-Agent': agent } });
  }
  // Somebody who is signed in, and in whose browser no script goes on by itself.
  await handset.route('**/phone*.js', route => route.abort());
  await handset.goto(code);
  await becomes(handset, 'Bob');
  await expect(handset.getByRole('button', { name: 'Continue' })).toBeVisible();
  await handset.reload();

  await idOf(page); // waits for the page to say that it wants a scan
  const { state } = await alice.scan(code);
  expect(state).toBe('scanned');
  await says(page, 'Scanned');
});
