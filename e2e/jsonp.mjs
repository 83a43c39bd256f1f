// Gives the answers for script tags to a real JavaScript parser: node e2e/jsonp.mjs
//
// Whatever a page names as its function, and whatever people call themselves, an answer is
// one call of the name, with one object that is plain data; or it is refused as no script.
// WeChat's answers are assignments to window, and nothing else.

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'acorn';
import { startServer } from './server.mjs';

const callbacks = 10_000;
const hostile = [
  '</script><script>alert(1)</script>', '*/alert(1)/*', '\u2028alert(1)\u2029', '");alert(1);("', '\\"});alert(1);//', '<!--', '-->', ']]>', '\u0000', '${alert(1)}', '`', "'+alert(1)+'",
  ')})();alert(1);(function(){f({', '\ud800'.toWellFormed(), '__proto__', 'constructor', '{"a":1}', '//', '\r\n\r\nHTTP/1.1 200 OK', 'a'.repeat(300),
];
const sha256 = text => createHash('sha256').update(text).digest('hex');

// random is the same in every run.
let state = 20250101;
const random = n => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state % n;
};
const pick = list => list[random(list.length)];

// pieces are what names are made of, and what breaks out of them.
const pieces = ['a', 'cb', '$', '_', '.', '..', 'window', 'jQuery123', 'constructor', '__proto__', 'eval', 'alert(1)', '(', ')', ';', '//', '/*', '*/', '[0]', '"', "'", '`', '\\', '\\u0061',
  '<script>', '</script>', '\n', '\r', '\u2028', '\u2029', '\u0000', '\ufeff', ' ', '\t', '=', '=>', ',', '+', '{', '}', 'é', 'ａ', '𝒜', '0', '9', 'if', 'this', 'new', 'in', 'async', 'await', 'let', '#', '%', '&', '?'];
const made = () => {
  let name = '';
  for (let n = 1 + random(6); n > 0; n -= 1) name += random(3) ? pick(['a', 'b1', '$', '_c', '.d', 'QRLatch', '.cb.n1']) : pick(pieces);
  return random(40) ? name : name.padEnd(60 + random(10), 'x');
};

// data tells whether a node is JSON.
function data(node) {
  switch (node.type) {
    case 'Literal': return !node.regex && node.bigint === undefined;
    case 'UnaryExpression': return node.operator === '-' && typeof node.argument.value === 'number';
    case 'ArrayExpression': return node.elements.every(data);
    case 'ObjectExpression': return node.properties.every(p => p.type === 'Property' && !p.computed && !p.method && p.kind === 'init' && p.key.type === 'Literal' && data(p.value));
    default: return false;
  }
}

const nameOf = node => (node.type === 'Identifier' ? node.name
  : node.type === 'MemberExpression' && !node.computed ? `${nameOf(node.object)}.${node.property.name}` : undefined);

const isCall = (node, name) => node?.type === 'ExpressionStatement' && node.expression.type === 'CallExpression'
  && nameOf(node.expression.callee) === name && node.expression.arguments.length === 1
  && node.expression.arguments[0].type === 'ObjectExpression' && data(node.expression.arguments[0]);

// isOneCall tells whether a script is one call of the name. The wrapper of Taobao's is
// fixed, and the call is all that stands in it.
function isOneCall(text, name, wrapped) {
  const { body } = parse(text, { ecmaVersion: 5, sourceType: 'script' });
  if (body.length !== 1) return false;
  if (!wrapped) return isCall(body[0], name);
  const { expression } = body[0];
  const inner = expression?.type === 'CallExpression' && expression.arguments.length === 0 && expression.callee.type === 'FunctionExpression'
    && expression.callee.params.length === 0 ? expression.callee.body.body : [];
  return inner.length === 1 && isCall(inner[0], name);
}

const isAssignments = text => parse(text, { ecmaVersion: 3, sourceType: 'script' }).body.every(({ expression }) =>
  expression?.type === 'AssignmentExpression' && /^window\.(QRLogin\.)?\w+$/.test(nameOf(expression.left) ?? '') && data(expression.right));

const faults = [];
const fault = (what, answer) => { faults.push(`${what}: ${answer.status} ${JSON.stringify(answer.body.slice(0, 300))}`); };

async function main() {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'qrlatch-jsonp-'));
  const names = hostile.filter(name => !name.includes('\u0000'));
  await writeFile(path.join(dir, 'config.json'), JSON.stringify({ // which is YAML as well
    apps: [{ id: 'shop', name: hostile[0], redirect_uris: ['http://localhost/cgi-bin/mmwebwx-bin/webwxnewloginpage'], disclose_on_scan: 'name', number: 'never' }],
    phones: { tokens: names.map((name, n) => ({ token_sha256: sha256(`token-${n}`), subject: `${n} ${name}`, name, picture: `https://id.example/${n}?${encodeURI(name)}` })) },
    limits: { starts_per_address: 0 },
  }));
  const server = await startServer([`--config=${dir}/config.json`]);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const ask = address => new Promise((done, fail) => {
    get(server.url + address, { agent }, answer => {
      let body = '';
      answer.setEncoding('utf8').on('data', part => { body += part; }).on('end', () => done({ status: answer.statusCode, headers: answer.headers, body }));
    }).on('error', fail);
  });
  let parsed = 0;
  const checkCall = (what, answer, name, wrapped) => {
    const isScript = answer.headers['content-type'].startsWith('text/javascript');
    if (answer.status === 400 && !isScript && answer.headers['x-content-type-options'] === 'nosniff') return;
    parsed += 1;
    try {
      if (answer.status === 200 && isScript && isOneCall(answer.body, name, wrapped)) return;
    } catch { /* it does not parse */ }
    fault(what, answer);
  };
  try {
    const shapes = [
      [name => `/v1/logins.js?app=nobody&callback=${name}`, false],
      [name => `/v1/logins.js?app=${encodeURIComponent(pick(hostile))}&callback=${name}`, false],
      [name => `/qrcodelogin/generateQRCode4Login.do?appkey=nobody&callback=${name}`, true],
      [name => `/v1/logins/x.js?since=${encodeURIComponent(pick(hostile))}&callback=${name}`, false],
    ];
    const called = Array.from({ length: callbacks }, made);
    await Promise.all(Array.from({ length: 16 }, async (_, lane) => {
      for (let i = lane; i < called.length; i += 16) {
        const [address, wrapped] = shapes[i % shapes.length];
        checkCall(`callback ${JSON.stringify(called[i])}`, await ask(address(encodeURIComponent(called[i]))), called[i], wrapped);
      }
    }));
    if (parsed < callbacks / 10 || parsed > callbacks * 0.9) fault(`${parsed} of ${callbacks} names were called`, { status: 0, body: '' });

    // The same with people of hostile names, in every state of a login.
    await Promise.all(names.map(async (name, n) => {
      const started = await ask(`/v1/logins.js?app=shop&callback=f&state=${encodeURIComponent(name)}`);
      checkCall('a start', started, 'f', false);
      const { id, qr } = JSON.parse(started.body.slice('/**/f('.length, -2));
      const look = async () => {
        checkCall(`JSONP of ${n}`, await ask(`/v1/logins/${id}.js?callback=f`), 'f', false);
        checkCall(`Taobao of ${n}`, await ask(`/qrcodelogin/qrcodeLoginCheck.do?lgToken=${id}&callback=f`), 'f', true);
      };
      await look();
      const post = (address, body) => fetch(server.url + address, { method: 'POST', body: JSON.stringify(body), headers: { Authorization: `Bearer token-${n}`, 'Content-Type': 'application/json' } });
      const scan = await (await post('/v1/scans', { code: qr.text })).json();
      await look();
      const says = [await ask(`/cgi-bin/mmwebwx-bin/login?tip=1&loginicon=true&uuid=${id}`)];
      await post(`/v1/scans/${scan.id}/approve`, {});
      await look();
      says.push(await ask(`/cgi-bin/mmwebwx-bin/login?tip=0&uuid=${id}`), await ask(`/jslogin?appid=shop&state=${encodeURIComponent(name)}`),
        await ask(`/jslogin?appid=${encodeURIComponent(name)}`), await ask(`/cgi-bin/mmwebwx-bin/login?uuid=${encodeURIComponent(name)}`));
      if (!says[1].body.includes('redirect_uri')) fault(`nobody was let in as ${n}`, says[1]);
      for (const answer of says) {
        parsed += 1;
        if (!isAssignments(answer.body) || answer.body.includes('<')) fault(`WeChat's words of ${n}`, answer);
      }
    }));
  } finally {
    agent.destroy();
    await server.stop();
    await rm(dir, { recursive: true });
  }
  for (const what of faults.slice(0, 20)) console.error(`JSONP: ${what}`);
  if (faults.length > 0) process.exitCode = 1;
  else console.log(`JSONP: ${callbacks} callbacks and ${names.length} names; each of ${parsed} scripts is one call of the name, or assignments`);
}

await main();
