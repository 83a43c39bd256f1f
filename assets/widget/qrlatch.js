/* QRLatch(options) shows a QR code in an element of any page, on any site, and signs
   that browser in when a phone has scanned and approved.

   It asks the server how far the login has come by a stream (SSE) where one gets
   through, else by requests that are held, else by many short ones; each of them across
   origins by CORS, or by script tags where the browser or the page forbids that. The
   state is the cursor: from whichever of them an answer comes, it is the same login.

   ECMAScript 3, for Internet Explorer 6 and all that came after it: no library, no
   cookie, no style sheet (a page's policy may forbid them), and no global but QRLatch. */
(function () {
  if (typeof window === 'undefined' || window.QRLatch) { return; } // on a server that renders pages: nothing

  // The build puts rows in: {names: 'label|pending…', en: …, es: …}. See scripts/widget.mjs.
  var texts = {};

  var known = /^((theme: (auto|light|dark)|transport: (auto|sse|jsonp|poll)|redirect: (top|self|callback)|\w+: undefined)$|(el|app|redirectUri|state|lang|server|on(Ready|Scanned|Approved|Denied|Expired|Error)):)/;
  var ranks = { starting: 0, pending: 1, scanned: 2, approved: 3, redeemed: 4, denied: 4, expired: 4 };

  var hold = 25;          // seconds a long poll may take, while nothing is due earlier
  var patience = 12000;   // milliseconds, beyond what a request is held
  var firstWords = 6000;  // a stream that has said nothing by then is swallowed on its way
  var silence = 35000;    // a code changes every 20 s: a stream that says less is dead
  var shortly = 2000;     // between two short polls
  var slowest = 12000;    // between two tries without connection
  var renewals = 5;       // codes that replace each other unasked, while somebody could look

  var count = 0;          // of requests by script: each has a callback of its own
  var json = window.JSON; // eslint-disable-line es-x/no-json -- used only with what brings it: CORS and EventSource
  var home = base();

  // base is where this script came from: the server to talk to.
  function base() {
    var scripts = document.getElementsByTagName('script');
    var script = document.currentScript;
    var i = scripts.length;
    var found;
    do {
      found = script && /^(.*)\/qrlatch[.v\d]*\.js/.exec(script.src);
      script = scripts[i -= 1];
    } while (!found && i >= 0);
    return found && found[1];
  }

  function now() { return new Date().getTime(); }

  function complain(what) {
    if (window.console) { window.console.error('QRLatch: ' + what); }
  }

  function visible() { return document.visibilityState !== 'hidden'; }

  function matches(query) { return window.matchMedia && window.matchMedia(query).matches; }

  // choose returns the language that the page asks for or the browser prefers, if we have one.
  function choose(lang) {
    var wishes = [lang].concat(window.navigator.languages, window.navigator.language || window.navigator.userLanguage);
    var i = wishes.length;
    var found;
    while (i) {
      lang = String(wishes[i -= 1]).slice(0, 3).toLowerCase().replace(/[-_]/, ''); // not kok-IN, which is no Korean
      if (texts[lang]) { found = lang; }
    }
    return found;
  }

  function make(parent, tag, style) {
    var node = document.createElement(tag);
    node.style.cssText = style || '';
    parent.appendChild(node);
    return node;
  }

  function write(node, words) {
    while (node.firstChild) { node.removeChild(node.firstChild); }
    node.appendChild(document.createTextNode(words || ''));
  }

  // --- asking the server --------------------------------------------------------------

  function request() {
    var call = window.XMLHttpRequest && json ? new window.XMLHttpRequest() : {};
    return 'withCredentials' in call ? call : null;
  }

  // ask tells done an answer, which may be {error: …}, or null where none came: by CORS
  // (a body of plain text needs no preflight) or by a script tag. It returns a function
  // that gives the request up.
  //
  // KHTML and old Internet Explorers say nothing of a script that fails, hence the
  // watchdog. A script that comes too late finds a callback that only takes itself away.
  function ask(across, url, query, body, limit, done) {
    var call = across ? request() : document.createElement('script');
    var name = 'c' + now() + (count += 1);
    var watchdog = setTimeout(fail, limit);

    function finish(answer) {
      if (!call) { return; }
      clearTimeout(watchdog);
      call.onload = call.onerror = call.onreadystatechange = null;
      if (across) {
        call.abort();
      } else {
        if (call.parentNode) { call.parentNode.removeChild(call); }
        QRLatch[name] = forget;
        setTimeout(forget, answer ? 0 : 60000);
      }
      call = null;
      done(answer);
    }

    function forget() { delete QRLatch[name]; }

    function fail() { finish(null); }

    function failed() { setTimeout(fail, 300); } // unless the script calls until then

    if (across) {
      call.onload = function () {
        var answer = null;
        try { answer = json.parse(call.responseText); } catch (none) { fail(); return; }
        finish(call.status < 400 ? answer : { error: answer });
      };
      call.onerror = fail;
      try {
        call.open(body ? 'POST' : 'GET', body ? url : url + '?' + query);
        if (body) { call.setRequestHeader('Content-Type', 'text/plain'); } // PhantomJS would say XML
        call.send(body);
      } catch (forbidden) { failed(); }
    } else {
      QRLatch[name] = finish;
      call.charset = 'utf-8';
      call.referrerPolicy = 'origin'; // a start without one is refused
      call.onload = call.onerror = failed;
      call.onreadystatechange = function () { if (/d|complete/.test(this.readyState)) { failed(); } };
      call.src = url + '.js?' + query + '&callback=QRLatch.' + name;
      document.getElementsByTagName('head')[0].appendChild(call);
    }
    return fail;
  }

  // --- one login page -------------------------------------------------------------------

  function QRLatch(options) {
    var el = typeof options.el === 'string' ? document.getElementById(options.el) : options.el;
    var server = options.server || home;
    var lang = choose(options.lang); // what is wished for; box.lang is what is spoken
    var transport = options.transport || 'auto';
    var leads = options.redirect !== 'callback' && (options.redirect === 'self' ? window : window.top);

    var turn = 0;         // counts logins: what an earlier one still says is ignored
    var login = {};       // as the server last told of it
    var state = '';       // what is shown: the login's state, or starting, offline, refused
    var ways = transport !== 'jsonp' && request() ? [true, false] : [false]; // whether across, or by script
    var mode, stream, giveUp, heard, delay, picture, shown = '';
    var renewed = 0;
    var typing = false;   // whether the person wants a code to type
    var streams = window.EventSource && /auto|sse/.test(transport); // until one is swallowed
    var name;

    for (name in options) {
      name += ': ' + options[name];
      if (!known.test(name)) { complain('unknown option ' + name); }
    }
    if (!el || !options.app || server === null) { throw new Error('QRLatch needs el, app, server'); }
    server = server.replace(/\/$/, '');

    function text(key, what) {
      var names = texts.names.split('|');
      for (var i = 0; i < names.length; i += 1) {
        if (names[i] === key) { return texts[box.lang].split('|')[i].replace('{0}', what); }
      }
    }

    // later runs what unless something else has happened to the login since.
    function later(what, wait) {
      var mine = turn;
      setTimeout(function () { if (mine === turn) { what(); } }, wait);
    }

    // tell calls the page's function, and only then may the page be left. What it throws is
    // the page's affair and not ours.
    function tell(callback, what) {
      setTimeout(function () {
        if (what.redirect_uri) { setTimeout(function () { if (leads) { leads.location.href = what.redirect_uri; } }, 0); }
        if (options[callback]) { options[callback](what); }
      }, 0);
    }

    // --- what people see ---

    var square = 'height:0;padding-bottom:100%;';
    var rounded = 'max-width:100%;margin:0 auto;overflow:hidden;width:14em;';
    var looks = 'font:inherit;color:inherit;cursor:pointer;';
    var box = make(el, 'div', 'margin:0 auto;max-width:22em;text-align:center;line-height:1.45;direction:ltr;word-break:keep-all;text-wrap:balance' +
      (options.theme === 'dark' ? ';padding:1em;background:#172120;color:#e9f0ed' : options.theme === 'light' ? ';padding:1em;background:#fff;color:#14211f' : ''));
    var tile = make(box, 'div', rounded + 'position:relative;border-radius:14px;background:#fff;color:#14211f;box-shadow:0 0 0 1px #8a9a95');
    var code = make(tile, 'div', square);
    var cover = make(tile, 'div', 'position:absolute;top:0;left:0;width:100%;height:100%;text-align:center');
    var line = make(box, 'div', rounded + 'height:3px;margin-top:.5em');
    var left = make(line, 'div', 'height:3px;margin:0 auto;background:#8a9a95;width:0');
    var words = make(box, 'div', 'margin:.5em 0;font-weight:600;min-height:1.45em;outline:0;word-wrap:break-word');
    var more = make(box, 'div');

    box.className = 'qrlatch';
    speak(lang);
    words.setAttribute('role', 'status');
    words.setAttribute('aria-live', 'polite');
    words.tabIndex = -1;

    // speak is told what the server says: the language wished for, else the app's.
    function speak(lang) { box.lang = texts[lang] ? lang : 'en'; }

    function press(parent, words, style, pressed) {
      var node = make(parent, 'button', looks + style);
      try { node.setAttribute('type', 'button'); } catch (once) { /* it is one, in the Internet Explorers that forbid that */ }
      write(node, words);
      node.onclick = pressed;
    }

    function link(href, target) {
      var node = make(more, 'a', looks + 'display:block;line-height:2');
      node.href = href;
      node.target = target;
      write(node, text('onward'));
      return node;
    }

    function say(what) {
      var focused = box.contains(document.activeElement);
      if (what === state) { return; }
      state = what;
      box.setAttribute('data-state', what);
      write(words, text(
        what === 'scanned' && login.number ? 'number' : what === 'pending' && login.user_code ? 'typed' : what === 'redeemed' ? 'approved' : what,
        login.number || server.replace(/^https?:\/\//, '') + '/phone'
      ));
      write(more);
      write(cover);
      code.style.cssText = square + (what === 'pending' ? '' : /scanned|approved|offline/.test(what) ? 'opacity:.12;filter:alpha(opacity=12)' : 'visibility:hidden');
      if (what === 'pending' && matches('(pointer: coarse)')) {
        link('#', '_blank').onclick = function () { this.href = login.qr.text; }; // this page has to stay
      }
      if (what === 'pending' && login.user_code) {
        write(make(words, 'div', 'font-size:1.5em;line-height:1.2;font-weight:700'), login.user_code);
      } else if (what === 'pending') {
        press(more, text('type'), 'border:0;padding:0;background:none;line-height:2;text-decoration:underline', function () { typing = true; refresh(); });
      }
      if (what === 'scanned') { person(); }
      if (what === 'approved' && leads) { setTimeout(lead, 1500); }
      if (/denied|expired|refused/.test(what)) {
        press(cover, text('again'), 'margin-top:38%;padding:.6em 1em;border:2px solid;border-radius:14px;background:#fff', refresh);
      }
      run(/pending|scanned/.test(what) && login.expires_in);
      if (focused) { words.focus(); } // the button that was pressed is gone
    }

    // lead lets the person go on: a frame may not always lead its window.
    function lead() {
      if (state !== 'approved') { return; }
      write(more);
      link(login.redirect_uri, '_' + (options.redirect || 'top'));
    }

    // person puts over the code who has scanned it, or the digits to repeat on the phone.
    function person() {
      var face;
      if (login.number) {
        write(make(cover, 'div', 'margin-top:35%;font-size:3.5em;line-height:1.2;font-weight:700'), login.number);
      } else if (login.user && login.user.picture) {
        face = make(cover, 'img', 'width:40%;margin-top:30%;border-radius:50%;border:0');
        face.alt = '';
        face.src = login.user.picture;
      }
    }

    // run lets a hairline shorten with the time that is left: one style, no timers.
    function run(seconds) {
      left.style.transition = 'none';
      left.style.width = seconds ? '100%' : '0';
      if (!seconds || matches('(prefers-reduced-motion: reduce)') || left.offsetWidth < 0) { return; }
      left.style.transition = 'width ' + seconds + 's linear';
      left.style.width = '0';
    }

    // draw shows a picture: a browser keeps the old one until the new one is there.
    function draw() {
      picture = picture || make(code, 'img', 'position:absolute;top:0;left:0;width:100%;height:100%;border:0');
      picture.alt = text('label');
      picture.onerror = function () { later(draw, 3000); };
      picture.src = shown;
    }

    // --- a login ---

    function start() {
      var fields = { app: options.app, redirect_uri: options.redirectUri, state: options.state, lang: lang, user_code: typing || undefined };
      var query = '';
      for (name in fields) {
        if (fields[name] !== undefined) { query += (query && '&') + name + '=' + encodeURIComponent(fields[name]); }
      }
      send('', query, ways[0] && json.stringify(fields), patience, function (answer) {
        if (!answer) { offline(start, true); return; }
        if (answer.error) { refused(answer.error, start); return; }
        speak(answer.lang || lang);
        mode = streams ? 'stream' : transport === 'poll' ? 'short' : 'long';
        take(answer);
        watch();
      });
    }

    // send takes the other way at the next try if this one brought nothing.
    function send(path, query, body, limit, done) {
      var mine = turn;
      giveUp = ask(ways[0], server + '/v1/logins' + path, query, body, limit, function (answer) {
        if (mine !== turn) { return; }
        if (answer && !answer.error && !ranks[answer.state]) { answer = null; } // somebody else's
        if (answer) { heard = now(); } else { ways.reverse(); }
        done(answer);
      });
    }

    function take(answer) {
      var before = login.state;
      if (ranks[answer.state] < ranks[before]) { return; } // overtaken on its way
      login = answer;
      delay = 500;
      if (login.qr && login.qr.image !== shown) {
        shown = login.qr.image;
        draw();
      }
      if (login.state !== before) {
        name = login.state.replace('pending', 'ready');
        tell('on' + name.charAt(0).toUpperCase() + name.slice(1), login);
      }
      if (login.state === 'scanned') { renewed = 0; }
      if (login.state !== 'expired' || before !== 'pending' || !renew()) { say(login.state); }
    }

    // renew shows a new code in the place of one that nobody scanned.
    function renew() {
      if (renewed >= renewals || !visible()) { return false; }
      renewed += 1;
      begin();
      return true;
    }

    function refused(problem, again) {
      if (problem.status === 429 || problem.status >= 500) { offline(again); return; }
      if (problem.status === 404 && login.state) { take({ state: 'expired', expires_in: 0 }); return; } // or forgotten
      complain(problem.detail || problem.title);
      say('refused');
      tell('onError', problem);
    }

    function offline(again, quietly) {
      if (!quietly || delay > 500 || ways.length < 2) { say('offline'); }
      if (delay === 4000) { complain('no answer (CSP?)'); }
      later(again, quietly && delay === 500 ? 0 : 2 * delay * Math.random()); // not all at once
      delay = Math.min(2 * delay, slowest);
    }

    function hush() {
      if (giveUp) { giveUp(); }
      if (stream) { stream.close(); }
      giveUp = stream = null;
    }

    function watch() {
      hush();
      if (ranks[login.state] === 4) { return; }
      if (mode === 'stream' && visible()) { follow(); } else { poll(); }
    }

    function fall() {
      mode = 'long';
      watch();
    }

    function follow() {
      var mine;
      try {
        mine = stream = new window.EventSource(server + '/v1/logins/' + login.id + '/events');
      } catch (forbidden) { fall(); return; } // by a policy, in WebKit
      var opened = now();
      heard = opened - 1;
      function hear(event) {
        if (mine !== stream) { return; }
        heard = now();
        take(json.parse(event.data));
        if (ranks[login.state] === 4) { watch(); } // it is over
      }
      function look() {
        if (mine !== stream) { return; }
        if (heard < opened) { streams = false; fall(); return; }
        if (now() - heard >= silence) { watch(); return; }
        later(look, firstWords);
      }
      for (name in ranks) { mine.addEventListener(name, hear, false); }
      mine.addEventListener('qr', hear, false);
      mine.onerror = function () {
        if (mine !== stream) { return; }
        hush();
        if (now() - opened > firstWords) { later(watch, 3000 * Math.random()); } else { fall(); } // a request tells what is the matter
      };
      later(look, firstWords);
    }

    function poll() {
      var due = login.qr ? login.qr.expires_in || 1 : hold;
      var wait = mode === 'long' && visible() && (ways[0] || document.readyState === 'complete') ? Math.min(hold, due) : 0; // a page has not loaded while a script is awaited
      var began = now();
      send('/' + login.id, 'since=' + login.state + (wait ? '&wait=' + wait : ''), null, 1000 * wait + patience, function (answer) {
        if (!answer) {
          if (wait && now() - began > 3000) { mode = 'short'; } // something on the way cuts what waits
          offline(poll, true);
          return;
        }
        if (answer.error) { refused(answer.error, poll); return; }
        take(answer);
        if (ranks[login.state] < 4) { later(watch, visible() ? wait && now() - began > 1000 ? 50 : shortly : slowest); }
      });
    }

    // --- life ---

    function halt() {
      turn += 1;
      hush();
    }

    function begin() {
      halt();
      login = {};
      delay = 500;
      heard = now();
      write(code);
      picture = null;
      say('starting');
      start();
    }

    function refresh() {
      renewed = 0;
      if (options.app) { begin(); } // unless destroyed
    }

    // happen is for what a sleeping machine, a hidden tab or a dead network has missed, and
    // for the tab that is hidden now: it holds no connection, since a browser has but six of
    // them for all the tabs that ask this server.
    function happen(event) {
      var type = event.type;
      if (/print/.test(type)) { // a code on paper is dead, or worse
        box.style.display = type === 'beforeprint' ? 'none' : '';
      } else if (type === 'offline') {
        if (ranks[state] < 4) { say('offline'); }
      } else if (state === 'expired') {
        renew();
      } else if (state !== 'refused' && (state === 'offline' || /^v/.test(type) || now() - heard >= firstWords)) {
        if (login.state) {
          halt();
          later(watch, visible() ? 0 : shortly); // by then a page that was left is gone
        } else if (visible()) {
          begin();
        }
      }
    }

    function listen(how) {
      if (!window[how]) { return; } // Internet Explorer 8 does not have these events either
      document[how]('visibilitychange', happen, false);
      for (name in { pageshow: 1, online: 1, offline: 1, beforeprint: 1, afterprint: 1 }) { window[how](name, happen, false); }
    }

    function destroy() {
      halt();
      options = {};
      leads = null;
      listen('removeEventListener');
      if (box.parentNode) { box.parentNode.removeChild(box); }
    }

    listen('addEventListener');
    begin();
    return { refresh: refresh, destroy: destroy };
  }

  window.QRLatch = QRLatch;
}());
