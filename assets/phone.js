/* What the phone's pages do by themselves. Without it they work too: by buttons and
   by refreshing. ECMAScript 3, like all of our scripts. */
(function () {
  function element(id) { return document.getElementById(id); }

  function visible() { return document.visibilityState !== 'hidden' && document.visibilityState !== 'prerender'; }

  // whenVisible runs what once, as soon as a person can see the page.
  function whenVisible(what) {
    var done = false;
    function look() {
      if (done || !visible()) { return; }
      done = true;
      what();
    }
    look();
    if (!done && document.addEventListener) { document.addEventListener('visibilitychange', look, false); }
  }

  // load asks for a text and tells its status and the text; status 0 is no connection.
  function load(url, done) {
    if (!window.XMLHttpRequest) { return; }
    var call = new window.XMLHttpRequest();
    call.open('GET', url, true);
    call.onreadystatechange = function () {
      if (call.readyState === 4) { done(call.status, call.responseText); }
    };
    call.send(null);
  }

  // --- an opened code goes on by itself, but not when a person came back to it -------

  function cameBack() {
    var performance = window.performance;
    return !!(performance && performance.navigation && performance.navigation.type === 2);
  }

  if (element('open') && !cameBack()) {
    whenVisible(function () { element('open').submit(); });
  }

  // --- answers count only after a moment, so that no tap hits them by chance ---------

  function arm() {
    var buttons = element('answers').getElementsByTagName('button');
    function set(off) {
      for (var i = 0; i < buttons.length; i += 1) { buttons[i].disabled = off; }
    }
    set(true);
    whenVisible(function () { setTimeout(function () { set(false); }, 500); });
  }

  if (element('answers')) {
    arm();
    // After a wrong number the address is that of the answer: reloading must not send it again.
    if (window.history && window.history.replaceState) {
      window.history.replaceState(null, '', element('scan').getAttribute('data-self'));
    }
  }

  // --- a question or an answer changes by itself ---------------------------------------

  function follow(box) {
    var delay = 1000;
    var self = box.getAttribute('data-self');
    var since = box.getAttribute('data-state');

    function ask() {
      load(self + '/state?since=' + encodeURIComponent(since), function (status, text) {
        if (status === 200 && text === since) { delay = 1000; setTimeout(ask, 250); return; }
        if (status === 0 || status === 429 || status >= 500) {
          delay = status === 429 ? 15000 : Math.min(2 * delay, 15000); // as its Retry-After says
          setTimeout(ask, delay);
          return;
        }
        window.location.replace(self);
      });
    }

    ask();
  }

  if (element('scan') && element('scan').getAttribute('data-state')) { follow(element('scan')); }

  // --- questions come to the overview by themselves --------------------------------------

  function version(text) {
    var found = /data-version="([^"]*)"/.exec(text);
    return found ? found[1] : '';
  }

  function refresh(box) {
    var shown = version(box.innerHTML);
    var delay = 3000;

    function ask() {
      if (!visible()) { setTimeout(ask, 1000); return; }
      load('/phone/prompts', function (status, text) {
        if (status === 401) { window.location.reload(); return; }
        delay = status === 200 ? 3000 : Math.min(2 * delay, 20000);
        if (status === 200 && version(text) !== shown) {
          shown = version(text);
          box.innerHTML = text;
        }
        setTimeout(ask, delay);
      });
    }

    setTimeout(ask, delay);
  }

  if (element('prompts')) { refresh(element('prompts')); }
}());
