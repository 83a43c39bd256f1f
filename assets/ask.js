/* window.askByScript asks the server by a script tag: the one request that every
   browser can make and wait for. ECMAScript 3, no library.

   url       what to load
   patience  milliseconds after which the request counts as failed: KHTML and old
             Internet Explorers fire no event at all for a script that fails
   arrived   a function that tells whether the script has left its answer
   done      told true or false, once */
window.askByScript = function (url, patience, arrived, done) {
  var script = document.createElement('script');
  var over = false;
  var watchdog = setTimeout(function () { finish(false); }, patience);

  function finish(ok) {
    if (over) { return; }
    over = true;
    clearTimeout(watchdog);
    script.onload = script.onerror = script.onreadystatechange = null;
    if (script.parentNode) { script.parentNode.removeChild(script); }
    done(ok);
  }

  // Internet Explorer may say "loaded" a moment before it runs the script.
  function heard() {
    if (over) { return; }
    if (arrived()) { finish(true); return; }
    setTimeout(function () { if (!over) { finish(!!arrived()); } }, 200);
  }

  script.type = 'text/javascript';
  script.onload = heard;
  script.onerror = heard;
  script.onreadystatechange = function () {
    if (script.readyState === 'loaded' || script.readyState === 'complete') { heard(); }
  };
  script.src = url;
  document.getElementsByTagName('head')[0].appendChild(script);
};
