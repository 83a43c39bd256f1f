import { expect, isIn, letIn, sessionOf, test } from './fixtures.mjs';

// What pages of 2005 did without.
const younger = {
  window: [
    'EventSource', 'WebSocket', 'fetch', 'Promise', 'JSON', 'Map', 'Set', 'WeakMap', 'Symbol', 'Proxy', 'Reflect',
    'XMLHttpRequest', 'AbortController', 'MutationObserver', 'localStorage', 'sessionStorage',
  ],
  Object: ['keys', 'assign', 'create', 'defineProperty'],
  'Array.prototype': ['forEach', 'map', 'filter', 'indexOf', 'includes'],
  'String.prototype': ['trim', 'startsWith', 'includes'],
  'Function.prototype': ['bind'],
  Date: ['now'],
};

test('a login needs nothing that browsers learned after 2005', async ({ page, alice }) => {
  await page.addInitScript(lists => {
    let left = '';
    for (const owner in lists) {
      const place = owner.split('.').reduce((at, name) => at[name], window);
      for (const name of lists[owner]) {
        delete place[name];
        if (name in place) left += ` ${owner}.${name}`;
      }
    }
    window.addEventListener('DOMContentLoaded', () => document.body.setAttribute('data-left', left));
  }, younger);

  await page.goto('/');
  await expect(page.locator('body')).toHaveAttribute('data-left', '');
  await letIn(page, alice);
  await isIn(page, 'Alice');
  await alice.signOut(await sessionOf(page));
  await expect(page.getByRole('alert')).toContainText('You were signed out from your phone');
});
