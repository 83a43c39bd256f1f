// Engines that are driven by WebDriver: WebKitGTK by the standard's, PhantomJS by the
// draft before it. What is needed here differs in little more than names.

import { spawn } from 'node:child_process';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const startWithin = 20_000;

// startWebDriver runs a driver, which listens at the port that command(port) tells it,
// and opens one window; what it resolves to is described in engines.mjs. A driver ends at
// once when somebody else has taken that port meanwhile: then it gets another.
export async function startWebDriver(engine) {
  for (let tries = 3; ; tries -= 1) {
    try {
      return await startAt(await freePort(), engine);
    } catch (err) {
      if (tries === 1) throw err;
    }
  }
}

async function startAt(port, { command, env, capabilities, execute }) {
  const [program, ...args] = command(port);
  // A group of its own, so that the browsers that it starts can be ended with it.
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore', detached: true });
  const ended = new Promise(resolve => {
    child.on('error', err => resolve(err.message));
    child.on('close', (code, signal) => resolve(`${program} has ended: ${signal ?? code}`));
  });

  async function call(method, path, body) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
    });
    const said = await answer.json();
    if (!answer.ok || said.status > 0) throw new Error(`${method} ${path}: ${JSON.stringify(said.value)}`);
    return said;
  }

  async function session() {
    for (const until = Date.now() + startWithin; ; await pause(50)) {
      try {
        const { value, sessionId } = await call('POST', '/session', {
          capabilities: { alwaysMatch: capabilities }, desiredCapabilities: capabilities,
        });
        return sessionId ?? value.sessionId;
      } catch (err) {
        if (err.cause?.code !== 'ECONNREFUSED' || Date.now() > until) throw err;
      }
    }
  }

  function kill() {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it is gone
    }
    return ended;
  }

  try {
    const id = await Promise.race([session(), ended.then(why => { throw new Error(why); })]);
    const at = path => `/session/${id}${path}`;
    const ask = async expression => (await call('POST', at(execute), { script: `return String(${expression})`, args: [] })).value;
    return {
      open: url => call('POST', at('/url'), { url }),
      ask,
      errors: () => ask('window.shop ? window.shop.errors() : ""'),
      screenshot: async () => Buffer.from((await call('GET', at('/screenshot'))).value, 'base64'),
      stop: kill,
    };
  } catch (err) {
    await kill();
    throw err;
  }
}

// freePort is one that nobody listens at now: these drivers want to be told one.
function freePort() {
  return new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
