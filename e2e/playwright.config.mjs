import { defineConfig } from '@playwright/test';
import { chromiumOptions, firefoxOptions } from './browsers.mjs';

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.mjs',
  outputDir: '.results',
  reporter: 'list',
  workers: 2,
  fullyParallel: true,
  forbidOnly: !!process.env.CI,
  timeout: 30_000,
  use: { trace: 'retain-on-failure' },
  projects: [
    { name: 'chromium', use: chromiumOptions },
    { name: 'firefox', use: firefoxOptions },
  ],
});
