// What every spec starts from:
//
//	import { test, expect, phone, readQR } from './fixtures.mjs';
//
// Each worker has a server of its own, freshly started in demo mode; relative
// addresses lead to it. A spec that needs other flags says so at its top:
//
//	test.use({ serverArgs: ['--code-ttl=1s'] });

import { test as base } from '@playwright/test';
import jsQR from 'jsqr';
import { PNG } from 'pngjs';
import { startServer } from './server.mjs';

export { expect } from '@playwright/test';
export { phone } from './phone.mjs';
export { startServer };

export const test = base.extend({
  serverArgs: [[], { option: true, scope: 'worker' }],

  server: [
    async ({ serverArgs }, use) => {
      const server = await startServer(['--demo', ...serverArgs]);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],

  baseURL: ({ server }, use) => use(server.url),
});

// readQR returns the text of the one QR code in a PNG, as a screenshot is.
export function readQR(png) {
  const { data, width, height } = PNG.sync.read(png);
  const symbol = (jsQR.default ?? jsQR)(new Uint8ClampedArray(data), width, height);
  if (!symbol) throw new Error(`no QR code in this picture of ${width} × ${height} pixels`);
  return symbol.data;
}
