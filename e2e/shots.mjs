// Takes a picture of every page in every state, in every language, light and dark, on a
// phone and on a desk, and puts them side by side: make shots
//
// ARGS="login widget" takes those kinds alone, LANGS="ko es" those languages. Look at
// e2e/.shots/index.html, or at the sheets beside it.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';
import { chromiumOptions } from './browsers.mjs';
import { phone, startServer } from './fixtures.mjs';
import { client, startProvider } from './provider.mjs';
import { computer } from './scenes.mjs';
import { handheld } from './scenes-phone.mjs';
import { startSite } from './widget.mjs';

// The overview of a phone comes before anybody has signed in.
const kinds = { ...handheld, ...computer };

// Not in .results: Playwright empties that.
const folder = path.join(import.meta.dirname, '.shots');
const sizes = { phone: { width: 390, height: 780, shown: 190 }, desk: { width: 1280, height: 800, shown: 420 } };
const schemes = ['light', 'dark'];
const locales = { en: 'en-GB', zh: 'zh-CN', ko: 'ko-KR', es: 'es-MX' };
const languages = process.env.LANGS?.split(' ') ?? Object.keys(locales);
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(kinds);
const fileOf = (kind, scene, lang, size, scheme) => [kind, scene, lang, size, scheme].join('_').replaceAll(/[^\w-]+/g, '-') + '.png';
const untranslated = kind => kind === 'shop';

// servers are what all languages share; the demo, whose people have sessions, is each one's own.
async function servers() {
  const provider = await startProvider();
  const dir = await mkdtemp(path.join(os.tmpdir(), 'qrlatch-shots-'));
  await writeFile(`${dir}/secret`, client.secret, { mode: 0o600 });
  await writeFile(`${dir}/config.yaml`, JSON.stringify({
    apps: [{ id: 'shop', name: 'Corner Shop', redirect_uris: ['https://shop.example/in'] }],
    phones: { oidc: { issuer: provider.issuer, client_id: client.id, client_secret_file: `${dir}/secret` } },
  }));
  const all = {
    brisk: await startServer(['--demo', '--code-ttl=1s', '--ticket-ttl=1s']),
    hasty: await startServer(['--demo', '--login-ttl=2s']),
    provided: await startServer([`--config=${dir}/config.yaml`]),
    site: await startSite(),
    hastySite: await startSite(['--login-ttl=1s']),
  };
  const stop = async () => {
    for (const one of [...Object.values(all), provider]) await one.stop();
    await rm(dir, { recursive: true });
  };
  return { all, stop };
}

// world is what scenes of one language need.
async function world(browser, shared, lang) {
  const words = JSON.parse(await readFile(path.resolve(import.meta.dirname, `../templates/messages/${lang}.json`), 'utf8'));
  const demo = await startServer(['--demo']);
  const open = [];
  const visitor = size => async ({ before, ...options } = {}) => {
    const context = await browser.newContext({ viewport: size, locale: locales[lang], ...options });
    open.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await before?.(page);
    return page;
  };
  return {
    ...shared, lang, words, demo,
    alice: phone(demo, 'alice'), bob: phone(demo, 'bob'), shopper: phone(shared.site.server, 'alice'),
    computer: visitor(sizes.desk), phone: visitor(sizes.phone),
    close: () => Promise.all(open.splice(0).map(context => context.close())),
    stop: demo.stop,
  };
}

async function take(page, name) {
  for (const scheme of schemes) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [size, { width, height }] of Object.entries(sizes)) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: path.join(folder, name(size, scheme)), animations: 'disabled', fullPage: true });
    }
  }
}

// sheetOf lays out what was taken of a kind at a size: a row for a scene.
function sheetOf(kind, size) {
  const langs = untranslated(kind) ? languages.slice(0, 1) : languages;
  const cells = scene => langs.flatMap(lang => schemes.map(scheme => {
    const file = fileOf(kind, scene, lang, size, scheme);
    return `<td><a href="${file}"><img src="${file}" width="${sizes[size].shown}" alt=""></a></td>`;
  })).join('');
  return `<!doctype html><meta charset="utf-8"><title>${kind}, ${size}</title>
<style>body{font:14px system-ui;margin:12px;background:#b9b9b9}td{vertical-align:top;padding:3px}th{text-align:left}img{display:block}</style>
<table><tr>${langs.flatMap(lang => schemes.map(scheme => `<th>${lang}, ${scheme}</th>`)).join('')}</tr>
${Object.keys(kinds[kind]).map(scene => `<tr><th colspan="8">${kind}: ${scene}</th></tr><tr>${cells(scene)}</tr>`).join('\n')}</table>`;
}

await mkdir(folder, { recursive: true });
const browser = await chromium.launch(chromiumOptions.launchOptions);
const { all, stop } = await servers();
await Promise.all(languages.map(async lang => {
  const w = await world(browser, all, lang);
  for (const kind of chosen.filter(kind => lang === languages[0] || !untranslated(kind))) {
    for (const [name, scene] of Object.entries(kinds[kind])) {
      try {
        await take(await scene(w), (size, scheme) => fileOf(kind, name, lang, size, scheme));
      } catch (err) {
        console.error(`${kind}, ${name}, ${lang}: ${err.message}`);
        process.exitCode = 1;
      }
      await w.close();
    }
  }
  await w.stop();
}));
await stop();

const page = await browser.newPage();
for (const kind of chosen) {
  for (const size of Object.keys(sizes)) {
    const file = path.join(folder, `sheet_${kind}_${size}`);
    await writeFile(`${file}.html`, sheetOf(kind, size));
    await page.setViewportSize({ width: (untranslated(kind) ? 1 : languages.length) * schemes.length * (sizes[size].shown + 8) + 40, height: 600 });
    await page.goto(`file://${file}.html`);
    await page.screenshot({ path: `${file}.png`, fullPage: true });
  }
}
const links = Object.keys(kinds).flatMap(kind => Object.keys(sizes).map(size => `<li><a href="sheet_${kind}_${size}.html">${kind}, ${size}</a>`));
await writeFile(path.join(folder, 'index.html'), `<!doctype html><title>qrlatch</title><ul>${links.join('\n')}</ul>`);
await browser.close();
console.log(`shots: ${path.join(folder, 'index.html')}`);
