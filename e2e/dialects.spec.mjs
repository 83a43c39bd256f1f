// One login, told in every dialect to the page of a site that is not ours: whatever
// happens to it, every page sees the same states in the same order, none of them twice.

import { dialects, run } from './dialects.mjs';
import { test as base, codeOn, expect, phone } from './fixtures.mjs';
import { startCable, startShop } from './shop.mjs';

// What can happen to a login. Each case ends with all that its page may have seen.
//
//	flags     of the server
//	onCable   the page can be cut off
//	stay      the page does not go where the approval leads to, in dialects that allow it
//	together  it waits for the server's clock: all dialects do so at once
const cases = {
  'a yes is collected': {
    async steps({ alice, scan, sees, isIn }) {
      const id = await scan();
      await sees('pending scanned');
      await alice.approve(id);
      await isIn();
      await sees('pending scanned approved');
      expect(await alice.get(id)).toMatchObject({ state: 'redeemed' });
    },
  },

  'a no is heard': {
    async steps({ alice, scan, sees, ends }) {
      const id = await scan();
      await sees('pending scanned');
      await alice.deny(id);
      await ends();
      await sees('pending scanned denied');
    },
  },

  'a scan while the page is cut off is not lost, nor told again after the next cut': {
    onCable: true,
    async steps({ alice, cable, code, scan, sees, isIn }) {
      const shown = await code();
      await cable.pull();
      const id = await scan(shown);
      await cable.plug();
      await sees('pending scanned');
      await cable.pull();
      await cable.plug();
      await alice.approve(id);
      await isIn();
      await sees('pending scanned approved');
    },
  },

  'a yes while the page is cut off is not lost': {
    onCable: true,
    async steps({ alice, cable, code, scan, sees, isIn }) {
      const shown = await code();
      await cable.pull();
      await alice.approve(await scan(shown));
      await cable.plug();
      await isIn();
      await sees('pending approved');
    },
  },

  'a page that stays hears that its login was collected elsewhere': {
    stay: true,
    async steps({ alice, scan, sees, collect }) {
      const id = await scan();
      await sees('pending scanned');
      await alice.approve(id);
      await collect();
      await sees('pending scanned approved redeemed');
    },
  },

  'a code that nobody scans expires': {
    together: true,
    flags: ['--login-ttl=4s'],
    async steps({ sees, ends }) {
      await ends();
      await sees('pending expired');
    },
  },

  'the code changes, and the new one scans': {
    together: true,
    flags: ['--code-ttl=5s'],
    async steps({ alice, code, scan, sees, isIn }) {
      const first = await code();
      let next;
      await expect(async () => {
        next = await code();
        expect(next).not.toBe(first);
      }).toPass({ intervals: [5000], timeout: 30_000 });
      const id = await scan(next);
      await sees('pending scanned');
      await alice.approve(id);
      await isIn();
      await sees('pending scanned approved');
    },
  },
};

const test = base.extend({
  baseURL: ({}, use) => use(undefined), // these need no demo

  // The shops of this worker, by the flags of their servers, open once they are asked for.
  shops: [
    async ({}, use) => {
      const open = new Map();
      await use((flags = []) => {
        const key = flags.join(' ');
        if (!open.has(key)) open.set(key, startShop(flags));
        return open.get(key);
      });
      for (const shop of open.values()) await (await shop).stop();
    },
    { scope: 'worker' },
  ],

  // visit opens the shop in a browser of its own, where a driver begins a login. It
  // resolves to what can be done to that login and seen of it.
  visit: async ({ browser, shops }, use) => {
    const opened = [];
    const anotherPage = async () => {
      const context = await browser.newContext({ viewport: { width: 400, height: 480 } }); // a small picture is read sooner
      opened.push(() => context.close());
      return context.newPage();
    };
    await use(async (dialect, { flags, onCable, stay } = {}) => {
      const shop = await shops(flags);
      const cable = onCable ? await startCable(shop.server.url) : undefined;
      if (cable) opened.push(() => cable.stop());
      const page = await anotherPage();
      await page.goto(shop.url);
      await run(page, dialect, cable?.url ?? shop.server.url, { stay });

      const alice = phone(shop.server, 'alice');
      const sees = states => expect(page.locator('#saw'), dialect).toHaveText(states);
      const code = async () => {
        await sees('pending'); // some draw the code before they ask
        return codeOn(page);
      };
      return {
        shop, cable, page, alice, sees, code,
        scan: async shown => (await alice.scan(shown ?? await code())).id,
        ends: (why = 'over') => expect(page.locator('#end'), dialect).toHaveText(why),
        isIn: () => expect(page.getByRole('heading'), dialect).toHaveText('Signed in as Alice'),
        // collect takes the approved login to another browser.
        collect: async () => (await anotherPage()).goto(await page.getByRole('link').getAttribute('href')),
      };
    });
    for (const close of opened.reverse()) await close();
  },
});

for (const [title, { steps, together, ...options }] of Object.entries(cases)) {
  const able = Object.keys(dialects).filter(name => !options.stay || dialects[name].stays);
  const play = (dialect, visit) => test.step(dialect, async () => steps(await visit(dialect, options)));
  if (together) {
    test(`${title}, in every dialect`, async ({ visit }) => {
      test.slow(); // it is seven tests
      await Promise.all(able.map(dialect => play(dialect, visit)));
    });
    continue;
  }
  test.describe(title, () => {
    for (const dialect of able) {
      test(dialect, ({ visit }) => play(dialect, visit));
    }
  });
}

test('a socket that stays carries what the site sends, over a cut too, until the phone signs it out', async ({ visit }) => {
  const { shop, cable, page, alice, scan, sees, ends, collect } = await visit('WebSocket', { stay: true, onCable: true });
  const id = await scan();
  await sees('pending scanned');
  await alice.approve(id);
  await collect();
  await sees('pending scanned approved redeemed');
  const mail = expect(page.locator('#mail'));

  expect((await shop.send({ cart: ['café', 2] })).status).toBe(202);
  await mail.toHaveText('{"cart":["café",2]}');

  await cable.pull();
  expect((await shop.send('anybody?')).status).toBe(404);
  await cable.plug();
  await expect.poll(async () => (await shop.send('welcome back')).status).toBe(202);
  await mail.toHaveText('"welcome back"');

  await alice.signOut(shop.session());
  await ends('4001 signed out by the phone');
  await sees('pending scanned approved redeemed');
  expect((await shop.send('still there?')).status).toBe(404);
});
