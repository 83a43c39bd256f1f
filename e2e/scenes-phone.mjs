// Every page that a phone shows, in every state. What w is stands in scenes.mjs.

import { expect } from '@playwright/test';
import { before, embed, inside, says } from './scenes.mjs';

async function signedIn(w, server = w.demo, who = 0, options) {
  const page = await w.phone(options);
  await page.goto(`${server.url}/phone`);
  await page.locator('.accounts button').nth(who).click();
  await page.waitForURL('**/phone');
  await page.locator('#code').waitFor();
  return page;
}

// begun is a login that has been started, and the code of it.
async function begun(server, fields) {
  const post = await fetch(`${server.url}/v1/logins`, { method: 'POST', body: JSON.stringify({ app: 'demo', ...fields }), headers: { 'Content-Type': 'application/json' } });
  return post.json();
}

async function question(w, server = w.demo) {
  const page = await signedIn(w, server);
  const { id, qr } = await begun(server);
  await page.goto(qr.text);
  await asked(page);
  return { page, id };
}

// asked waits for the buttons, which take no tap that was meant for the page before.
const asked = page => page.locator('#answers button:enabled').last().waitFor();
const answer = (page, which) => page.locator(`#answers button[form=${which}]`).click();

async function typed(w, code) {
  const page = await signedIn(w);
  await page.locator('#code').fill(code);
  await page.locator('form[action="/phone/scan"] button').last().click();
  await asked(page);
  return page;
}

// readable is a code to type on a page that goes on showing it, and then shows the digits.
async function readable(w) {
  const page = await embed(w);
  await page.locator('.qrlatch button').click();
  const status = page.locator('.qrlatch [role=status]');
  const read = async shape => {
    await expect(status).toHaveText(shape);
    return shape.exec(await status.textContent())[0];
  };
  return { code: await read(/[B-Z]{4}-[B-Z]{4}/), digits: () => read(/\b\d\d\b/) };
}

// wrong answers with a number that is not it, so many times.
async function wrong(w, times) {
  const { code, digits } = await readable(w);
  const page = await typed(w, code);
  const another = await digits() === '11' ? '12' : '11';
  for (let i = 0; i < times; i += 1) {
    await page.locator('#number').fill(another);
    await page.evaluate(() => { window.old = true; });
    await answer(page, 'approve');
    await page.waitForFunction(() => !window.old && document.readyState === 'complete');
  }
  if (times < 3) await asked(page);
  return page;
}

// dressed shows a page with the words of another: what brings them up is hard to come by.
async function dressed(page, title, more) {
  await page.evaluate(([title, more]) => {
    document.querySelector('h1').textContent = title;
    document.querySelector('main p').textContent = more;
  }, [title, more]);
  return page;
}

const camera = error => async page => page.addInitScript(error => {
  Object.defineProperty(navigator.mediaDevices, 'getUserMedia', { value: async () => {
    if (error) throw new DOMException('', error);
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d');
    setInterval(() => { pen.fillStyle = '#57605d'; pen.fillRect(0, 0, 300, 150); }, 50);
    return canvas.captureStream();
  } });
}, error);

async function finder(w, error) {
  const page = await signedIn(w, w.demo, 1, { before: camera(error) });
  await page.locator('#camera-start').click();
  await (error ? page.locator('#camera-problem') : page.getByText(w.words['camera.aim'])).waitFor();
  return page;
}

const signInPage = {
  async 'sign-in'(w) {
    const page = await w.phone();
    await page.goto(`${w.demo.url}/phone`);
    return page;
  },
  async 'sign-in while scanning'(w) {
    const page = await w.phone();
    await page.goto((await begun(w.demo)).qr.text);
    return page;
  },
  async 'wrong password'(w) { // whose demo is for networks alone: the form as templates/phone.html has it
    const page = await signInPage['sign-in'](w);
    await page.locator('.accounts form').first().evaluate((form, words) => {
      form.querySelector('.who button').remove();
      form.querySelector('.who').insertAdjacentHTML('beforebegin', `<p class="say" role="alert">${words['signin.wrong']}</p>`);
      form.insertAdjacentHTML('beforeend', `<div class="pass"><label>${words['signin.password'].replace('{0}', 'Alice')}</label>
        <div class="row"><input type="password" aria-invalid="true"><button>${words['signin.enter']}</button></div></div>`);
    }, w.words);
    return page;
  },
  async 'a provider'(w) {
    const page = await w.phone();
    await page.goto(`${w.provided.url}/phone`);
    return page;
  },
  async 'only by app'(w) {
    const page = await w.phone();
    await page.goto(`${w.site.server.url}/phone`);
    return page;
  },
};

const overviewPage = {
  empty: w => signedIn(w, w.demo, 1),
  async 'one asks, one is in'(w) {
    const computer = await before(w);
    await computer.locator('#push').click();
    await says(w, computer, 'login.asked');
    await inside(w);
    return signedIn(w);
  },
  'the camera looks': w => finder(w),
  'the camera is forbidden': w => finder(w, 'NotAllowedError'),
  'there is no camera': w => finder(w, 'NotFoundError'),
};

const questionPage = {
  async open(w) {
    const page = await signedIn(w);
    await page.route('**/phone*.js', route => route.abort());
    await page.goto((await begun(w.demo)).qr.text);
    await page.locator('#open button').waitFor();
    return page;
  },
  question: async w => (await question(w)).page,
  async 'not scanned'(w) {
    const computer = await before(w);
    await computer.locator('#push').click();
    await says(w, computer, 'login.asked');
    const page = await signedIn(w);
    await page.locator('a.prompt').first().click();
    await asked(page);
    return page;
  },
  number: async w => typed(w, (await readable(w)).code),
  'number that nobody sees': async w => typed(w, (await begun(w.demo, { user_code: true })).user_code),
  'wrong number': w => wrong(w, 1),
  'last try': w => wrong(w, 2),
  'out of tries': w => wrong(w, 3),
  async approved(w) {
    const { page } = await question(w);
    await answer(page, 'approve');
    await page.locator('.wait').waitFor();
    return page;
  },
  async in(w) {
    const { page, id } = await question(w);
    await answer(page, 'approve');
    await page.locator('.wait').waitFor();
    const { redirect_uri: onward } = await (await fetch(`${w.demo.url}/v1/logins/${id}`)).json();
    await fetch(onward, { redirect: 'manual' });
    await page.locator('body.open').waitFor();
    return page;
  },
  async denied(w) {
    const { page } = await question(w);
    await answer(page, 'deny');
    await page.getByText(w.words['scan.denied'], { exact: true }).waitFor();
    return page;
  },
  expired: async w => dressed(await questionPage.denied(w), w.words['scan.expired'], w.words['scan.expired_more']),
  async uncollected(w) {
    const { page } = await question(w, w.brisk);
    await answer(page, 'approve');
    await page.getByText(w.words['scan.uncollected'], { exact: true }).waitFor({ timeout: 20_000 });
    return page;
  },
};

async function lost(w) {
  const page = await w.phone();
  await page.goto(`${w.demo.url}/l/abcdefghijklmnopqrstuvwxyzab`);
  return page;
}

const problems = ['not_found', 'taken', 'not_yours', 'too_late', 'too_fast', 'foreign', 'unavailable', 'ticket', 'no_page', 'refused'];
const problemPage = Object.fromEntries(problems.map(name => [name, async w =>
  dressed(await lost(w), w.words[`problem.${name}`], w.words[`problem.${name}_more`])]));

export const handheld = { 'sign-in': signInPage, overview: overviewPage, question: questionPage, problem: problemPage };
