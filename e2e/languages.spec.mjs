// Every page speaks the language of who looks at it.

import { expect, test } from './fixtures.mjs';

const languages = [
  { locale: 'en-GB', lang: 'en', login: 'Sign in with your phone', scan: 'Scan to sign in', scanned: 'Scanned', who: 'Who are you on this phone?',
    asks: 'Let this browser in as Alice?', yes: 'Approve', done: 'Your computer is in.', inside: 'You’re in', gone: 'This code is no longer good' },
  { locale: 'zh-CN', lang: 'zh-Hans', login: '用手机登录', scan: '扫码登录', scanned: '已扫描', who: '这台手机是谁在用？',
    asks: '允许此浏览器以 Alice 的身份登录？', yes: '允许', done: '电脑已登录。', inside: '已登录', gone: '这个二维码已失效' },
  { locale: 'ko-KR', lang: 'ko', login: '휴대폰으로 로그인', scan: '스캔하여 로그인', scanned: '스캔했습니다', who: '이 휴대폰을 쓰는 분은 누구인가요?',
    asks: '이 브라우저에서 Alice 님으로 로그인할까요?', yes: '승인', done: '컴퓨터에 로그인되었습니다.', inside: '로그인했습니다', gone: '더는 쓸 수 없는 코드입니다' },
  { locale: 'es-MX', lang: 'es', login: 'Inicie sesión con su teléfono', scan: 'Escanee para iniciar sesión', scanned: 'Escaneado', who: '¿Quién usa este teléfono?',
    asks: '¿Dejar entrar a este navegador como Alice?', yes: 'Aprobar', done: 'Su equipo ya está dentro.', inside: 'Ya está dentro', gone: 'Este código ya no sirve' },
];

const heading = (page, name) => expect(page.getByRole('heading', { level: 1, name, exact: true })).toBeVisible();
const speaks = (page, lang) => expect(page.locator('html')).toHaveAttribute('lang', lang);

for (const words of languages) {
  test(`a whole login in ${words.lang}`, async ({ browser, baseURL }) => {
    const visitor = async viewport => {
      const context = await browser.newContext({ baseURL, viewport, locale: words.locale });
      return context.newPage();
    };
    const page = await visitor({ width: 1200, height: 750 });
    const handset = await visitor({ width: 320, height: 640 });
    await page.goto('/');
    await speaks(page, words.lang);
    await heading(page, words.login);
    await expect(page.locator('#say')).toContainText(words.scan);

    await handset.goto('/l/abcdefghijklmnopqrstuvwxyzab');
    await heading(handset, words.gone);
    await handset.goto(`/demo/scan/${await page.evaluate(() => window.QRLogin.uuid)}`);
    await heading(handset, words.who);
    await handset.getByRole('button', { name: 'Alice' }).click();
    await heading(handset, words.asks);
    await speaks(handset, words.lang);
    await expect(page.locator('#say')).toContainText(words.scanned);

    await handset.getByRole('button', { name: words.yes, exact: true }).click();
    await heading(handset, words.done);
    await heading(page, words.inside);
    await page.context().close();
    await handset.context().close();
  });
}

test('the address comes before the browser, and the visit keeps it', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, locale: 'ko-KR' });
  const page = await context.newPage();
  const said = async (address, lang) => {
    const answer = await page.goto(address);
    await speaks(page, lang);
    expect(answer.headers()['content-language']).toBe(lang);
    expect(answer.headers().vary).toContain('Accept-Language');
  };
  await said('/phone', 'ko');
  await said('/phone?lang=tlh', 'ko');
  await said('/phone?lang=zh_CN', 'zh-Hans'); // as WeChat writes it
  await said('/', 'zh-Hans');
  await said('/?lang=es-419', 'es');
  await context.close();
});

test('who speaks none of them reads English', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, locale: 'fi-FI' });
  const page = await context.newPage();
  await page.goto('/');
  await speaks(page, 'en');
  await context.close();
});

for (const width of [320, 200]) {
  for (const { locale, lang } of languages) {
    test(`nothing is cut off at ${width} pixels, ${lang}`, async ({ browser, baseURL }) => {
      const context = await browser.newContext({ baseURL, locale, viewport: { width, height: 640 } });
      const page = await context.newPage();
      for (const address of ['/', '/phone', '/l/abcdefghijklmnopqrstuvwxyzab']) {
        await page.goto(address);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), address).toBeLessThanOrEqual(width);
      }
      await page.getByRole('link').first().click(); // to the phone's page
      await page.getByRole('button').first().click();
      await page.waitForURL('**/phone');
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await context.close();
    });
  }
}

test('paper shows no code', async ({ page }) => {
  await page.goto('/');
  const code = page.locator('#picture .qr');
  await expect(code).toBeVisible();
  await page.emulateMedia({ media: 'print' });
  test.skip(!await page.evaluate(() => matchMedia('print').matches), 'this browser cannot be told to print'); // Firefox under WebDriver BiDi
  await expect(code).toBeHidden();
});
