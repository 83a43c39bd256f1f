// Takes the pictures of the README, and its animation, for which it needs ffmpeg:
// make screenshots

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { becomes, codeOn, expect, hold, isIn, says, test } from './fixtures.mjs';

test.use({
  viewport: { width: 1200, height: 750 },
  deviceScaleFactor: 2,
  colorScheme: 'light',
  // What the same browser says when it has a window: the phone shows it.
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
});

const docs = name => path.resolve(import.meta.dirname, '../docs', name);
const still = (page, options) => page.screenshot({ animations: 'disabled', ...options });
const handheld = browser => browser.newContext({ viewport: { width: 390, height: 720 }, deviceScaleFactor: 2 });

test('the README’s pictures', async ({ page, browser }) => {
  const context = await handheld(browser);
  const handset = await context.newPage();
  await page.goto('/');
  await says(page, 'Scan to sign in');
  const code = await codeOn(page);
  await still(page, { path: docs('login.png') });

  await handset.goto(code);
  await becomes(handset, 'Alice');
  await expect(handset.getByRole('button', { name: 'Approve' })).toBeEnabled();
  await still(handset, { path: docs('phone.png') });

  await says(page, 'Scanned');
  await expect(page.getByRole('img', { name: 'Picture from your phone' })).toBeVisible();
  await still(page, { path: docs('scanned.png') });
  await context.close();
});

test('the README’s animation', async ({ page, browser, baseURL }, info) => {
  await page.setViewportSize({ width: 900, height: 690 });
  const context = await handheld(browser);
  const handset = await context.newPage();
  const frames = [];
  const frame = async (seconds, finger) => frames.push({ seconds, picture: await beside(context, page, handset, finger) });

  await handset.goto(`${baseURL}/phone`);
  await becomes(handset, 'Alice');
  await page.goto('/');
  await codeOn(page);
  await seeing(handset, await still(page));
  await frame(1.8);
  const camera = handset.getByRole('button', { name: 'Open the camera' });
  await frame(0.6, camera);

  const look = await hold(handset, '**/phone/frame');
  await camera.click();
  await expect(handset.locator('#camera-say')).toHaveText(/between the corners/);
  await frame(1.8);
  await look();
  const approve = handset.getByRole('button', { name: 'Approve' });
  await expect(approve).toBeEnabled();
  await says(page, 'Scanned');
  await expect(page.getByRole('img', { name: 'Picture from your phone' })).toBeVisible();
  await frame(2.6);
  await frame(0.6, approve);

  let onward;
  await page.route('**/webwxnewloginpage?**', route => { // the page stays
    onward = route.request().url();
    return route.abort('aborted');
  });
  await approve.click();
  await expect(handset.getByRole('heading', { name: 'Approved' })).toBeVisible();
  await says(page, 'Approved');
  await frame(1);
  await page.unroute('**/webwxnewloginpage?**');
  await page.goto(onward);
  await isIn(page, 'Alice');
  await expect(handset.getByRole('heading', { name: 'Your computer is in.' })).toBeVisible();
  await frame(3.2);
  await context.close();

  const script = [];
  for (const [i, { seconds, picture }] of frames.entries()) {
    await writeFile(info.outputPath(`${i}.png`), picture);
    script.push(`file ${i}.png\nduration ${seconds}\n`);
  }
  await writeFile(info.outputPath('frames.txt'), script.join(''));
  const drawing = '[0]split[a][b];[a]palettegen=max_colors=96[colours];[b][colours]paletteuse=dither=none:diff_mode=rectangle';
  await promisify(execFile)('ffmpeg', ['-y', '-loglevel', 'error', '-f', 'concat', '-i', info.outputPath('frames.txt'),
    '-filter_complex', drawing, '-fps_mode', 'vfr', '-final_delay', '350', docs('login.gif')]);
});

// seeing lets the phone's camera see a picture, of the screen beside it.
function seeing(handset, picture) {
  return handset.evaluate(async url => {
    const screen = new Image();
    screen.src = url;
    await screen.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1080, 1080];
    const pen = canvas.getContext('2d');
    const draw = () => {
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.fillStyle = '#39423f';
      pen.fillRect(0, 0, 1080, 1080);
      pen.translate(540, 540);
      pen.rotate(-0.06);
      pen.drawImage(screen, -1380, -520, 1740, 1237);
    };
    navigator.mediaDevices.getUserMedia = async () => {
      draw();
      setInterval(draw, 50); // a stream needs a canvas that is drawn on
      return canvas.captureStream();
    };
  }, `data:image/png;base64,${picture.toString('base64')}`);
}

// beside pictures the browser and the phone on one table, and a finger on a button.
async function beside(context, page, handset, finger) {
  const url = async shown => `data:image/png;base64,${(await still(shown)).toString('base64')}`;
  const box = await finger?.boundingBox();
  const table = await context.newPage();
  await table.setViewportSize({ width: 960, height: 548 });
  await table.setContent(`<style>
    body { margin: 0; height: 548px; display: flex; align-items: center; justify-content: center; gap: 28px; background: #dfe8e5; }
    .screen, .phone { position: relative; background: #fff; overflow: hidden; }
    .screen { border-radius: 10px; border-top: 22px solid #bccac5; box-shadow: 0 0 0 1px #a9b9b3; }
    .phone { border-radius: 26px; border: 8px solid #14211f; }
    img { display: block; }
    i { position: absolute; width: 44px; height: 44px; margin: -22px; border-radius: 50%; background: #14211f; opacity: .35; }
  </style>
  <div class="screen"><img src="${await url(page)}" width="630" height="483"></div>
  <div class="phone"><img src="${await url(handset)}" width="244" height="450">${
    box ? `<i style="left:${(box.x + box.width / 2) * 244 / 390}px;top:${(box.y + box.height / 2) * 450 / 720}px"></i>` : ''}</div>`);
  const picture = await table.screenshot({ scale: 'css' });
  await table.close();
  return picture;
}
