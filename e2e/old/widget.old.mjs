// The widget on a page of another site, in engines that are as old as it may get.

import { writeFile } from 'node:fs/promises';
import { expect, phone, readQR, startLine, test } from './fixtures.mjs';

for (const bare of [false, true]) {
  test(`a login${bare ? ', without what is younger than Internet Explorer 6 @bare' : ''}`, async ({ page, site, alice }) => {
    await page.open(site.page({ bare }));
    if (bare) expect(await page.ask('window.bare')).toBe('nothing');
    await page.says('Scan with your phone');
    await page.told('login ready');
    await page.asked('document.readyState').toBe('complete'); // though a script is always awaited

    const { id, app } = await alice.scan(await page.code());
    expect(app.name).toBe('Corner Shop');
    await page.says('Now confirm on your phone');
    await page.told('login ready, login scanned');

    await alice.approve(id);
    await page.isIn('Signed in as Alice, of-login');
    await page.isIn('told: login ready, login scanned, login approved');
    expect((await alice.get(id)).state).toBe('redeemed');
  });
}

test('a no on the phone, a new code, and gone without a trace', async ({ page, site, alice }) => {
  await page.open(site.page());
  const denied = await page.code();
  const { id } = await alice.scan(denied);
  await page.says('Now confirm on your phone');
  await alice.deny(id);
  await page.says('Declined on the phone');

  await page.ask("shop.press('login', 'New code')");
  await page.says('Scan with your phone');
  await page.told('login ready, login scanned, login denied, login ready');
  await page.asked("shop.picture('login')").toContain('/qrcode/');
  expect(await page.code()).not.toBe(denied);

  await page.ask("shop.destroy('login')");
  expect(await page.ask("shop.inside('login')")).toBe('');
  await page.asked('shop.scripts()').toBe('0');
});

test('two widgets on one page know nothing of each other', async ({ page, site, alice }) => {
  await page.open(site.page({ widgets: ['login', 'second'] }));
  const [one, other] = [await page.code('login'), await page.code('second')];
  expect(one).not.toBe(other);

  const { id } = await alice.scan(other);
  await page.says('Now confirm on your phone', 'second');
  await page.says('Scan with your phone', 'login');
  await page.ask("shop.destroy('login')");
  await alice.approve(id);
  await page.isIn('Signed in as Alice, of-second');
  await page.isIn('second scanned, second approved');
});

test('what people see has the code that works @picture', async ({ page, site, alice }, testInfo) => {
  await page.open(site.page());
  await page.asked("shop.picture('login')").toContain('/qrcode/');
  let picture;
  await expect(async () => readQR(picture = await page.screenshot())).toPass(); // once it is loaded
  await writeFile(testInfo.outputPath('page.png'), picture);
  expect(readQR(picture)).toBe(await page.code());
  await alice.scan(readQR(picture));
  await page.says('Now confirm on your phone');
});

test('a code that nobody scans gives way to a new one @slow', async ({ page, start }) => {
  const site = await start(['--login-ttl=4s']);
  await page.open(site.page());
  const dead = await page.code();
  await page.told('login ready, login expired, login ready');
  await page.says('Scan with your phone');
  const alice = phone(site.server, 'alice');
  await expect(alice.scan(dead)).rejects.toMatchObject({ status: 404 });
  const { id } = await alice.scan(await page.code());
  await alice.approve(id);
  await page.isIn('Signed in as Alice');
  await site.stop();
});

// Nothing tells a page of such a script, not even an error: time alone does.
test('a script that is never answered is asked for again @slow', async ({ page, site, alice }) => {
  const line = await startLine(site.server, { hold: 1, swallow: /^\/v1\/logins\.js/ });
  const opened = page.open(site.page({ bare: true, from: line })); // it waits for the script too
  await page.says('Scan with your phone');
  expect(line.swallowed()).toContain('callback=');
  const { id } = await alice.scan(await page.code());
  await page.says('Now confirm on your phone');
  await alice.approve(id);
  await page.isIn('told: login ready, login scanned, login approved');
  line.stop();
  await opened;
});
