// Which browsers the tests drive. In this order: E2E_CHROMIUM and E2E_FIREFOX,
// Playwright's own download, what the system has.
//
// Run as a program it prints the name of each browser that cannot be found.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, firefox } from '@playwright/test';

// Ubuntu's /usr/bin holds small scripts that start a snap or ask for one to be
// installed; a snap is shut in directories of its own, so Playwright's download
// is surer. A real browser tells its version.
function works(file) {
  if (!fs.existsSync(file)) return false;
  if (fs.statSync(file).size < 64_000 && fs.readFileSync(file, 'utf8').includes('/snap/')) return false;
  try {
    return /\d+\.\d+/.test(execFileSync(file, ['--version'], { timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return false;
  }
}

// Playwright keeps a headless-only Chromium apart from the full one, beside it:
// .../chromium-1234/… and .../chromium_headless_shell-1234/…
function downloaded(type) {
  const file = type.executablePath();
  if (fs.existsSync(file)) return true;
  const [cache, build] = file.split(/[\\/](?=chromium-\d+[\\/])/);
  if (!build) return false;
  return fs.existsSync(path.join(cache, build.split(/[\\/]/)[0].replace('chromium-', 'chromium_headless_shell-')));
}

// find returns {} for Playwright's own browser, {executablePath} for another
// one, and undefined for none. What was found is handed on to the processes
// that Playwright starts, so that they need not look again.
function find(type, variable, candidates) {
  if (!process.env[variable]) {
    if (downloaded(type)) return {};
    const system = candidates.find(works);
    if (!system) return undefined;
    process.env[variable] = system;
  }
  return { executablePath: process.env[variable] };
}

// The headless shell goes first: the full browser of Debian blocks third-party
// cookies whatever it is told, and starts more slowly.
const found = {
  chromium: find(chromium, 'E2E_CHROMIUM', [
    '/usr/bin/chromium-headless-shell',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ]),
  firefox: find(firefox, 'E2E_FIREFOX', ['/usr/bin/firefox-esr', '/usr/bin/firefox']),
};

// Names that end in .localhost lead to this machine and all others nowhere, so
// that no test depends on the network and no browser calls home.
//
// Third-party cookies are blocked, as they are for ever more people; the widget
// must work without them.
export const chromiumOptions = {
  browserName: 'chromium',
  launchOptions: {
    ...found.chromium,
    chromiumSandbox: false,
    args: [
      '--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE ::1,EXCLUDE localhost,EXCLUDE *.localhost',
      '--test-third-party-cookie-phaseout',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-domain-reliability',
      '--disable-quic',
      '--disable-sync',
      '--no-first-run',
      '--no-pings',
    ],
  },
};

export const cookiesAllowed = ({ launchOptions, ...options }) => ({
  ...options,
  launchOptions: { ...launchOptions, args: launchOptions.args.filter(arg => arg !== '--test-third-party-cookie-phaseout') },
});

// A Firefox as Mozilla builds it is driven by WebDriver BiDi, which is what the
// channel says; Playwright's own has patches of its own and needs no channel.
export const firefoxOptions = {
  browserName: 'firefox',
  ...(found.firefox?.executablePath && { channel: 'moz-firefox' }),
  launchOptions: {
    ...found.firefox,
    firefoxUserPrefs: {
      'network.cookie.cookieBehavior': 1, // third-party cookies: none
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
    },
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, browser] of Object.entries(found)) {
    if (!browser) console.log(name);
  }
}
