// Holds scripts to ECMAScript 3: node e2e/es3.mjs assets/*.js
//
// acorn refuses what the old parsers cannot read (reserved words as property
// names, trailing commas, getters), eslint what their library does not have.

import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'acorn';
import { ESLint } from 'eslint';

const files = process.argv.slice(2);
const readable = files.filter(file => {
  try {
    return parse(fs.readFileSync(file, 'utf8'), { ecmaVersion: 3, allowReserved: 'never', sourceType: 'script' });
  } catch (err) {
    console.error(`${file}: ${err.message}`);
    process.exitCode = 1;
    return false;
  }
});

if (readable.length > 0) {
  const eslint = new ESLint({ overrideConfigFile: path.join(import.meta.dirname, 'eslint.es3.config.mjs') });
  const results = await eslint.lintFiles(readable);
  const formatter = await eslint.loadFormatter('stylish');
  const report = await formatter.format(results);
  if (report) {
    console.error(report);
    process.exitCode = 1;
  }
}
if (!process.exitCode) console.log(`ES3: ${files.length} script${files.length === 1 ? ' fits' : 's fit'}`);
