// The old engines, a project each. Playwright lends its runner only: no browser of its
// own is started. Which of them are missing here, engines.mjs tells beforehand.

import { defineConfig } from '@playwright/test';
import { engines, present } from './engines.mjs';

// Looked for once: the processes that Playwright starts are handed it on.
process.env.OLD_ENGINES ??= present().join(',');
const names = process.env.OLD_ENGINES.split(',').filter(Boolean);

export default defineConfig({
  testDir: '.',
  testMatch: names.length ? '*.old.mjs' : [], // which the other browsers' tests do not match
  outputDir: '../.results/old',
  reporter: 'list',
  workers: 3, // they wait more than they work
  forbidOnly: !!process.env.CI,
  timeout: 60_000, // for a machine that has other things to do; a test takes 1 to 8 s
  expect: { timeout: 20_000 },
  projects: names.map(name => ({
    name,
    use: { engine: name },
    grepInvert: engines[name].spared.map(tag => new RegExp(tag)),
  })),
});
