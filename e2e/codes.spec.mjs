// The code in the picture changes all the time; here every three seconds.

import { codeOn, expect, isIn, readNumber, readQR, says, test } from './fixtures.mjs';

test.use({ serverArgs: ['--code-ttl=3s'] });

// later waits until the server would show `times` further codes for the login of a page.
async function later(page, request, times = 1) {
  const id = await page.evaluate(() => window.QRLogin.uuid);
  const seen = new Set();
  await expect.poll(async () => {
    const picture = await request.get(`/qrcode/${id}`, { params: { size: 512 } });
    seen.add(readQR(await picture.body()));
    return seen.size;
  }, { intervals: [100], timeout: 15_000 }).toBeGreaterThan(times);
}

const digits = page => page.getByRole('img', { name: 'two digits' });

test('the page renews its picture, and the code in it', async ({ page, request, alice }) => {
  await page.clock.install();
  await page.goto('/');
  const first = await codeOn(page);
  await later(page, request);
  await page.clock.fastForward('00:20'); // the page's clock; the server's goes on as it is
  await expect.poll(() => codeOn(page)).not.toBe(first);
  await alice.scan(await codeOn(page));
  await says(page, 'Scanned');
});

test('the code before the current one still scans like a fresh one', async ({ page, request, bob }) => {
  await page.goto('/');
  const previous = await codeOn(page);
  await later(page, request);
  const scan = await bob.scan(previous);
  expect(scan.number_required).toBe(false);
});

test('an older code asks for the digits that only the real screen shows', async ({ page, request, alice }) => {
  await page.goto('/');
  const old = await codeOn(page);
  await later(page, request, 2);
  const scan = await alice.scan(old);
  expect(scan.number_required).toBe(true);

  await says(page, 'If you see two digits, type them there');
  const face = await (await request.get('/assets/alice.jpg')).body();
  await expect(digits(page)).toHaveAttribute('src', /^data:img\/jpg;base64,/);
  await expect(digits(page)).not.toHaveAttribute('src', `data:img/jpg;base64,${face.toString('base64')}`);

  await expect(alice.approve(scan.id)).rejects.toMatchObject({ status: 422 });
  await alice.approve(scan.id, await readNumber(digits(page)));
  await isIn(page, 'Alice');
});

test('three wrong numbers are a no', async ({ page, request, bob }) => {
  await page.goto('/');
  const old = await codeOn(page);
  await later(page, request, 2);
  const { id } = await bob.scan(old);
  await expect(digits(page)).toBeVisible();
  const wrong = String(10 + (Number(await readNumber(digits(page))) - 9) % 90);

  for (let tries = 3; tries > 0; tries -= 1) {
    await expect(bob.approve(id, wrong)).rejects.toMatchObject({ status: 422 });
  }
  await says(page, 'You said no on your phone');
  await expect(bob.approve(id, wrong)).rejects.toMatchObject({ status: 410 });
});
