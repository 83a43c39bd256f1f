// Scanning with the camera on the phone's own page. The camera is a canvas: what it
// sees is the picture of a real code, turned a little, on a grey table.

import AxeBuilder from '@axe-core/playwright';
import { becomes, codeOn, expect, isIn, startServer, test } from './fixtures.mjs';

const start = handset => handset.getByRole('button', { name: 'Open the camera' });
const finder = handset => handset.getByRole('dialog', { name: 'Scan a code' });
const said = handset => handset.locator('#camera-say');
const asks = handset => expect(handset.getByRole('heading', { name: 'Let this browser in as Alice?' })).toBeVisible();
const ways = /camera app of this phone.*type the code below/;

// camera puts a canvas in the place of the phone's camera, before any script runs.
//
//	error     the name of what asking for it throws
//	torch     it has a lamp
//	detector  the browser's own reader: 'reads' what the test says, or fails in one of its ways
async function camera(handset, setup = {}) {
  await handset.addInitScript(({ error, torch, detector }) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1280, 720];
    const pen = canvas.getContext('2d');
    let seen;
    const draw = () => {
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.fillStyle = `hsl(170 10% ${40 + Math.random()}%)`; // a sensor is never still
      pen.fillRect(0, 0, 1280, 720);
      if (!seen) return;
      pen.translate(640, 360);
      pen.rotate(0.12);
      pen.drawImage(seen, -210, -210, 420, 420);
    };
    const world = { asked: [], tracks: [], lamp: [], text: '' };
    world.show = async picture => {
      const image = new Image();
      image.src = picture;
      await image.decode();
      seen = image;
    };
    window.world = world;
    // The browsers tell a test the body of a request only if it is text.
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function measured(body) {
      if (body) sessionStorage.sizes = `${sessionStorage.sizes ?? ''} ${body.size}`;
      return send.call(this, body);
    };

    navigator.mediaDevices.getUserMedia = async constraints => {
      world.asked.push(constraints);
      if (error) throw new DOMException('', error);
      draw();
      setInterval(draw, 50);
      const stream = canvas.captureStream();
      const [track] = stream.getVideoTracks();
      world.tracks.push(track);
      if (torch) {
        track.getCapabilities = () => ({ torch: true });
        track.applyConstraints = async ({ advanced }) => world.lamp.push(advanced[0].torch);
      }
      return stream;
    };

    delete window.BarcodeDetector;
    if (!detector) return;
    window.BarcodeDetector = class {
      static async getSupportedFormats() {
        if (detector === 'throws') throw new Error('no service');
        return detector === 'knows no QR' ? ['ean_13'] : ['ean_13', 'qr_code'];
      }

      async detect() {
        if (detector === 'rejects') throw new DOMException('Barcode detection service unavailable.', 'NotSupportedError');
        if (detector === 'never answers') await new Promise(() => {});
        return detector === 'reads' && world.text ? [{ rawValue: world.text, format: 'qr_code' }] : [];
      }
    };
  }, setup);
}

// overview is the page of Alice's phone, with the frames that it will have sent.
async function overview(handset, setup) {
  const frames = [];
  handset.on('request', request => {
    if (request.url().endsWith('/phone/frame')) frames.push(request);
  });
  await camera(handset, setup);
  await handset.goto('/phone');
  await becomes(handset, 'Alice');
  return frames;
}

// point makes the camera see the code that a login page shows now.
async function point(handset, page) {
  await codeOn(page);
  const picture = await page.getByRole('img', { name: 'QR code' }).screenshot();
  await handset.evaluate(url => window.world.show(url), `data:image/png;base64,${picture.toString('base64')}`);
}

const live = handset => handset.evaluate(() => window.world.tracks.filter(({ readyState }) => readyState === 'live').length);

test('the camera scans, the phone approves, the computer is in', async ({ page, handset }) => {
  const complaints = [];
  handset.on('console', message => { if (message.type() === 'error') complaints.push(message.text()); });
  const frames = await overview(handset);
  await page.goto('/');
  expect(await handset.evaluate(() => window.world.asked)).toEqual([]); // nobody is asked before the tap

  await start(handset).click();
  await expect(finder(handset)).toBeVisible();
  await expect(said(handset)).toHaveText(/between the corners/);
  expect(await handset.evaluate(() => window.world.asked)).toMatchObject([{ audio: false, video: { facingMode: { ideal: 'environment' } } }]);
  await expect.poll(() => frames.length).toBeGreaterThan(1); // it goes on while there is nothing to see
  await point(handset, page);
  await asks(handset);

  const sizes = (await handset.evaluate(() => sessionStorage.sizes)).trim().split(' ').map(Number);
  expect(Math.min(...sizes)).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThan(100_000);
  expect(frames[0].headers()['content-type']).toBe('image/jpeg');
  await expect(async () => { // a tap before the page's script has looked at its buttons is no answer, as one at once is
    await handset.getByRole('button', { name: 'Approve' }).click({ timeout: 2_000 });
    await expect(handset.getByRole('button', { name: 'Approve' })).toHaveCount(0, { timeout: 2_000 });
  }).toPass();
  await isIn(page, 'Alice');
  expect(complaints).toEqual([]);
});

test('a browser that reads codes itself sends no picture', async ({ page, handset }) => {
  const frames = await overview(handset, { detector: 'reads' });
  await page.goto('/');
  await start(handset).click();
  const text = await codeOn(page);
  await handset.evaluate(code => { window.world.text = code; }, text);
  await asks(handset);
  expect(frames).toEqual([]);
});

for (const detector of ['rejects', 'never answers', 'throws', 'knows no QR', 'finds nothing']) {
  test(`the server looks where the browser’s own reader ${detector}`, async ({ page, handset, browserName }) => {
    test.skip(browserName === 'firefox', 'Firefox has no reader of its own');
    await overview(handset, { detector });
    await page.goto('/');
    await start(handset).click();
    await expect(said(handset)).toHaveText(/between the corners/);
    await point(handset, page);
    await asks(handset);
  });
}

test('a code of another site is named as such, and the camera looks on', async ({ page, handset, elsewhere }) => {
  const other = await startServer(['--demo']);
  await elsewhere.goto(other.url);
  const answers = [];
  handset.on('response', response => {
    if (!response.url().endsWith('/phone/frame')) return;
    response.text().then(text => answers.push(text.trim()), () => {}); // gone with the page that had asked
  });
  await overview(handset);
  await page.goto('/');
  await start(handset).click();
  await point(handset, elsewhere);
  await other.stop();
  await expect(said(handset)).toHaveText(/belongs to another site/);
  await expect.poll(() => [...new Set(answers)].sort()).toEqual(['{"foreign":true}', '{}']); // its text stays on the server
  await point(handset, page);
  await asks(handset);
});

for (const text of ['https://evil.example/l/abcdefghijklmnopqrstuvwxyzab', 'https://127.0.0.1@evil.example/l/abc', 'WIFI:S:guests;;', 'javascript:alert(1)']) {
  test(`the browser’s own reader finds ${text}`, async ({ handset }) => {
    await overview(handset, { detector: 'reads' });
    await start(handset).click();
    await handset.evaluate(code => { window.world.text = code; }, text);
    await expect(said(handset)).toHaveText(/belongs to another site/);
    await expect(finder(handset)).toBeVisible();
  });
}

for (const { error, words, again } of [
  { error: 'NotAllowedError', words: 'may not use the camera', again: true },
  { error: 'NotFoundError', words: 'No camera was found', again: false },
  { error: 'NotReadableError', words: 'does not answer', again: true },
]) {
  test(`what to do after ${error}`, async ({ handset }) => {
    await overview(handset, { error });
    await start(handset).click();
    await expect(handset.getByRole('alert').filter({ hasText: words })).toBeVisible();
    await expect(handset.getByText(ways)).toBeVisible();
    await expect(finder(handset)).toBeHidden();
    await expect(start(handset)).toBeVisible({ visible: again }); // no button that can do nothing
    await expect(handset.getByLabel('Have a code to type?')).toBeVisible();
  });
}

test('without https there is no camera, and so no button', async ({ handset }) => {
  await handset.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined });
    Object.defineProperty(window, 'isSecureContext', { value: false });
  });
  await handset.goto('/phone');
  await becomes(handset, 'Alice');
  await expect(handset.getByText('only to pages with https')).toBeVisible();
  await expect(handset.getByText(ways)).toBeVisible();
  await expect(start(handset)).toBeHidden();
});

test('the camera stops as soon as nobody looks', async ({ handset }) => {
  await overview(handset);
  for (const [how, close] of Object.entries({
    button: () => handset.getByRole('button', { name: 'Close' }).click(),
    key: () => handset.keyboard.press('Escape'),
    'another tab': () => handset.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' });
      document.dispatchEvent(new Event('visibilitychange'));
      delete document.visibilityState;
    }),
    leaving: () => handset.evaluate(() => window.dispatchEvent(new Event('pagehide'))),
  })) {
    await test.step(how, async () => {
      await start(handset).click();
      await expect(handset.getByRole('button', { name: 'Close' })).toBeFocused();
      await expect.poll(() => live(handset)).toBe(1);
      await close();
      await expect.poll(() => live(handset)).toBe(0);
      await expect(finder(handset)).toBeHidden();
      await expect(start(handset)).toBeFocused();
    });
  }
});

test('a camera that comes after the finder was closed is stopped at once', async ({ handset }) => {
  await overview(handset);
  await handset.evaluate(() => {
    const { mediaDevices } = navigator;
    const give = mediaDevices.getUserMedia;
    mediaDevices.getUserMedia = async constraints => {
      await new Promise(resolve => { window.allow = resolve; });
      return give(constraints);
    };
  });
  await start(handset).click();
  await handset.getByRole('button', { name: 'Close' }).click();
  await handset.evaluate(() => window.allow());
  await expect.poll(() => handset.evaluate(() => window.world.tracks.map(track => track.readyState))).toEqual(['ended']);
});

test('the lamp', async ({ handset }) => {
  await overview(handset, { torch: true });
  await start(handset).click();
  const lamp = handset.getByRole('button', { name: 'Light' });
  await lamp.click();
  await expect(lamp).toHaveAttribute('aria-pressed', 'true');
  await lamp.click();
  await expect(lamp).toHaveAttribute('aria-pressed', 'false');
  expect(await handset.evaluate(() => window.world.lamp)).toEqual([true, false]);
});

test('a camera without a lamp offers none', async ({ handset }) => {
  await overview(handset);
  await start(handset).click();
  await expect(said(handset)).toHaveText(/between the corners/);
  await expect(handset.getByRole('button', { name: 'Light' })).toBeHidden();
});

test('no answer from the server is said, and got over', async ({ page, handset }) => {
  await overview(handset);
  await page.goto('/');
  await handset.route('**/phone/frame', route => route.abort());
  await start(handset).click();
  await expect(said(handset)).toHaveText(/No answer from the server/);
  await point(handset, page);
  await handset.unroute('**/phone/frame');
  await asks(handset);
});

test('who is signed out meanwhile signs in again', async ({ handset }) => {
  await overview(handset);
  await handset.route('**/phone/prompts', route => route.abort()); // which would notice too
  await start(handset).click();
  await handset.context().clearCookies();
  await expect(handset.getByRole('heading', { name: 'Who are you on this phone?' })).toBeVisible();
});

for (const colorScheme of ['light', 'dark']) {
  test(`one hand reaches it, and everybody can use it, ${colorScheme}`, async ({ handset }, info) => {
    await handset.emulateMedia({ colorScheme });
    await overview(handset, { torch: true });
    const axe = async () => {
      const { violations } = await new AxeBuilder({ page: handset }).setLegacyMode().analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)).toEqual([]);
    };
    const low = async button => {
      const { y, height } = await button.boundingBox();
      expect(height).toBeGreaterThanOrEqual(48);
      expect(y).toBeGreaterThan(844 * 0.75);
    };
    await low(start(handset));
    await axe();
    await start(handset).click();
    await expect(said(handset)).toHaveText(/between the corners/);
    await low(handset.getByRole('button', { name: 'Close' }));
    await low(handset.getByRole('button', { name: 'Light' }));
    await axe();
    await handset.setViewportSize({ width: 320, height: 256 }); // a small phone at 400 %
    const wide = await handset.evaluate(() => document.querySelector('dialog').scrollWidth);
    expect(wide, info.title).toBeLessThanOrEqual(320);
  });
}

test('the page can be installed', async ({ handset, browserName }) => {
  await handset.goto('/phone');
  const address = await handset.locator('link[rel=manifest]').getAttribute('href');
  const answer = await handset.request.get(address);
  expect(answer.headers()['content-type']).toMatch(/^application\/manifest\+json/);
  const { icons, start_url: page } = await answer.json();
  expect(page).toBe('/phone');
  for (const { src, sizes } of icons) {
    const size = await handset.evaluate(async url => {
      const image = new Image();
      image.src = url;
      await image.decode();
      return `${image.naturalWidth}x${image.naturalHeight}`;
    }, src);
    expect(size).toBe(sizes);
  }
  if (browserName !== 'chromium') return; // the only one that says what is missing
  const session = await handset.context().newCDPSession(handset);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.map(({ errorId }) => errorId).filter(id => id !== 'in-incognito')).toEqual([]);
  const { errors } = await session.send('Page.getAppManifest');
  expect(errors).toEqual([]);
});
