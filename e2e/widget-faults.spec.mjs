// What goes wrong between the widget and the server: the login still completes, or the
// page says what to do.

import { startCable } from './shop.mjs';
import { expect, phone, startProxy, startSite, test, widgetOn } from './widget.mjs';

const transports = ['auto', 'jsonp'];

for (const transport of transports) {
  test(`${transport}: the server restarts and has forgotten the login: a new code`, async ({ page, own }) => {
    const site = await own(startSite());
    const widget = widgetOn(page, site);
    await widget.open({ widgets: [{ transport }] });
    const first = await widget.code();
    await site.restart();
    await expect.poll(widget.told, { timeout: 20_000 }).toBe('Ready Expired Ready');
    expect(await widget.code()).not.toBe(first);
    await widget.letIn(phone(site.server, 'alice'));
    await widget.isIn();
  });

  test(`${transport}: cut off, it says so; what happens meanwhile is not lost`, async ({ widget, site, alice, own }) => {
    const cable = await own(startCable(site.server.url));
    await widget.open({ from: cable, widgets: [{ transport }] });
    const code = await widget.code();
    await cable.pull();
    await widget.state('offline');
    await alice.approve((await alice.scan(code)).id);
    await cable.plug();
    await widget.isIn();
  });
}

test('the server restarts after the scan: the page says so, and a button begins anew', async ({ page, own }) => {
  const site = await own(startSite());
  const widget = widgetOn(page, site);
  await widget.open();
  await phone(site.server, 'alice').scan(await widget.code());
  await widget.state('scanned');
  await site.restart();
  await expect(page.getByRole('status')).toHaveText('This code has expired', { timeout: 20_000 });
  await page.getByRole('button', { name: 'New code' }).click();
  await widget.letIn(phone(site.server, 'alice'));
  await widget.isIn();
});

test('no server at first: it begins when there is one', async ({ page, own }) => {
  const site = await own(startSite());
  const widget = widgetOn(page, site);
  await page.route('**/v1/**', route => route.abort());
  await widget.open();
  await widget.state('offline');
  await page.unroute('**/v1/**');
  await widget.letIn(phone(site.server, 'alice'));
  await widget.isIn();
});

test('the browser is offline, and is back', async ({ widget, context, alice }) => {
  await widget.open();
  const code = await widget.code();
  await context.setOffline(true);
  await widget.state('offline');
  const { id } = await alice.scan(code);
  await context.setOffline(false);
  await widget.state('scanned');
  await alice.approve(id);
  await widget.isIn();
});

test('a proxy swallows the stream: held requests within 7 seconds', async ({ widget, site, alice, own, page }) => {
  const asked = [];
  const proxy = await own(startProxy(site.server, url => { asked.push(url); return /events/.test(url) && 'swallow'; }));
  await page.clock.install();
  await widget.open({ from: proxy });
  await widget.state('pending');
  await expect.poll(() => asked.filter(url => /events/.test(url)).length).toBe(1);
  expect(asked.join()).not.toContain('wait=');
  await page.clock.fastForward(7000);
  await expect.poll(() => asked.join()).toContain('wait=');
  await widget.letIn(alice);
  await widget.isIn();
  expect(asked.filter(url => /events/.test(url)).length).toBe(1);
});

for (const transport of ['auto', 'jsonp']) {
  test(`${transport}: a proxy cuts what is held: short requests`, async ({ widget, site, alice, own, page }) => {
    const asked = [];
    let cut;
    const late = new Promise(resolve => { cut = () => resolve('cut'); });
    const proxy = await own(startProxy(site.server, url => {
      asked.push(url);
      return /events/.test(url) ? 'cut' : /wait=/.test(url) && late; // a browser may ask once more by itself
    }));
    await page.clock.install();
    await widget.open({ from: proxy, widgets: [{ transport }] });
    await expect.poll(() => asked.join()).toContain('wait=');
    await page.clock.fastForward(5000);
    cut();
    await expect.poll(() => asked.at(-1)).toMatch(/since=pending(&callback|$)/);
    await widget.letIn(alice);
    await widget.isIn();
    expect(asked.slice(asked.findLastIndex(url => /wait=/.test(url))).length).toBeGreaterThan(2);
  });
}

test('ten minutes asleep, the login is over: a new code', async ({ page, own }) => {
  const site = await own(startSite());
  const cable = await own(startCable(site.server.url));
  const widget = widgetOn(page, site);
  await page.clock.install();
  await widget.open({ from: cable });
  const first = await widget.code();
  await cable.pull();
  await site.restart(); // it knows the login no more, as after ten minutes
  const plugged = cable.plug();
  await page.clock.fastForward('10:00');
  await plugged;
  await expect.poll(widget.told, { timeout: 20_000 }).toBe('Ready Expired Ready');
  expect(await widget.code()).not.toBe(first);
  await widget.letIn(phone(site.server, 'alice'));
  await widget.isIn();
});

test('an answer after its time harms nothing', async ({ widget, site, alice, own, page }) => {
  let release;
  const late = new Promise(resolve => { release = resolve; });
  const waiting = [];
  const proxy = await own(startProxy(site.server, async url => {
    if (!/wait=/.test(url) || waiting.push(url) > 1) return;
    await late;
  }));
  await page.clock.install();
  await widget.open({ from: proxy, widgets: [{ transport: 'jsonp', redirect: 'callback' }] });
  await expect.poll(() => waiting.length).toBe(1);
  await page.clock.fastForward('00:45');
  await widget.letIn(alice);
  await widget.state('approved');
  const answered = page.waitForResponse(response => response.url().endsWith(waiting[0]));
  release();
  await (await answered).finished();
  await widget.says('Ready Scanned Approved');
  expect(widget.errors).toEqual([]);
});

test('a picture that fails is asked for again', async ({ widget, alice, page }) => {
  let failed = 0;
  await page.route('**/qrcode/**', route => { failed += 1; return failed > 1 ? route.continue() : route.abort(); });
  await page.clock.install();
  await widget.open();
  await expect.poll(() => failed).toBe(1);
  await page.clock.fastForward(3000);
  await widget.letIn(alice);
  await widget.isIn();
});
