// What every spec starts from:
//
//	import { test, expect, codeOn, says } from './fixtures.mjs';
//
// Each worker has a server of its own, freshly started in demo mode; relative
// addresses lead to it. A spec that needs other flags says so at its top:
//
//	test.use({ serverArgs: ['--code-ttl=1s'] });
//
// The specs of a worker share that server and its two people. So a spec asks only
// for its own login and its own session, never how many there are.

import { expect, test as base } from '@playwright/test';
import jsQR from 'jsqr';
import { PNG } from 'pngjs';
import { phone } from './phone.mjs';
import { startServer } from './server.mjs';

export { expect, phone, startServer };

export const test = base.extend({
  serverArgs: [[], { option: true, scope: 'worker' }],

  server: [
    async ({ serverArgs }, use) => {
      const server = await startServer(['--demo', ...serverArgs]);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],

  baseURL: ({ server }, use) => use(server.url),

  // The two people of the demo, each with a phone that has an app.
  alice: ({ server }, use) => use(phone(server, 'alice')),
  bob: ({ server }, use) => use(phone(server, 'bob')),

  // A page in a second browser, with cookies of its own.
  elsewhere: async ({ browser }, use) => {
    const context = await browser.newContext();
    await use(await context.newPage());
    await context.close();
  },

  // The browser of a phone that has no app.
  handset: async ({ browser }, use) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    await use(await context.newPage());
    await context.close();
  },
});

// readQR returns the text of the one QR code in a PNG, as a screenshot is.
export function readQR(png) {
  const { data, width, height } = PNG.sync.read(png);
  const symbol = (jsQR.default ?? jsQR)(new Uint8ClampedArray(data), width, height);
  if (!symbol) throw new Error(`no QR code in this picture of ${width} × ${height} pixels`);
  return symbol.data;
}

// codeOn reads the code off a login page as a camera does: from the whole picture.
export async function codeOn(page) {
  await expect(page.getByRole('img', { name: 'QR code' })).toBeVisible();
  return readQR(await page.screenshot());
}

// says waits until a login page says something: its live region, not the rest.
export async function says(page, words) {
  await expect(page.locator('#say')).toContainText(words);
}

// listen returns the list of what a login page will have said, headings only. While
// a page is on its way to the next one Playwright asks it nothing, this still hears.
export async function listen(page) {
  const said = [];
  page.on('console', message => {
    const [, words] = /^said: (.+)/.exec(message.text()) ?? [];
    if (words && words !== said.at(-1)) said.push(words);
  });
  await page.addInitScript(() => {
    new MutationObserver(() => {
      const words = document.querySelector('#say strong');
      if (words) console.log(`said: ${words.textContent}`);
    }).observe(document, { childList: true, subtree: true });
  });
  return said;
}

// idOf is the secret of the login on a page, which WeChat calls uuid.
export async function idOf(page) {
  await says(page, 'Scan to sign in');
  return page.evaluate(() => window.QRLogin.uuid);
}

// letIn answers the code on a page from a phone that has an app.
export async function letIn(page, phone) {
  const { id } = await phone.scan(await codeOn(page));
  await phone.approve(id);
}

// isIn waits until a page is the one behind the login.
export async function isIn(page, name) {
  await expect(page.getByRole('heading', { name: 'You’re in' })).toBeVisible();
  await expect(page.getByText(`Signed in as ${name}`)).toBeVisible();
}

// signIn is the short way there, for specs that begin behind the login.
export async function signIn(page, phone, name) {
  await page.goto('/');
  await letIn(page, phone);
  await isIn(page, name);
}

// sessionOf names a signed-in page's session as the phone does.
export async function sessionOf(page) {
  const cookies = await page.context().cookies();
  return cookies.find(({ name }) => name === 'wxsid').value.slice(0, 24);
}

// becomes makes somebody of the demo sign in on a phone's page that asks who it is.
export async function becomes(handset, name) {
  await handset.getByRole('button', { name: `Continue as ${name}` }).click();
}

// hold keeps back the requests of a page to an address until the function that it
// resolves to is called.
export async function hold(page, address) {
  let release;
  const released = new Promise(resolve => { release = resolve; });
  await page.route(address, async route => {
    await released;
    await route.continue().catch(() => {}); // the page may be gone by now
  });
  return () => release();
}

// readNumber reads the two digits in a picture that a login page shows, as a person
// does: dark strokes on light, on a grid of 5 × 7 a digit.
export async function readNumber(picture) {
  const cells = await picture.evaluate(async img => {
    await img.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
    const pen = canvas.getContext('2d');
    pen.drawImage(img, 0, 0);
    const dark = (x, y) => (pen.getImageData(x, y, 1, 1).data[0] < 128 ? '#' : '.');
    return [19, 73].map(left => [...Array(35).keys()]
      .map(i => dark(left + (i % 5) * 9 + 4, 34 + Math.floor(i / 5) * 9 + 4)).join(''));
  });
  return cells.map(shape => {
    const digit = shapes.indexOf(shape);
    if (digit < 0) throw new Error(`not a digit:\n${shape.match(/.{5}/g).join('\n')}`);
    return digit;
  }).join('');
}

const shapes = [
  '.###.#...##..###.#.###..##...#.###.',
  '..#...##....#....#....#....#...###.',
  '.###.#...#....#..##..#...#....#####',
  '#####...#...#.....#.....##...#.###.',
  '...#...##..#.#.#..#.#####...#....#.',
  '######....####.....#....##...#.###.',
  '..##..#...#....####.#...##...#.###.',
  '#####....#...#...#...#....#....#...',
  '.###.#...##...#.###.#...##...#.###.',
  '.###.#...##...#.####....#...#..##..',
];
