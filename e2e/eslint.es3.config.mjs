// What Internet Explorer 6 to 8 have: the language and the library of
// ECMAScript 3, and the browser's objects through `window` and `document` only,
// so that a newer one (window.EventSource) is always asked for, never assumed.

import esx from 'eslint-plugin-es-x';

const browser = ['window', 'document', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'];
const language = [
  'Array', 'Boolean', 'Date', 'Error', 'Function', 'Infinity', 'Math', 'NaN', 'Number', 'Object', 'RegExp', 'String',
  'arguments', 'decodeURIComponent', 'encodeURIComponent', 'isFinite', 'isNaN', 'parseFloat', 'parseInt', 'undefined',
];

export default [
  {
    ...esx.configs['flat/restrict-to-es3'],
    settings: { 'es-x': { aggressive: true } }, // a method of unknown receivers counts as the new one
  },
  {
    languageOptions: {
      ecmaVersion: 5, // so that what is newer gets a rule's name; the parser for 3 runs before
      sourceType: 'script',
      globals: Object.fromEntries([...browser, ...language].map(name => [name, 'readonly'])),
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-undef': 'error',
      'no-unused-vars': ['error', { caughtErrors: 'none' }],
    },
  },
  {
    files: ['**/qrlatch.v*.js'], // minified: the comment that allows the source's one use of JSON is gone
    rules: { 'es-x/no-json': 'off' },
  },
];
