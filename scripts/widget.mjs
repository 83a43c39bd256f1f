// Builds the widget: node scripts/widget.mjs [--check]
//
// From assets/widget/qrlatch.js and the texts of templates/messages it makes
// qrlatch.v1.js, which sites embed with a hash of it (SRI). So a released file never
// changes: released.txt keeps its hash, and what changes after a release goes into the
// next version's file. --check tells whether the file is what its sources make, small
// enough, and named with its hash in the documents.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import UglifyJS from 'uglify-js';

const root = path.join(import.meta.dirname, '..');
const source = path.join(root, 'assets/widget/qrlatch.js');
const built = path.join(root, 'assets/widget/qrlatch.v1.js');
const released = path.join(root, 'assets/widget/released.txt');
const documents = ['docs/embedding.md'].map(name => path.join(root, name));
const limits = { minified: 12_000, gzipped: 5_000 };

const fail = why => { console.error(`widget: ${why}`); process.exitCode = 1; };

// texts are rows of words between bars, which gzip likes best: their names, then each
// language's own, English first. What a row begins with is its language.
function texts() {
  const folder = path.join(root, 'templates/messages');
  const files = fs.readdirSync(folder).sort((a, b) => (b === 'en.json') - (a === 'en.json'));
  const messages = files.map(file => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')));
  const names = Object.keys(messages[0]).filter(key => key.startsWith('widget.'));
  const rows = messages.map((words, i) => [path.basename(files[i], '.json'), names.map(key => words[key])]);
  rows.unshift(['names', names.map(key => key.slice('widget.'.length))]);
  if (rows.flat(2).some(word => word === undefined || word.includes('|'))) throw new Error('a text is missing, or has a bar in it');
  return Object.fromEntries(rows.map(([name, row]) => [name, row.join('|')]));
}

function build() {
  const place = 'var texts = {};';
  const script = fs.readFileSync(source, 'utf8');
  if (!script.includes(place)) throw new Error(`${source} has no "${place}"`);
  const result = UglifyJS.minify(script.replace(place, () => `var texts = ${JSON.stringify(texts())};`), {
    ie: true, // the quirks of Internet Explorer 6 to 8 are not optimised away
    toplevel: true,
    compress: { passes: 3, inline: 1, sequences: false }, // smallest when zipped
    output: { preamble: '/* qrlatch v1 MIT */', ascii_only: true }, // which zips better, and needs no charset
  });
  if (result.error) throw result.error;
  return result.code + '\n';
}

const code = build();
const minified = Buffer.byteLength(code);
const gzipped = zlib.gzipSync(code, { level: 9 }).length;
const hashOf = text => 'sha384-' + crypto.createHash('sha384').update(text).digest('base64');
const sri = hashOf(code);
const hash = /sha384-[A-Za-z0-9+/=]{64}/g;

if (minified > limits.minified) fail(`${minified} bytes minified, more than ${limits.minified}`);
if (gzipped > limits.gzipped) fail(`${gzipped} bytes gzipped, more than ${limits.gzipped}`);

for (const [, version, theirs] of fs.readFileSync(released, 'utf8').matchAll(/^(v\d+)\s+(\S+)/gm)) {
  const file = path.join(path.dirname(built), `qrlatch.${version}.js`);
  if (hashOf(file === built ? code : fs.readFileSync(file, 'utf8')) !== theirs) {
    fail(`${path.basename(file)} is released and must stay as it is: let the changes go into the next version`);
  }
}

if (process.argv.includes('--check')) {
  if (fs.readFileSync(built, 'utf8') !== code) fail('qrlatch.v1.js is not what its sources make: run `make widget`');
  for (const name of documents) {
    const named = fs.readFileSync(name, 'utf8').match(hash) ?? [];
    if (named.length === 0 || named.some(one => one !== sri)) fail(`${path.relative(root, name)} does not name ${sri}: run \`make widget\``);
  }
} else if (!process.exitCode) {
  fs.writeFileSync(built, code);
  for (const name of documents) {
    if (fs.existsSync(name)) fs.writeFileSync(name, fs.readFileSync(name, 'utf8').replace(hash, () => sri));
  }
}
console.log(`widget: ${minified} bytes, ${gzipped} gzipped, ${sri}`);
