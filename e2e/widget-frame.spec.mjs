// /embed, the widget in a frame of its own, on the page of a site that is not ours.

import { expect, test, widgetOn } from './widget.mjs';

const nonce = 'nonce-of-a-page';

// visit opens a page of the site, or of a stranger, with a frame that tells it what
// happens.
async function visit(page, site, { at = site.url, ...query } = {}) {
  const src = `${site.server.url}/embed?${new URLSearchParams({ app: 'shop', nonce, origin: site.url, ...query })}`;
  await page.goto(`${at}/around?${new URLSearchParams({ src })}`);
  return widgetOn(page, site, page.frameLocator('iframe').locator('.qrlatch'));
}

const heard = page => page.evaluate(() => window.heard.map(({ data }) => data.type.replace('qrlatch:', '')).join(' '));

test('it tells its page how far the login has come', async ({ page, site, alice }) => {
  const widget = await visit(page, site);
  const { id } = await alice.scan(await widget.code());
  await widget.state('scanned');
  await alice.deny(id);
  await widget.state('denied');
  await widget.box.getByRole('button', { name: 'New code' }).evaluate(button => button.click()); // which Firefox's driver misses in a frame
  await widget.letIn(alice);
  await expect.poll(() => heard(page)).toBe('pending scanned denied pending scanned approved');
  for (const { origin, data } of await page.evaluate(() => window.heard)) {
    expect(origin).toBe(site.server.url);
    const uri = data.type === 'qrlatch:approved' && { redirect_uri: expect.stringContaining(`${site.url}/in?`) };
    expect(data).toEqual({ type: data.type, v: 1, id: nonce, ...uri });
  }
  await page.goto(await page.evaluate(() => window.heard.at(-1).data.redirect_uri));
  await widget.isIn();
});

test('it tells nobody but the origin that it was given', async ({ page, site, alice }) => {
  // A registered page that has been framed itself, and moved away from under its frame.
  await page.addInitScript(() => {
    if (!location.pathname.startsWith('/embed')) return;
    window.targets = [];
    const told = Object.getOwnPropertyDescriptor(window, 'parent');
    const parent = { postMessage: (message, target) => { window.targets.push(target); } };
    Object.defineProperty(window, 'parent', { ...told, get: () => parent });
  });
  const widget = await visit(page, site);
  await widget.letIn(alice);
  await widget.state('approved');
  const targets = () => page.frames()[1].evaluate(() => window.targets.join(' '));
  await expect.poll(targets).toBe(Array(3).fill(site.url).join(' '));
});

test('without an origin it tells nobody, and offers a link', async ({ page, site, alice }) => {
  const widget = await visit(page, site, { nonce: '', origin: '' });
  await widget.letIn(alice);
  await widget.goesOn();
  await widget.isIn();
});

test('it listens to nobody', async ({ page, site, alice }) => {
  const widget = await visit(page, site);
  await widget.state('pending');
  await page.evaluate(([id, uri]) => {
    const { contentWindow } = document.querySelector('iframe');
    for (let i = 0; i < 1000; i += 1) {
      const type = ['approved', 'denied', 'expired', 'refresh', 'destroy'][i % 5];
      contentWindow.postMessage(i % 2 ? { type: `qrlatch:${type}`, v: 1, id, redirect_uri: uri } : `qrlatch:${type}`, '*');
    }
  }, [nonce, `${site.url}/in?forged`]);
  await widget.letIn(alice);
  await widget.state('approved');
  await expect.poll(() => heard(page)).toBe('pending scanned approved');
  expect(await page.evaluate(() => window.heard.at(-1).data.redirect_uri)).not.toContain('forged');
  expect(widget.errors.filter(words => !words.includes('face.svg'))).toEqual([]); // another site's picture
});

test('a page that listens as the documents say hears the frame alone', async ({ page, site, alice }) => {
  await page.goto(`${site.url}/frame.html`);
  const widget = widgetOn(page, site, page.frameLocator('iframe').locator('.qrlatch'));
  await widget.state('pending');
  const id = await page.evaluate(() => window.nonce);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  await page.evaluate(([id, uri]) => {
    const message = { type: 'qrlatch:approved', v: 1, id, redirect_uri: uri };
    for (let i = 0; i < 1000; i += 1) window.postMessage(message, '*');
  }, [id, `${site.url}/in?forged`]);
  await widget.letIn(alice);
  await widget.isIn();
});

test('a stranger cannot frame it', async ({ page, site }) => {
  const asked = page.waitForRequest('**/embed?*');
  const widget = await visit(page, site, { at: site.stranger }); // the page has loaded, with its frame
  await asked;
  await expect(widget.box).toHaveCount(0);
  expect(await page.evaluate(() => window.heard)).toEqual([]);
});
