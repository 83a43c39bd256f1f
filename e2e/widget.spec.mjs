// The widget on the page of a site that is not ours. Third-party cookies are blocked, but
// in the one test that allows them.

import { chromiumOptions, firefoxOptions } from './browsers.mjs';
import { expect, requests, test, widgetOn } from './widget.mjs';

// How each transport asks, and how it asks for nothing.
const asks = {
  auto: /^(POST \/v1\/logins|GET \/v1\/logins\/[^/?.]+\/events)$/,
  sse: /^(POST \/v1\/logins|GET \/v1\/logins\/[^/?.]+\/events)$/,
  jsonp: /^GET \/v1\/logins(\/[^/?.]+)?\.js\?/,
  poll: /^(POST \/v1\/logins|GET \/v1\/logins\/[^/?.]+\?since=[a-z]+)$/,
};
const scripts = asks.jsonp;
const longPolls = /^(POST \/v1\/logins|GET \/v1\/logins\/[^/?.]+\?since=[a-z]+&wait=\d+)$/;

// Each transport leads to the site.
for (const [transport, how] of Object.entries(asks)) {
  test(`${transport}: a yes leads to the site`, async ({ widget, context, alice }) => {
    const asked = requests(widget.page);
    await widget.open({ widgets: [{ transport, state: 'mine & yours' }] });
    await widget.letIn(alice);
    await widget.isIn();
    await expect(widget.page.getByRole('paragraph')).toHaveText('mine & yours');
    expect(asked.length).toBeGreaterThan(1);
    for (const request of asked) expect(request).toMatch(how);
    expect(await context.cookies()).toEqual([]);
    expect(widget.errors).toEqual([]);
  });
}

test('third-party cookies allowed: a yes leads to the site', async ({ playwright, browserName, site, alice }) => {
  const { channel, launchOptions: { args = [], firefoxUserPrefs, ...options } } = browserName === 'firefox' ? firefoxOptions : chromiumOptions;
  const browser = await playwright[browserName].launch({
    ...options, channel,
    args: args.filter(arg => arg !== '--test-third-party-cookie-phaseout'),
    firefoxUserPrefs: { ...firefoxUserPrefs, 'network.cookie.cookieBehavior': 0 },
  });
  const widget = widgetOn(await browser.newPage({ viewport: { width: 400, height: 480 } }), site);
  for (const transport of ['auto', 'jsonp']) {
    await widget.open({ widgets: [{ transport }] });
    await widget.letIn(alice);
    await widget.isIn();
  }
  expect(await widget.page.context().cookies()).toEqual([]);
  await browser.close();
});

// What the page, or the browser, takes from the widget.
const nonce = "script-src 'nonce-n'";
const lacks = {
  'no EventSource': { without: ['EventSource'], how: longPolls },
  'no XMLHttpRequest': { without: ['EventSource', 'XMLHttpRequest'], how: scripts },
  'no referrers': { headers: { 'Referrer-Policy': 'no-referrer' }, widgets: [{ transport: 'jsonp' }], how: scripts },
  'a policy for all it needs': {
    policy: server => `default-src 'none'; script-src 'self' ${server}; connect-src ${server}; img-src ${server} 'self' data:`, how: asks.auto,
  },
  'a policy without connections': {
    policy: server => `default-src 'none'; script-src 'self' ${server}; img-src *; connect-src 'none'`, how: scripts, refused: true,
  },
  'a policy of nonces': { policy: server => `${nonce}; connect-src ${server}`, how: asks.auto },
  'streams that throw, as WebKit under a policy': { throws: 'EventSource', how: longPolls },
  'requests that throw when they are opened': { throws: 'XMLHttpRequest.prototype.open', how: /events$|\.js\?/ },
};
for (const [title, { without = [], throws, policy, headers, how, refused, ...given }] of Object.entries(lacks)) {
  test(`${title}: a yes is heard`, async ({ widget, site, alice }) => {
    const asked = requests(widget.page);
    await widget.page.addInitScript(([without, throws]) => {
      const owner = path => path.split('.').slice(0, -1).reduce((from, name) => from[name], window);
      const last = path => path.split('.').at(-1);
      for (const path of without) delete owner(path)[last(path)];
      if (throws) owner(throws)[last(throws)] = function () { throw new DOMException('forbidden', 'SecurityError'); };
    }, [without, throws]);
    await widget.open({ ...given, headers: { ...headers, ...(policy && { 'Content-Security-Policy': policy(site.server.url) }) } });
    await widget.letIn(alice);
    await widget.isIn();
    const heard = asked.filter(request => how.test(request));
    if (!refused) expect(heard).toEqual(asked);
    expect(heard.length).toBeGreaterThan(1);
    if (!refused) expect(widget.errors).toEqual([]);
  });
}

test('a policy that forbids both ways: it says so', async ({ widget }) => {
  await widget.page.clock.install();
  await widget.open({ headers: { 'Content-Security-Policy': `${nonce}; connect-src 'none'` } });
  await widget.state('offline');
  await expect(async () => {
    await widget.page.clock.fastForward(5000);
    expect(widget.errors.join()).toContain('QRLatch: no answer (CSP?)');
  }).toPass();
});

// What happens to a login.

test('a no: a button begins anew, and the focus stays', async ({ widget, alice }) => {
  await widget.open();
  const first = await widget.code();
  const { id } = await alice.scan(first);
  await widget.state('scanned');
  await expect(widget.box.locator('img[alt=""]')).toHaveAttribute('src', /face\.svg$/);
  await alice.deny(id);
  await widget.state('denied');
  await widget.box.getByRole('button', { name: 'New code' }).click();
  expect(await widget.code()).not.toBe(first);
  await expect(widget.box.getByRole('status')).toBeFocused();
  await widget.says('Ready Scanned Denied Ready');
});

test('a number is shown, and typed on the phone', async ({ widget, alice }) => {
  await widget.open({ widgets: [{ app: 'bank' }] });
  const scan = await alice.scan(await widget.code());
  expect(scan.number_required).toBe(true);
  await widget.state('scanned');
  const [number] = /\d\d/.exec(await widget.box.getByRole('status').textContent());
  await expect(widget.box.getByText(number, { exact: true })).toBeVisible();
  await alice.approve(scan.id, number);
  await widget.isIn();
});

test('a code to type', async ({ widget, site, alice }) => {
  await widget.open();
  await widget.box.getByRole('button', { name: 'Can’t scan? Type a code' }).click();
  const status = widget.box.getByRole('status');
  await expect(status).toHaveText(/[B-Z]{4}-[B-Z]{4}$/);
  await expect(status).toContainText(`${new URL(site.server.url).host}/phone `);
  const scan = await alice.scan((await status.textContent()).slice(-9));
  await widget.state('scanned');
  const [number] = /\d\d/.exec(await status.textContent()) ?? [];
  await alice.approve(scan.id, number);
  await widget.isIn();
});

test.describe('on a phone', () => {
  // Firefox, driven by WebDriver BiDi, cannot pretend to be a phone.
  test.use({ hasTouch: true });

  test('the same device signs in in another tab, and the page waits for it', async ({ widget, context, browserName, alice }) => {
    test.skip(browserName === 'firefox', 'Firefox does not pretend to have a coarse pointer');
    await widget.open();
    const [tab] = await Promise.all([
      context.waitForEvent('page'),
      widget.page.getByRole('link', { name: 'Continue on this device' }).click(),
    ]);
    await tab.waitForURL(/\/l\//);
    await expect(widget.page.locator('.qrlatch')).toHaveAttribute('data-state', 'pending');
    const { id } = await alice.scan(tab.url());
    await alice.approve(id);
    await widget.isIn();
  });
});

// What the page says, and what it is told.

test('the callbacks get the login, and what they throw harms nobody', async ({ widget, alice }) => {
  await widget.open({ widgets: [{ redirect: 'callback' }] });
  await widget.state('pending');
  await widget.page.evaluate(() => { window.told.push = function (one) { this[this.length] = one; throw new Error('of the page'); }; });
  await widget.letIn(alice);
  await widget.state('approved');
  await widget.says('Ready Scanned Approved');
  const [ready, scanned, approved] = await widget.page.evaluate(() => window.told.map(({ login }) => login));
  expect(ready).toMatchObject({ state: 'pending', qr: { expires_in: expect.any(Number) } });
  expect(scanned).toEqual({ id: ready.id, state: 'scanned', user: { picture: expect.any(String) }, expires_in: expect.any(Number) });
  expect(approved).toMatchObject({ id: ready.id, state: 'approved', user: { name: 'Alice' }, redirect_uri: expect.stringContaining('/in?') });
  await expect(widget.page.getByRole('heading')).toHaveText('Sign in'); // it stays
  await widget.page.goto(approved.redirect_uri);
  await widget.isIn();
});

const complaints = [
  [{ app: 'nobody' }, 'QRLatch: No app of this id is registered here'],
  [{ redirectUri: 'https://elsewhere.example/' }, 'QRLatch: '],
  [{ theme: 'pink' }, 'QRLatch: unknown option theme: pink', 'pending'],
  [{ Theme: 'dark', transport: 'pigeon' }, 'QRLatch: unknown option Theme: dark', 'pending'],
  [{ el: 'nowhere' }, 'QRLatch needs el'],
  [{ app: '' }, 'QRLatch needs el'],
];
test('what is wrong is told in the console', async ({ widget, site }) => {
  for (const [options, complaint, state = 'refused'] of complaints) {
    await test.step(JSON.stringify(options), async () => {
      await widget.open({ widgets: [options] });
      if (/needs/.test(complaint)) await expect(widget.box).toHaveCount(0);
      else await widget.state(state);
      await expect.poll(() => widget.errors.join('\n')).toContain(complaint);
      if (state === 'refused' && !/needs/.test(complaint)) await widget.says('Error');
    });
  }
  for (const transport of ['auto', 'jsonp']) {
    widget.errors.length = 0;
    await widget.open({ at: site.stranger, widgets: [{ transport }] });
    await widget.state('refused');
    expect(widget.errors.join('\n')).toContain('The page that asks is not registered for this app');
  }
});

test('redirect: self leads the frame on, top the window, or a link if it may not', async ({ widget, site, alice, page }) => {
  const frame = page.frameLocator('iframe');
  const inside = widgetOn(page, site, frame.locator('#w0 .qrlatch'));
  const framed = options => page.goto(`${site.stranger}/around?${new URLSearchParams({ src: widget.address({ widgets: [options] }) })}`);
  await framed({ redirect: 'self' });
  await inside.letIn(alice);
  await expect(frame.getByRole('heading')).toHaveText('Signed in as Alice');

  await framed({ redirect: 'top' });
  await inside.letIn(alice);
  await inside.goesOn();
  await widget.isIn();
});

const languages = [
  ['ko-KR', [{ lang: 'es_MX' }, { lang: 'zh-Hans' }, { lang: 'xx' }, {}], ['es', 'zh', 'ko', 'ko']],
  ['kok-IN', [{}, { app: 'seoul' }], ['en', 'ko']],
  ['fr', [{ lang: 'EN' }, {}, { app: 'seoul' }, { app: 'seoul', lang: 'zh' }, { app: 'seoul', lang: 'xx', transport: 'jsonp' }], ['en', 'en', 'ko', 'zh', 'ko']],
];
for (const [locale, widgets, expected] of languages) {
  test(`its language in a browser that speaks ${locale} is the option’s, the browser’s, the app’s, or English`, async ({ browser, site, alice }) => {
    const context = await browser.newContext({ locale });
    const widget = widgetOn(await context.newPage(), site);
    await widget.open({ lang: 'zh', widgets: widgets.map(options => ({ redirect: 'callback', ...options })) }); // the page's own language decides nothing
    await expect(widget.page.locator('.qrlatch[data-state=pending]')).toHaveCount(widgets.length);
    expect(await widget.page.locator('.qrlatch').evaluateAll(all => all.map(({ lang }) => lang))).toEqual(expected);
    const hangul = widget.page.locator('.qrlatch[lang=ko] [role=status]');
    for (const words of await hangul.allTextContents()) expect(words).toMatch(/\p{Script=Hangul}/u);
    expect(widget.errors).toEqual([]);

    const last = () => widget.page.evaluate(last => window.told.filter(({ widget }) => widget === last).at(-1)?.login, widgets.length - 1);
    const { id } = await alice.scan((await last()).qr.text);
    await alice.approve(id);
    await expect.poll(async () => (await last()).redirect_uri).toContain('&lang=ko&'); // so does the site hear of it
    await context.close();
  });
}

test('its colours are the page’s, or its own', async ({ widget }) => {
  await widget.open({ style: 'body{color:#0a0;background:#123}', widgets: [{ theme: 'auto' }, { theme: 'dark' }, { theme: 'light' }, {}] });
  const look = await widget.page.locator('.qrlatch').evaluateAll(all => all.map(box => {
    const { color, backgroundColor } = getComputedStyle(box);
    return [color, backgroundColor, getComputedStyle(box.firstChild).backgroundColor].join(' ');
  }));
  const page = 'rgb(0, 170, 0) rgba(0, 0, 0, 0) rgb(255, 255, 255)';
  expect(look).toEqual([page, 'rgb(233, 240, 237) rgb(23, 33, 32) rgb(255, 255, 255)', 'rgb(20, 33, 31) rgb(255, 255, 255) rgb(255, 255, 255)', page]);
});
