// What the specs of the old engines start from. Each worker has an engine, and a site
// with the widget on its page.

import { expect, test as base } from '@playwright/test';
import { readQR } from '../fixtures.mjs';
import { phone } from '../phone.mjs';
import { engines } from './engines.mjs';
import { startLine, startSite } from './site.mjs';

export { expect, phone, readQR, startLine };

export const test = base.extend({
  engine: ['', { option: true, scope: 'worker' }],

  // start is startSite for this engine.
  start: [({ engine }, use) => use(flags => startSite({ flags, hold: engines[engine].hold })), { scope: 'worker' }],

  site: [
    async ({ start }, use) => {
      const site = await start([]);
      await use(site);
      await site.stop();
    },
    { scope: 'worker' },
  ],

  alice: ({ site }, use) => use(phone(site.server, 'alice')),

  driver: [
    async ({ engine }, use) => {
      const driver = await engines[engine].start();
      await use(driver);
      await driver.stop();
    },
    { scope: 'worker' },
  ],

  // The page in the engine; it must end without an error in any of its scripts.
  page: async ({ driver }, use) => {
    // asked waits until an expression is what is expected. While one page goes and the
    // next comes there is none to ask.
    const asked = expression => expect.poll(() => driver.ask(expression).catch(String));
    await use({
      open: address => driver.open(address),
      screenshot: () => driver.screenshot(),
      ask: expression => driver.ask(expression),
      asked,
      says: (words, id = 'login') => asked(`shop.said('${id}')`).toContain(words),
      told: words => asked('shop.told()').toBe(words),
      // code reads the picture of a widget. Some of these engines draw none, so it is fetched.
      async code(id = 'login') {
        await asked(`shop.picture('${id}')`).toContain('/qrcode/');
        const answer = await fetch(await driver.ask(`shop.picture('${id}')`));
        return readQR(Buffer.from(await answer.arrayBuffer()));
      },
      // isIn waits for the page behind the login.
      isIn: words => asked('document.body.innerHTML').toContain(words),
    });
    expect(await driver.errors()).toBe('');
  },
});
