// Internet Explorer 6 to 9 as HtmlUnit plays them, in a Java of their own.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';

const jar = path.join(path.dirname(createRequire(import.meta.url).resolve('selenium-server/package.json')),
  'lib/runner/selenium-server-standalone-2.35.0.jar'); // HtmlUnit 2.12 is in it
const program = path.join(import.meta.dirname, 'HtmlUnitRun.java');

// startHtmlUnit plays 'IE6' to 'IE9'; what it resolves to is described in engines.mjs.
export async function startHtmlUnit(version) {
  if (!fs.existsSync(jar)) throw new Error(`no ${jar}`);
  const child = spawn('java', ['-XX:TieredStopAtLevel=1', '-cp', jar, program, version], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = []; // for answers, in the order of the questions
  let end = '';
  const ended = new Promise(resolve => {
    child.on('error', err => resolve(end = err.message));
    child.on('close', code => resolve(end = `Java has ended, exit status ${code}`));
  });
  ended.then(why => { for (const { reject } of waiting.splice(0)) reject(new Error(why)); });
  child.stdin.on('error', () => {}); // it has ended, which is told above

  createInterface(child.stdout).on('line', line => {
    const [, mark, text] = /^([=!]) (.*)$/.exec(line) ?? [];
    if (!mark) return;
    const said = decodeURIComponent(text.replaceAll('+', ' '));
    const { resolve, reject } = waiting.shift();
    if (mark === '=') resolve(said); else reject(new Error(said));
  });

  function tell(command, operand = '') {
    if (end) return Promise.reject(new Error(end));
    child.stdin.write(`${command} ${operand.replaceAll('\n', ' ')}\n`);
    return new Promise((resolve, reject) => { waiting.push({ resolve, reject }); });
  }

  return {
    open: url => tell('open', url),
    ask: expression => tell('ask', expression),
    errors: () => tell('errors'),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
