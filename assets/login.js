/* The page with the code. It starts a login, shows its picture, and asks again and
   again how far the login has come, in the words of WeChat Web:

     408 nothing yet   201 scanned   200 approved   202 denied   400 over

   ECMAScript 3: it runs in Internet Explorer 6. Every text is in the page. */
(function () {
  var startWithin = 15000;  // the server makes those wait who start too many
  var pollWithin = 35000;   // it answers after 25 s at the latest
  var slowest = 15000;

  var app = attribute('login', 'data-app');
  var lang = attribute('login', 'data-lang');
  var uin = attribute('login', 'data-uin');
  var pictureEvery = Number(attribute('login', 'data-every')); // the code changes as often

  var turn = 0;     // counts logins: what an earlier one still answers is ignored
  var uuid = '';
  var tip = 1;      // 1: this page has not heard of a scan
  var state = '';   // the words that fit when the connection is well
  var spoken = '';  // the words that are shown
  var delay = 1000;
  var pictureTimer;

  function element(id) { return document.getElementById(id); }

  function attribute(id, name) { return element(id).getAttribute(name) || ''; }

  function show(id, visible) {
    var node = element(id);
    if (!node) { return; }
    node.className = node.className.replace(/(^| )off( |$)/, ' ') + (visible ? '' : ' off');
  }

  function now() { return new Date().getTime(); }

  // --- what the page says -------------------------------------------------------

  var steps = { pending: 1, scanned: 2, asked: 2, approved: 3 };

  function say(name) {
    var i, step;
    if (name === spoken) { return; }
    spoken = name;
    element('say').innerHTML = element('say-' + name).innerHTML;
    show('fresh', name === 'denied' || name === 'expired');
    show('retry', name === 'refused');
    if (name === 'denied' || name === 'expired' || name === 'refused') { tile('bare over'); }
    if (name === 'asked') { // later, or a double click on "Ask my phone" would hit it
      setTimeout(function () { if (spoken === 'asked') { show('fresh', true); } }, 1500);
    }
    show('push', name === 'pending' || name === 'expired' || name === 'denied');
    show('phone', name === 'pending');
    if (name === 'offline') { return; }
    for (i = 1; i <= 3; i += 1) {
      step = element('step-' + i);
      if (steps[name] === i) { step.setAttribute('aria-current', 'step'); } else { step.removeAttribute('aria-current'); }
    }
  }

  function enter(name) {
    state = name;
    delay = 1000;
    say(name);
  }

  function note(text, lang) {
    var place = element('note');
    place.lang = lang || document.documentElement.lang;
    while (place.firstChild) { place.removeChild(place.firstChild); }
    if (text) { place.appendChild(document.createTextNode(text)); }
    show('note', !!text);
  }

  function offline(again) {
    var mine = turn;
    say('offline');
    setTimeout(function () {
      if (mine !== turn) { return; }
      if (again === poll) { probe(); }
      again();
    }, delay);
    delay = Math.min(2 * delay, slowest);
  }

  // A poll that gets through says nothing for 25 s. A picture tells at once that the
  // connection is well again; meanwhile the code has changed as well.
  function probe() {
    var mine = turn;
    var picture = document.createElement('img');
    picture.onload = function () {
      if (mine !== turn || spoken !== 'offline') { return; }
      say(state);
      if (state === 'pending') { draw(); }
    };
    picture.src = '/assets/favicon.svg?_=' + now();
  }

  // --- the picture --------------------------------------------------------------

  function tile(name) { element('tile').className = name ? 'tile ' + name : 'tile'; }

  function clearTile() {
    var box = element('picture');
    clearTimeout(pictureTimer);
    tile('bare');
    while (box.firstChild) { box.removeChild(box.firstChild); }
  }

  function draw() {
    var mine = turn;
    var picture = document.createElement('img');
    var fallback;

    function put() {
      clearTimeout(fallback);
      picture.onload = picture.onerror = null;
      if (mine !== turn || state !== 'pending') { return; }
      var box = element('picture');
      while (box.firstChild) { box.removeChild(box.firstChild); }
      box.appendChild(picture);
      tile('');
    }

    function later(wait) {
      clearTimeout(pictureTimer);
      pictureTimer = setTimeout(function () { if (mine === turn && state === 'pending') { draw(); } }, wait);
    }

    picture.className = 'qr';
    picture.alt = attribute('picture', 'data-alt');
    picture.onload = put; // a new picture takes the place of the old one only when it is there
    picture.onerror = function () { clearTimeout(fallback); later(2000); };
    picture.src = '/qrcode/' + uuid + '?_=' + now();
    fallback = setTimeout(put, 4000); // some engines tell nothing of pictures
    later(pictureEvery);
  }

  // The picture after a scan shows who scanned, or two digits to type on the phone.
  function drawAvatar(source) {
    var picture = document.createElement('img');
    clearTimeout(pictureTimer);
    tile('dim');
    if (!source) { return; }
    picture.className = 'avatar';
    picture.alt = attribute('picture', 'data-avatar-alt');
    picture.src = source;
    element('picture').appendChild(picture);
  }

  // --- a login ------------------------------------------------------------------

  function start() {
    var mine = turn += 1;
    clearTile();
    enter('starting');
    begin();

    function begin() {
      window.QRLogin = {};
      window.askByScript(
        '/jslogin?appid=' + encodeURIComponent(app) + '&fun=new&lang=' + encodeURIComponent(lang) + '&_=' + now(),
        startWithin, function () { return window.QRLogin.code; },
        function (ok) {
          if (mine !== turn) { return; }
          if (!ok) { offline(begin); return; }
          if (window.QRLogin.code === 200 && window.QRLogin.uuid) { follow(window.QRLogin.uuid, 'pending'); return; }
          note(window.QRLogin.error, 'en');
          enter('refused');
        });
    }
  }

  // A script that waits would keep the page loading as long: the first poll begins
  // only after that.
  function whenLoaded(what) {
    function later() { soon(what, 0); }
    if (document.readyState === 'complete') { what(); return; }
    if (window.addEventListener) { window.addEventListener('load', later, false); } else { window.attachEvent('onload', later); }
  }

  function follow(id, name) {
    uuid = id;
    tip = 1;
    enter(name);
    if (name === 'pending') {
      if (element('phone')) { element('phone').href = '/demo/scan/' + encodeURIComponent(uuid); }
      draw();
    }
    whenLoaded(poll);
  }

  function poll() {
    var mine = turn;
    window.code = 0;
    window.askByScript(
      '/cgi-bin/mmwebwx-bin/login?loginicon=true&uuid=' + encodeURIComponent(uuid) + '&tip=' + tip + '&r=' + ~new Date() + '&_=' + now(),
      pollWithin, function () { return window.code; },
      function (ok) {
        if (mine !== turn) { return; }
        if (!ok) { offline(poll); return; }
        answered(window.code);
      });
  }

  function answered(code) {
    switch (code) {
    case 408:
      enter(state);
      soon(poll, 100);
      break;
    case 201:
      tip = 0;
      if (state !== 'scanned') {
        note('');
        enter(state === 'asked' ? 'asked' : 'scanned');
        drawAvatar(window.userAvatar);
      }
      soon(poll, 100);
      break;
    case 200:
      enter('approved');
      document.body.className += ' open';
      window.location.href = window.redirect_uri;
      soon(poll, 10000); // still here: the way failed, and the server says it again or that it is too late
      break;
    case 202:
      clearTile();
      enter('denied');
      break;
    case 400:
      clearTile();
      enter('expired');
      break;
    default:
      offline(poll);
    }
  }

  function soon(what, wait) {
    var mine = turn;
    setTimeout(function () { if (mine === turn) { what(); } }, wait);
  }

  // --- asking the phone without a code --------------------------------------------

  function request() {
    if (window.XMLHttpRequest) { return new window.XMLHttpRequest(); }
    try { return new window.ActiveXObject('Microsoft.XMLHTTP'); } catch (none) { return null; }
  }

  function push() {
    var mine = turn += 1;
    var call = request();
    var watchdog = setTimeout(failed, startWithin);
    clearTile();
    note('');
    enter('starting');

    function failed() {
      if (mine !== turn) { return; }
      start();
      note(attribute('note', 'data-push-failed'));
    }

    call.open('GET', '/cgi-bin/mmwebwx-bin/webwxpushloginurl?uin=' + encodeURIComponent(uin) + '&_=' + now(), true);
    call.onreadystatechange = function () {
      if (call.readyState !== 4 || mine !== turn) { return; }
      clearTimeout(watchdog);
      var ret = /"ret"\s*:\s*"?(-?\d+)/.exec(call.responseText);
      var id = /"uuid"\s*:\s*"([\w-]+)"/.exec(call.responseText);
      var why = /"msg"\s*:\s*"([^"\\]*)"/.exec(call.responseText);
      if (ret && ret[1] === '0' && id) { follow(id[1], 'asked'); return; }
      failed();
      if (why && why[1]) { note(attribute('note', 'data-push-failed') + ' ' + why[1]); }
    };
    call.send(null);
  }

  element('fresh').onclick = element('retry').onclick = function () { note(''); start(); };

  if (element('push')) {
    if (request()) { element('push').onclick = push; } else { element('push').parentNode.removeChild(element('push')); }
  }

  if (element('phone')) {
    element('phone').onclick = function () {
      return !window.open(this.href, 'qrlatch_phone', 'width=420,height=800');
    };
  }

  start();
}());
