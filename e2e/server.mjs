// Starts the real program on ports of its own choosing.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env.QRLATCH_BIN || path.resolve(import.meta.dirname, '../bin/qrlatch');
const startWithin = 15_000;
const stopWithin = 12_000; // the program promises 10 s

// startServer resolves once the program listens:
//
//	url       http://127.0.0.1:PORT of the public listener
//	shop      http://localhost:PORT of the demo's own site, on another site than url
//	log()     what it has written to stderr so far
//	signal()  sends it a signal, such as 'SIGHUP'
//	stop()    ends it by SIGTERM, and rejects if it was gone or does not end well
export async function startServer(args = [], env = {}) {
  const child = spawn(binary, ['--listen=127.0.0.1:0', '--admin-listen=', '--log-format=json', ...args], {
    env: { ...withoutSettings(process.env), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines = [];
  const log = () => lines.join('\n');
  const failure = why => new Error(`qrlatch ${args.join(' ')}: ${why}\n${log()}`);

  const ended = new Promise(resolve => {
    child.on('error', err => resolve(err.message));
    child.on('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit status ${code}`));
  });
  let shop; // is logged before the public listener
  const listening = new Promise(resolve => {
    createInterface(child.stderr).on('line', line => {
      lines.push(line);
      const { msg, url } = parse(line);
      if (msg === 'demo site listening') shop = url;
      if (msg === 'listening' && url) resolve(url);
    });
  });

  const url = await Promise.race([
    listening,
    ended.then(why => { throw failure(`${why} before it listened`); }),
    after(startWithin),
  ]);
  if (url === undefined) {
    child.kill('SIGKILL');
    throw failure('did not say where it listens');
  }

  return {
    url,
    shop,
    log,
    signal: name => child.kill(name),
    async stop() {
      if (child.exitCode !== null || child.signalCode) throw failure(`${await ended} while it was needed`);
      child.kill('SIGTERM');
      const how = await Promise.race([ended, after(stopWithin)]);
      if (how === undefined) child.kill('SIGKILL');
      if (how !== 'exit status 0') throw failure(how ?? 'did not end on SIGTERM');
    },
  };
}

// A developer's own QRLATCH_ settings must not change what is tested.
function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('QRLATCH_')));
}

function parse(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {}; // a panic, say: it is in the log
  }
}

function after(ms) {
  return new Promise(resolve => setTimeout(resolve, ms).unref());
}
