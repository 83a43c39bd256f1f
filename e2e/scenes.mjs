// Every page that a computer shows, in every state, for make shots; scenes-phone.mjs has
// those of a phone. A scene leads to one of them and returns the page that shows it:
//
//	w.computer(), w.phone()  a new page in a browser of its own; they take Playwright's options
//	w.words                  the messages of this language
//	w.alice, w.bob           the people of the demo
//	w.demo, w.brisk, w.hasty servers in demo mode: as they are, with codes and tickets that
//	                         end after a second, with logins that end after two
//	w.site, w.hastySite      a site with the widget, and its server
//	w.provided               a server whose phones sign in at a provider
//
// The texts are in four languages, so what is waited for is named by its message.

import { expect } from '@playwright/test';
import { codeOn, phone, readQR } from './fixtures.mjs';
import { widgetOn } from './widget.mjs';

const never = () => new Promise(() => {});
const pause = (page, ms) => page.waitForTimeout(ms);

// --- a computer at the login page ---------------------------------------------------

export const says = (w, page, key) => expect(page.locator('#say')).toContainText(w.words[key]);

async function login(w, server = w.demo) {
  const page = await w.computer();
  await page.goto(server.url);
  await expect(page.locator('#picture .qr')).toBeVisible();
  return page;
}

async function scanned(w) {
  const page = await login(w);
  const { id } = await w.alice.scan(readQR(await page.screenshot()));
  await says(w, page, 'login.scanned');
  await expect(page.locator('#picture .avatar')).toBeVisible();
  return { page, id };
}

export async function inside(w, person = w.alice) {
  const page = await login(w);
  await person.approve((await person.scan(readQR(await page.screenshot()))).id);
  await page.locator('#inside').waitFor();
  return page;
}

// stay makes a page that is led on stay as it is.
const stay = (page, address) => page.route(address, route => route.abort('aborted'));

export async function before(w) {
  const page = await inside(w);
  await page.context().clearCookies({ name: 'wxsid' });
  await page.goto(w.demo.url);
  await says(w, page, 'login.pending');
  return page;
}

async function over(w, code) {
  const page = await inside(w);
  await page.route('**/synccheck**', route => route.fulfill({ contentType: 'text/javascript', body: `window.synccheck={retcode:"${code}",selector:"0"}` }));
  await page.reload();
  await page.locator('#out').waitFor();
  return page;
}

const loginPage = {
  async starting(w) {
    const page = await w.computer();
    await page.route('**/jslogin?**', never);
    await page.goto(w.demo.url, { waitUntil: 'commit' });
    await says(w, page, 'login.starting');
    return page;
  },
  pending: w => login(w),
  scanned: async w => (await scanned(w)).page,
  async 'scanned, number'(w) {
    const page = await login(w, w.brisk);
    const code = readQR(await page.screenshot());
    await pause(page, 3500);
    await phone(w.brisk, 'alice').scan(code);
    await says(w, page, 'login.scanned');
    return page;
  },
  async approved(w) {
    const { page, id } = await scanned(w);
    await stay(page, '**/webwxnewloginpage?**');
    await w.alice.approve(id);
    await says(w, page, 'login.approved');
    return page;
  },
  async denied(w) {
    const { page, id } = await scanned(w);
    await w.alice.deny(id);
    await says(w, page, 'login.denied');
    return page;
  },
  async expired(w) {
    const page = await login(w, w.hasty);
    await says(w, page, 'login.expired');
    return page;
  },
  async offline(w) {
    const page = await w.computer();
    await page.route('**/jslogin?**', route => route.abort());
    await page.goto(w.demo.url);
    await says(w, page, 'login.offline');
    return page;
  },
  async refused(w) {
    const page = await w.computer();
    await page.route('**/jslogin?**', route => route.fulfill({ contentType: 'text/javascript',
      body: 'window.QRLogin.code = 400; window.QRLogin.error = "too many logins were started from your network; try again in a minute";' }));
    await page.goto(w.demo.url);
    await says(w, page, 'login.refused');
    return page;
  },
  'was here before': before,
  async asked(w) {
    const page = await before(w);
    await page.locator('#push').click();
    await says(w, page, 'login.asked');
    return page;
  },
  inside: w => inside(w),
  'signed out by the phone': w => over(w, 1100),
  'signed in elsewhere': w => over(w, 1101),
  'session over': w => over(w, 1102),
  async 'no demo'(w) {
    const page = await w.computer();
    await page.goto(w.site.server.url);
    return page;
  },
};

// --- the login for windows and frames -------------------------------------------------

export async function embed(w, scan, answer) {
  const page = await w.computer();
  await page.goto(`${w.demo.url}/embed?app=demo`);
  const picture = page.locator('.qrlatch img').first();
  await picture.evaluate(img => img.decode());
  if (!scan) return page;
  const { id } = await w.alice.scan(readQR(await picture.screenshot()));
  await page.locator('[data-state=scanned]').waitFor();
  if (answer) await w.alice[answer](id);
  if (answer) await page.locator(`[data-state=${answer === 'deny' ? 'denied' : 'approved'}]`).waitFor();
  return page;
}

async function plain(w, server = w.demo, scan, answer) {
  const page = await w.computer({ javaScriptEnabled: false });
  await page.goto(`${server.url}/embed/plain?app=demo`);
  const picture = page.locator('.qr');
  await picture.waitFor();
  if (!scan) return page;
  const { id } = await w.alice.scan(readQR(await page.screenshot()));
  if (answer) await w.alice[answer](id);
  await picture.waitFor({ state: 'detached' });
  return page;
}

async function frame(w, [width, height]) {
  const path = `/framed-${w.lang}-${width}`;
  w.site.answers[path] = () => ({ body: `<!doctype html><meta name="color-scheme" content="light dark"><title>Framed</title>
    <iframe style="border:1px dashed #888" width="${width}" height="${height}" src="${w.site.server.url}/embed?app=shop"></iframe>` });
  const page = await w.computer();
  await page.goto(w.site.url + path);
  await page.frameLocator('iframe').locator('.qrlatch img').first().evaluate(img => img.decode());
  return page;
}

const embedPage = {
  'window, pending': w => embed(w),
  'window, scanned': w => embed(w, true),
  'window, denied': w => embed(w, true, 'deny'),
  'frame': w => frame(w, [320, 580]),
  'frame of 200 pixels': w => frame(w, [200, 400]),
  'no scripts, pending': w => plain(w),
  'no scripts, scanned': w => plain(w, w.demo, true),
  'no scripts, approved': w => plain(w, w.demo, true, 'approve'),
  'no scripts, denied': w => plain(w, w.demo, true, 'deny'),
  async 'no scripts, expired'(w) {
    const page = await plain(w, w.hasty);
    await page.locator('.qr').waitFor({ state: 'detached' });
    return page;
  },
  async 'unknown app'(w) {
    const page = await w.computer();
    await page.goto(`${w.demo.url}/embed?app=nobody`);
    return page;
  },
};

// --- the widget on a page of another site ------------------------------------------------

const looks = 'html{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:24em;margin:2em auto;padding:0 1em}';

// widget opens it; options of its own, and what comes between before it is opened.
async function widget(w, { options = {}, between, site = w.site, style = looks, context } = {}) {
  const page = await w.computer(context);
  const it = widgetOn(page, site, page.locator('#w0 .qrlatch'));
  await between?.(page, it);
  await it.open({ lang: w.lang, style, widgets: [{ redirect: 'callback', ...options }] });
  return it;
}

const reaches = async (it, state) => {
  await expect(it.box).toHaveAttribute('data-state', state, { timeout: 30_000 });
  if (state === 'pending') await it.box.locator('img').first().evaluate(img => img.decode());
  return it.page;
};

async function widgetScanned(w, options) {
  const it = await widget(w, { options });
  await reaches(it, 'pending');
  const { id } = await w.shopper.scan(readQR(await it.box.locator('img').first().screenshot()));
  await reaches(it, 'scanned');
  return { it, id };
}

const widgetPage = {
  starting: async w => reaches(await widget(w, { between: page => page.route('**/v1/logins', never) }), 'starting'),
  pending: async w => reaches(await widget(w), 'pending'),
  'pending, on a phone': async w => reaches(await widget(w, { context: { hasTouch: true, isMobile: true } }), 'pending'),
  async 'a code to type'(w) {
    const it = await widget(w);
    await reaches(it, 'pending');
    await it.box.locator('button').click();
    await expect(it.box.getByRole('status')).toHaveText(/[B-Z]{4}-[B-Z]{4}/);
    return reaches(it, 'pending');
  },
  scanned: async w => (await widgetScanned(w)).it.page,
  'scanned, number': async w => (await widgetScanned(w, { app: 'bank' })).it.page,
  async approved(w) {
    const { it, id } = await widgetScanned(w);
    await w.shopper.approve(id);
    return reaches(it, 'approved');
  },
  async 'approved, redirect blocked'(w) {
    const { it, id } = await widgetScanned(w, { redirect: 'top' });
    await stay(it.page, '**/in?**');
    await w.shopper.approve(id);
    await it.box.locator('a').waitFor();
    return it.page;
  },
  async denied(w) {
    const { it, id } = await widgetScanned(w);
    await w.shopper.deny(id);
    return reaches(it, 'denied');
  },
  expired: async w => reaches(await widget(w, { site: w.hastySite }), 'expired'),
  offline: async w => reaches(await widget(w, { between: page => page.route('**/v1/logins*', route => route.abort()) }), 'offline'),
  refused: async w => reaches(await widget(w, { options: { app: 'nobody' } }), 'refused'),
  'light': async w => reaches(await widget(w, { options: { theme: 'light' } }), 'pending'),
  'dark': async w => reaches(await widget(w, { options: { theme: 'dark' } }), 'pending'),
  '200 pixels': async w => reaches(await widget(w, { style: `${looks}#w0{width:200px;outline:1px dashed #888}` }), 'pending'),
};

// --- the demo's own site -----------------------------------------------------------------

async function shop(w, path = '/', code = '#login img') {
  const page = await w.computer();
  await page.goto(w.demo.shop + path);
  await page.locator(code).first().evaluate(node => node.decode?.());
  return page;
}

async function shelf(w) {
  const page = await shop(w);
  await w.bob.approve((await w.bob.scan(await codeOn(page))).id);
  await page.waitForURL('**/account');
  return page;
}

const shopPage = {
  'sign-in': w => shop(w),
  async 'in a frame'(w) {
    const page = await shop(w, '/isolated', '#login');
    await page.frameLocator('#login').locator('img').first().evaluate(img => img.decode());
    return page;
  },
  account: shelf,
  async 'signed out by the phone'(w) {
    const page = await shelf(w);
    for (const { id } of await w.bob.sessions()) await w.bob.signOut(id);
    await page.locator('a.button').waitFor();
    return page;
  },
  async 'begun elsewhere'(w) {
    const page = await w.computer();
    await page.goto(`${w.demo.shop}/signed-in?ticket=x&state=y`);
    return page;
  },
};

export const computer = { login: loginPage, embed: embedPage, widget: widgetPage, shop: shopPage };
