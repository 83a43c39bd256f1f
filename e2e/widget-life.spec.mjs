// How long a widget lives: renewed, hidden, side by side with others, and destroyed.

import { expect, requests, test, widgetOn } from './widget.mjs';

test('refresh() begins anew', async ({ widget }) => {
  await widget.open();
  const first = await widget.code();
  await widget.page.evaluate(() => window.widgets[0].refresh());
  await widget.says('Ready Ready');
  expect(await widget.code()).not.toBe(first);
});

test('what expires renews itself, then offers a button', async ({ page, sites }) => {
  const widget = widgetOn(page, await sites('--login-ttl=1s'));
  await widget.open();
  await widget.state('expired');
  await widget.says('Ready' + ' Expired Ready'.repeat(5) + ' Expired');
  await widget.box.getByRole('button', { name: 'New code' }).click();
  await expect.poll(widget.told).toMatch(/^Ready( Expired Ready){7}/); // it counts from the click
});

// hides lets a page be hidden and shown again: these browsers show every page.
function hides(page, hidden) {
  return page.addInitScript(hidden => {
    Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
    window.hide = now => { hidden = now; document.dispatchEvent(new Event('visibilitychange')); };
  }, hidden);
}

test('nothing renews itself where nobody looks', async ({ page, sites }) => {
  const widget = widgetOn(page, await sites('--login-ttl=1s'));
  await hides(page, true);
  await page.clock.install();
  await widget.open();
  await expect(async () => { // it asks every 12 seconds
    await page.clock.fastForward(12_000);
    expect(await widget.told()).toBe('Ready Expired');
  }).toPass();
  await widget.state('expired');
  await page.evaluate(() => window.hide(false));
  await widget.state('pending');
  await expect.poll(widget.told).toMatch(/^Ready Expired Ready/);
});

for (const transport of ['auto', 'jsonp']) {
  test(`${transport}: hidden, it holds no connection, and hears of a yes all the same`, async ({ widget, alice, page }) => {
    const held = /\/events$|wait=/;
    const asked = requests(page);
    await hides(page, false);
    await page.clock.install();
    await widget.open({ widgets: [{ transport }] });
    const code = await widget.code();
    await expect.poll(() => asked.join()).toMatch(held);

    asked.length = 0;
    await page.evaluate(() => window.hide(true));
    const { id } = await alice.scan(code);
    await expect(async () => {
      await page.clock.fastForward(12_000);
      await expect(widget.box).toHaveAttribute('data-state', 'scanned', { timeout: 1000 });
    }).toPass();
    for (const request of asked) expect(request).not.toMatch(held);

    asked.length = 0;
    await page.evaluate(() => window.hide(false));
    await expect.poll(() => asked.join(), { timeout: 10_000 }).toMatch(held); // at once, not after its 12 seconds
    await page.evaluate(() => window.hide(true));
    await alice.approve(id);
    await expect(async () => {
      await page.clock.fastForward(12_000);
      await expect(page.getByRole('heading')).toHaveText('Signed in as Alice', { timeout: 1000 });
    }).toPass();
  });
}

// Browsers make six connections to a server, unless it speaks HTTP/2, for all their tabs.
test('the seventh tab has its code at once', async ({ context, site, alice }) => {
  const tabs = [];
  for (let i = 0; i < 7; i += 1) {
    const page = await context.newPage();
    const streams = requests(page);
    await hides(page, false);
    const tab = widgetOn(page, site);
    await Promise.all(tabs.slice(-1).map(before => before.page.evaluate(() => window.hide(true))));
    await tab.open();
    await expect(tab.box).toHaveAttribute('data-state', 'pending', { timeout: 10_000 }); // a request that waits for its turn gives up after 12
    await expect.poll(() => streams.join()).toContain('/events');
    tabs.push(tab);
  }
  await tabs[0].page.evaluate(() => window.hide(false));
  await tabs[0].letIn(alice);
  await tabs[0].isIn();
});

test('two widgets know nothing of each other', async ({ widget, site, alice }) => {
  await widget.open({ widgets: [{ transport: 'jsonp' }, { transport: 'jsonp' }] });
  const other = widgetOn(widget.page, site, widget.page.locator('#w1 .qrlatch'));
  await other.state('pending');
  const login = await widget.page.evaluate(() => window.told.find(({ widget }) => widget === 1).login);
  const { id } = await alice.scan(login.qr.text);
  await other.state('scanned');
  await widget.state('pending');
  await widget.page.evaluate(() => window.widgets[0].destroy());
  await alice.approve(id);
  await widget.isIn();
});

test('destroy() leaves nothing behind', async ({ widget, alice }) => {
  await widget.page.clock.install();
  await widget.page.addInitScript(() => {
    window.left = new Map(); // listeners of the widget
    for (const target of [window, document]) {
      const { addEventListener, removeEventListener } = target;
      target.addEventListener = function (type, heard) {
        if (/qrlatch/.test(new Error().stack)) window.left.set(heard + type, type);
        addEventListener.apply(target, arguments);
      };
      target.removeEventListener = function (type, heard) {
        window.left.delete(heard + type);
        removeEventListener.apply(target, arguments);
      };
    }
  });
  const transports = ['auto', 'sse', 'jsonp', 'poll'];
  await widget.open({ widgets: transports.map(transport => ({ transport, redirect: 'callback' })) });
  for (const i of transports.keys()) await expect(widget.page.locator(`#w${i} .qrlatch`)).toHaveAttribute('data-state', 'pending');
  await expect.poll(() => widget.page.evaluate(() => document.scripts.length)).toBe(3); // of the page, and a request
  expect(await widget.page.evaluate(() => window.left.size)).toBeGreaterThan(0);

  // At the very moment of news, before the page is told of it.
  const gone = widget.page.evaluate(() => new Promise(resolve => {
    new MutationObserver(() => {
      window.widgets.forEach(widget => widget.destroy());
      resolve();
    }).observe(document.querySelector('#w1 .qrlatch'), { attributeFilter: ['data-state'] });
  }));
  const { login } = await widget.page.evaluate(() => window.told.find(({ widget }) => widget === 1));
  await alice.scan(login.qr.text);
  await gone;
  const asked = requests(widget.page);
  await widget.page.clock.runFor(70_000);
  expect(await widget.page.evaluate(() => ({
    scripts: document.scripts.length, listeners: [...window.left.values()], callbacks: Object.keys(window.QRLatch),
    nodes: [...document.querySelectorAll('[id^=w]')].map(el => el.innerHTML).join(''),
  }))).toEqual({ scripts: 2, listeners: [], callbacks: [], nodes: '' });
  expect(asked).toEqual([]);
  expect(await widget.told()).toBe('Ready Ready Ready Ready');
  expect(widget.errors).toEqual([]);
});

test('a script that is answered after destroy() harms nothing, and its callback goes with it', async ({ widget, alice }) => {
  const asked = requests(widget.page);
  await widget.open({ widgets: [{ transport: 'jsonp' }] });
  const code = await widget.code();
  const callbacks = () => widget.page.evaluate(() => Object.keys(window.QRLatch));
  await expect.poll(() => asked.join()).toContain('wait=');
  await widget.page.evaluate(() => window.widgets[0].destroy());
  expect(await callbacks()).toHaveLength(1); // or the answer would be an error of the page
  await alice.scan(code);
  await expect.poll(callbacks).toEqual([]);
  expect(widget.errors).toEqual([]);
  expect(await widget.told()).toBe('Ready');
});

test('destroy() in onApproved: the page stays', async ({ widget, alice }) => {
  await widget.open();
  await widget.state('pending');
  await widget.page.evaluate(() => {
    window.told.push = function (one) {
      this[this.length] = one;
      if (one.name === 'Approved') window.widgets[0].destroy();
    };
  });
  const left = [];
  widget.page.on('request', request => { if (request.isNavigationRequest()) left.push(request.url()); });
  const { id } = await alice.scan(await widget.code());
  await alice.approve(id);
  await widget.says('Ready Scanned Approved');
  await widget.page.evaluate(() => new Promise(resolve => { // by then a redirect would have been asked for
    setTimeout(() => { fetch(location.href).then(resolve, resolve); }, 0);
  }));
  expect(left).toEqual([]);
});
