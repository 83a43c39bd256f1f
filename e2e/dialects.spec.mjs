// One login, told in every dialect to the page of a site that is not ours: whatever
// happens to it, every page sees the same states in the same order, none of them twice.

import { dialects, run } from './dialects.mjs';
import { test as base, codeOn, expect, phone } from './fixtures.mjs';
import { startCable, startShop } from './shop.mjs';

const test = base.extend({
  baseURL: ({}, use) => use(undefined), // these need no demo

  // The shops of this worker, by the flags of their servers, open once they are asked for.
  shops: [
    async ({}, use) => {
      const open = new Map();
      await use((...flags) => {
        const key = flags.join(' ');
        if (!open.has(key)) open.set(key, startShop(flags));
        return open.get(key);
      });
      for (const shop of open.values()) await (await shop).stop();
    },
    { scope: 'worker' },
  ],

  // visit makes a driver begin in a page. It resolves to what can be done to that login
  // and seen of it. onCable: the page can be cut off.
  visit: async ({ shops }, use) => {
    const cables = [];
    await use(async (page, dialect, { flags = [], onCable = false, ...options } = {}) => {
      const shop = await shops(...flags);
      const cable = onCable ? await startCable(shop.server.url) : undefined;
      if (cable) cables.push(cable);
      await page.goto(shop.url);
      await run(page, dialect, cable?.url ?? shop.server.url, options);
      const alice = phone(shop.server, 'alice');
      return {
        shop, cable, alice,
        scan: async () => (await alice.scan(await codeOn(page))).id,
        sees: states => expect(page.locator('#saw'), dialect).toHaveText(states),
        ends: (why = 'over') => expect(page.locator('#end'), dialect).toHaveText(why),
        isIn: () => expect(page.getByRole('heading'), dialect).toHaveText('Signed in as Alice'),
      };
    });
    for (const cable of cables) await cable.stop();
  },
});

test.use({ viewport: { width: 400, height: 480 } }); // a small picture is read sooner

// Every case ends with all that its page may have seen.
const cases = {
  async 'a yes is collected'(visit, page, dialect) {
    const login = await visit(page, dialect);
    const id = await login.scan();
    await login.sees('pending scanned');
    await login.alice.approve(id);
    await login.isIn();
    await login.sees('pending scanned approved');
    expect(await login.alice.get(id)).toMatchObject({ state: 'redeemed' });
  },

  async 'a no is heard'(visit, page, dialect) {
    const login = await visit(page, dialect);
    const id = await login.scan();
    await login.sees('pending scanned');
    await login.alice.deny(id);
    await login.ends();
    await login.sees('pending scanned denied');
  },

  async 'a scan while the page is cut off is not lost, nor told again after the next cut'(visit, page, dialect) {
    const login = await visit(page, dialect, { onCable: true });
    const code = await codeOn(page);
    await login.cable.pull();
    const { id } = await login.alice.scan(code);
    await login.cable.plug();
    await login.sees('pending scanned');
    await login.cable.pull();
    await login.cable.plug();
    await login.alice.approve(id);
    await login.isIn();
    await login.sees('pending scanned approved');
  },

  async 'a yes while the page is cut off is not lost'(visit, page, dialect) {
    const login = await visit(page, dialect, { onCable: true });
    const code = await codeOn(page);
    await login.cable.pull();
    const { id } = await login.alice.scan(code);
    await login.alice.approve(id);
    await login.cable.plug();
    await login.isIn();
    await login.sees('pending approved');
  },
};

// These wait for the server's clock, so all dialects do it at once, a browser each.
const patient = {
  async 'a code that nobody scans expires'(visit, page, dialect) {
    const login = await visit(page, dialect, { flags: ['--login-ttl=4s'] });
    await login.ends();
    await login.sees('pending expired');
  },

  async 'the code changes, and the new one scans'(visit, page, dialect) {
    const login = await visit(page, dialect, { flags: ['--code-ttl=5s'] });
    const first = await codeOn(page);
    await expect.poll(() => codeOn(page), { message: dialect, intervals: [2000] }).not.toBe(first);
    const id = await login.scan();
    await login.sees('pending scanned');
    await login.alice.approve(id);
    await login.isIn();
    await login.sees('pending scanned approved');
  },
};

const names = Object.keys(dialects);

for (const [name, steps] of Object.entries(patient)) {
  test(`${name}, in every dialect`, async ({ browser, visit }) => {
    const contexts = await Promise.all(names.map(() => browser.newContext()));
    await Promise.all(names.map((dialect, i) => test.step(dialect, async () => {
      await steps(visit, await contexts[i].newPage(), dialect);
    })));
    for (const context of contexts) await context.close();
  });
}

for (const [name, steps] of Object.entries(cases)) {
  test.describe(name, () => {
    for (const dialect of names) {
      test(dialect, ({ page, visit }) => steps(visit, page, dialect));
    }
  });
}

// Pages of WeChat's and Taobao's kind ask no further, and have no word for it.
test.describe('a page that stays hears that its login was collected', () => {
  for (const dialect of names.filter(each => dialects[each].stays && each !== 'WebSocket')) {
    test(dialect, async ({ page, elsewhere, visit }) => {
      const login = await visit(page, dialect, { stay: true });
      const id = await login.scan();
      await login.sees('pending scanned');
      await login.alice.approve(id);
      await elsewhere.goto(await page.getByRole('link').getAttribute('href'));
      await login.ends();
      await login.sees('pending scanned approved redeemed');
    });
  }
});

test('a socket that stays carries what the site sends, over a cut too, until the phone signs it out', async ({ page, elsewhere, visit }) => {
  const login = await visit(page, 'WebSocket', { stay: true, onCable: true });
  const id = await login.scan();
  await login.sees('pending scanned');
  await login.alice.approve(id);
  await elsewhere.goto(await page.getByRole('link').getAttribute('href'));
  await login.sees('pending scanned approved redeemed');

  const answer = await login.shop.send({ cart: ['café', 2] });
  expect(answer.status).toBe(202);
  await expect(page.locator('#mail')).toHaveText('{"cart":["café",2]}');

  await login.cable.pull();
  const lost = await login.shop.send('anybody?');
  expect(lost.status).toBe(404);
  await login.cable.plug();
  await expect.poll(async () => (await login.shop.send('welcome back')).status).toBe(202);
  await expect(page.locator('#mail')).toHaveText('"welcome back"');

  await login.alice.signOut(login.shop.session());
  await login.ends('4001 signed out by the phone');
  await login.sees('pending scanned approved redeemed');
  const late = await login.shop.send('still there?');
  expect(late.status).toBe(404);
});

test('a browser without EventSource gets in by script tags', async ({ page, visit }) => {
  await page.addInitScript(() => { delete window.EventSource; });
  const login = await visit(page, 'SSE or JSONP');
  const id = await login.scan();
  await login.sees('pending scanned');
  await login.alice.approve(id);
  await login.isIn();
  await login.sees('pending scanned approved');
  expect(await page.evaluate(() => typeof EventSource)).toBe('undefined');
});
