import { defineConfig } from '@playwright/test';
import { chromiumOptions, cookiesAllowed, firefoxOptions } from './browsers.mjs';

// What does not hang on the engine is looked at in Chromium alone: a test takes twice as
// long in Firefox, and the whole has to stay quick.
const anyEngine = new RegExp([
  'accessible', // axe reads the document
  'cut off at 200 pixels', 'it fits a (dark|wide) window',
  'it renews itself while it waits', 'an expired page says so', 'the picture plays its codes in turn', // by the server's clock
  'a lamp', 'the lamp', 'the server looks where',
  'the seventh tab',
].join('|'));

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.mjs',
  testIgnore: process.env.README_SHOTS ? [] : 'screenshots.spec.mjs', // make screenshots
  outputDir: '.results',
  reporter: 'list',
  workers: 3, // most of a test is waiting
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  timeout: 90_000, // for a machine that has other things to do; a test takes 1 to 8 s
  expect: { timeout: 20_000 },
  use: { screenshot: 'only-on-failure' }, // ARGS=--trace=on shows all; it costs a quarter more
  projects: [
    { name: 'chromium', use: chromiumOptions },
    { name: 'firefox', use: firefoxOptions, grepInvert: anyEngine },
    // The same login where third-party cookies are still allowed.
    { name: 'chromium, cookies allowed', use: cookiesAllowed(chromiumOptions), testMatch: 'widget{,-frame}.spec.mjs', grepInvert: /console|language|colours/ },
  ],
});
