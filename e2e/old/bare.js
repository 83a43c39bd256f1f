/* Takes away what ECMAScript 5 and later browsers brought, as engines that play old ones
   have more than those had. What is in the way of being taken stands in data-left. */
(function () {
  var left = '';

  function take(name, owner, list) {
    var names = list.split(' ');
    for (var i = 0; i < names.length; i += 1) {
      try { delete owner[names[i]]; } catch (old) { /* Internet Explorer 8 deletes nothing of window */ }
      if (owner[names[i]]) { owner[names[i]] = undefined; } // or what was hidden comes to light again
      if (owner[names[i]]) { left += name + names[i] + ' '; }
    }
  }

  take('', window, 'JSON EventSource WebSocket fetch Promise Map Set WeakMap Symbol Proxy Reflect XMLHttpRequest AbortController ' +
    'MutationObserver IntersectionObserver BroadcastChannel matchMedia');
  take('Object.', Object, 'keys create defineProperty defineProperties getOwnPropertyNames freeze assign');
  take('Array.', Array, 'isArray from of');
  take('[].', Array.prototype, 'forEach map filter some every indexOf lastIndexOf reduce reduceRight find includes');
  take('"".', String.prototype, 'trim includes startsWith endsWith repeat padStart');
  take('Function.', Function.prototype, 'bind');
  take('Date.', Date, 'now');
  take('Date#', Date.prototype, 'toISOString toJSON');
  window.bare = left || 'nothing';
}());
