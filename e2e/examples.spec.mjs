// What docs/embedding.md shows, run as it stands there, on the page of another site. Only
// the login server has another address.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { readQR } from './fixtures.mjs';
import { expect, test, widgetOn } from './widget.mjs';

const root = path.join(import.meta.dirname, '..');
const read = name => readFile(path.join(root, name), 'utf8');
const examples = path.join(root, 'docs/examples');

// serve puts a page on the site, as /example; its server is the one of the test.
async function serve(page, site, html) {
  const body = html.replaceAll('https://login.example', site.server.url).replace('<head>', '<head><link rel="icon" href="data:,">');
  site.answers['/example'] = () => ({ body });
  await page.goto(`${site.url}/example`);
}

// bundle makes one script of an application and what it imports.
async function bundle(application) {
  const { outputFiles: [script], warnings } = await build({
    stdin: { contents: application, resolveDir: examples, loader: 'jsx' },
    alias: { 'qrlatch-widget': path.join(root, 'assets/widget/qrlatch.v1.js') },
    define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
    bundle: true, write: false, jsx: 'automatic', jsxDev: true, logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Shop</title></head>
<body><h1>Sign in</h1><div id="app"></div><script>${script.text.replaceAll('</script', '<\\/script')}</script></body></html>`;
}

// What a site writes around each of the two components. It calls unmount() when a person
// leaves the page for another one.
const props = "server: 'https://login.example', app: 'shop', state: 'mine'";
const react = strict => `
  import { StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { PhoneLogin } from './react.jsx';
  const root = createRoot(document.getElementById('app'));
  const login = <PhoneLogin {...{ ${props} }} onApproved={({ redirect_uri }) => { location.href = redirect_uri; }} />;
  root.render(${strict ? '<StrictMode>{login}</StrictMode>' : 'login'});
  window.unmount = () => root.unmount();`;
const vue = `
  import { createApp } from 'vue';
  import { PhoneLogin } from './vue.js';
  const app = createApp(PhoneLogin, { ${props}, onApproved: ({ redirect_uri }) => { location.href = redirect_uri; } });
  app.mount('#app');
  window.unmount = () => app.unmount();`;

const bundled = { React: react(false), 'React in StrictMode': react(true), Vue: vue };

for (const [name, { html, state }] of Object.entries({
  'plain.html': { html: () => read('docs/examples/plain.html'), state: 'bound' },
  ...Object.fromEntries(Object.entries(bundled).map(([name, application]) => [name, { html: () => bundle(application), state: 'mine' }])),
})) {
  test(`${name} signs a person in`, async ({ page, site, alice }) => {
    const widget = widgetOn(page, site, page.locator('.qrlatch'));
    await serve(page, site, await html());
    await widget.letIn(alice);
    await widget.isIn();
    await expect(page.getByRole('paragraph')).toHaveText(state);
    expect(widget.errors).toEqual([]);
  });
}

test('plain.html leads to the login where its script is blocked', async ({ page, site, alice }) => {
  const widget = widgetOn(page, site, page.locator('.qrlatch'));
  await page.route('**/qrlatch.js', route => route.abort(), { times: 1 });
  await serve(page, site, await read('docs/examples/plain.html'));
  await page.getByRole('link', { name: 'Sign in' }).click();
  await widget.letIn(alice);
  await widget.isIn();
  await expect(page.getByRole('paragraph')).toHaveText('bound');
});

test('frame.html signs a person in', async ({ page, site, alice }) => {
  const { errors, isIn } = widgetOn(page, site);
  await serve(page, site, await read('docs/examples/frame.html'));
  const code = page.frameLocator('#login').getByRole('img', { name: 'QR code' });
  await code.evaluate(img => img.decode());
  const { id } = await alice.scan(readQR(await code.screenshot()));
  await alice.approve(id);
  await isIn();
  await expect(page.getByRole('paragraph')).toHaveText('bound');
  // The frame's policy refuses another site's picture, and the style that Playwright writes for a screenshot.
  expect(errors.filter(words => !/face\.svg|inline style/.test(words))).toEqual([]);
});

for (const [name, application] of Object.entries(bundled)) {
  test(`${name} leaves nothing behind`, async ({ page, site }) => {
    const widget = widgetOn(page, site, page.locator('.qrlatch'));
    const open = new Set(); // requests about logins
    const ours = request => request.url().startsWith(`${site.server.url}/v1/`);
    page.on('request', request => { if (ours(request)) open.add(request.url()); });
    page.on('requestfinished', request => open.delete(request.url()));
    page.on('requestfailed', request => open.delete(request.url()));
    await page.clock.install();
    await serve(page, site, await bundle(application));
    await widget.code();
    await expect(widget.box).toHaveCount(1);
    await expect.poll(() => [...open]).toEqual([expect.stringMatching(/\/events$/)]); // one login, though StrictMode mounts twice

    await page.evaluate(() => window.unmount());
    await expect(page.locator('#app')).toBeEmpty();
    await expect.poll(() => [...open]).toEqual([]);
    await page.clock.runFor(70_000);
    expect([...open]).toEqual([]);
    expect(await page.evaluate(() => Object.keys(window.QRLatch))).toEqual([]);
    expect(widget.errors).toEqual([]);
  });
}

test('the script with a hash is loaded, and nothing else with it', async ({ page, site }) => {
  const [tag] = /<script[^>]+integrity[^>]+><\/script>/.exec(await read('docs/embedding.md'));
  const html = tag => `<!DOCTYPE html><html lang="en"><head><title>Shop</title></head><div id="login"></div>${tag}
    <script>if (window.QRLatch) QRLatch({ el: 'login', app: 'shop' });</script>`;
  const widget = widgetOn(page, site, page.locator('.qrlatch'));
  await serve(page, site, html(tag));
  await widget.code();
  expect(widget.errors).toEqual([]);

  await serve(page, site, html(tag.replace(/sha384-./, start => (start.endsWith('A') ? 'sha384-B' : 'sha384-A'))));
  expect(await page.evaluate(() => 'QRLatch' in window)).toBe(false);
  await expect(widget.box).toHaveCount(0);
});

test('widget, types and document name the same options', async () => {
  const [, known] = /var known = \/\^(.*)\/;/.exec(await read('assets/widget/qrlatch.js'));
  const [, choices, names, events] = /^\(\((.+)\|\\w\+: undefined\)\$\|\((.+)\|on\((.+)\)\):\)$/.exec(known);
  const widget = [
    ...names.split('|'),
    ...events.split('|').map(event => `on${event}`),
    ...choices.replaceAll(/[()]/g, '').split(/\|(?=\w+:)/).map(choice => choice.replace(': ', ' = ')),
  ].sort();

  const [, options] = /interface Options \{(.*?)\n\}/s.exec(await read('assets/widget/qrlatch.d.ts'));
  const typed = [...options.matchAll(/^ {2}(\w+)(?:\?(?=\()|\??: (.*);|)/gm)]
    .map(([, name, type = '']) => (type.startsWith("'") ? `${name} = ${type.replaceAll(/[' ]/g, '')}` : name));
  expect(typed.sort()).toEqual(widget);

  const [, table] = /## Options(.*?)## /s.exec(await read('docs/embedding.md'));
  const shown = [...table.matchAll(/^\|([^|]+)\|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  expect(shown.sort()).toEqual(widget.map(name => name.split(' ')[0]).sort());
});

test('the npm package has what it needs and no more', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--offline'], { cwd: path.join(root, 'assets/widget') });
  const packed = JSON.parse(stdout);
  const [{ files }] = Array.isArray(packed) ? packed : Object.values(packed);
  expect(files.map(file => file.path).sort()).toEqual(['package.json', 'qrlatch.d.ts', 'qrlatch.js', 'qrlatch.v1.js']);
});
