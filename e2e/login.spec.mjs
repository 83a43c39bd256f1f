import { codeOn, expect, hold, idOf, isIn, listen, says, signIn, test } from './fixtures.mjs';

test('a scan and a yes on the phone let the browser in', async ({ page, alice }) => {
  const said = await listen(page);
  await page.goto('/');
  await says(page, 'Scan to sign in');

  const scan = await alice.scan(await codeOn(page));
  expect(scan).toMatchObject({ state: 'scanned', number_required: false, app: { name: 'Corner Shop' } });
  await says(page, 'Scanned');
  await expect(page.getByRole('img', { name: 'Picture from your phone' })).toBeVisible();

  await test.step('the phone hears of the end only when the browser is in', async () => {
    const release = await hold(page, '**/webwxnewloginpage?**');
    await alice.approve(scan.id);
    await expect.poll(() => said).toEqual(['One moment', 'Scan to sign in', 'Scanned', 'Approved']);
    expect(await alice.get(scan.id)).toMatchObject({ state: 'approved' });

    const end = alice.get(scan.id, { since: 'approved', wait: 25 });
    await release();
    expect(await end).toMatchObject({ state: 'redeemed' });
  });
  await isIn(page, 'Alice');
});

test('reloading the page behind the login stays behind it', async ({ page, bob }) => {
  await signIn(page, bob, 'Bob');
  await page.reload();
  await isIn(page, 'Bob');
});

test('the picture shows the face of who has scanned', async ({ page, bob, request }) => {
  await page.goto('/');
  await bob.scan(await codeOn(page));
  const face = await (await request.get('/assets/bob.jpg')).body();
  await expect(page.getByRole('img', { name: 'Picture from your phone' }))
    .toHaveAttribute('src', `data:img/jpg;base64,${face.toString('base64')}`);
});

test('who photographs the screen cannot collect the login', async ({ page, request }) => {
  await page.goto('/');
  const id = await idOf(page);
  const text = await codeOn(page);
  const code = text.split('/').pop();
  const origin = new URL(page.url()).origin;
  expect(text).toBe(`${origin}/l/${code}`);
  expect(text).not.toContain(id);

  const asked = await request.get('/cgi-bin/mmwebwx-bin/login', { params: { uuid: code, tip: 1 } });
  expect(await asked.text()).toBe('window.code=400;');
});

test('two logins side by side stay apart', async ({ page, elsewhere, alice, bob }) => {
  await page.goto('/');
  await elsewhere.goto('/');
  const forAlice = await alice.scan(await codeOn(page));
  const forBob = await bob.scan(await codeOn(elsewhere));

  await bob.approve(forBob.id);
  await isIn(elsewhere, 'Bob');
  await says(page, 'Scanned');

  await alice.approve(forAlice.id);
  await isIn(page, 'Alice');
});
