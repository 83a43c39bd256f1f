/* Scans a code with the camera. Where the browser reads QR codes itself, no picture
   leaves the phone; elsewhere the server looks at small grey ones. The camera starts by
   a tap and never outlives what it was opened for. ECMAScript 3, like all of our scripts:
   a phone that is too old for a camera must still run the rest. */
(function () {
  var side = 640; // pixels of a frame, at most
  var most = 100000; // bytes of one
  var pause = 250; // milliseconds from one look to the next, at least
  var link = /^https?:\/\/([^\/?#]+?)(:\d+)?\/l\/([\w=-]+)(?:[?#]|$)/; // as in server/pages/camera.go

  function element(id) { return document.getElementById(id); }

  function now() { return new Date().getTime(); }

  var box = element('camera');
  var start = element('camera-start');
  var finder = element('camera-finder');
  var video = element('camera-video');
  var light = element('camera-light');
  var form = element('camera-form');
  var canvas = document.createElement('canvas');
  var devices = window.navigator.mediaDevices;
  var eye = null; // the camera while it is open; a new one each time

  function words(name) { return box.getAttribute('data-' + name); }

  // say is heard by people who do not see the picture, so it repeats nothing.
  function say(name) {
    var line = element('camera-say');
    if (line.getAttribute('data-said') === name) { return; }
    line.setAttribute('data-said', name);
    line.innerHTML = '';
    line.appendChild(document.createTextNode(words(name)));
  }

  // tell puts words beside the button, and with them the ways that need no camera.
  function tell(name) {
    var line = element('camera-problem');
    line.innerHTML = '';
    line.hidden = !name;
    if (name) { line.appendChild(document.createTextNode(words(name))); }
    element('camera-without').hidden = !name;
    element('camera-hint').hidden = !!name;
  }

  // Without https browsers have no camera for a page: what the page says then stays.
  if (!devices || !devices.getUserMedia || !canvas.toBlob) {
    if (window.isSecureContext === false) { tell('insecure'); }
    return;
  }

  // --- opening and closing ----------------------------------------------------------

  function stop(stream) {
    var tracks = stream.getTracks();
    for (var i = 0; i < tracks.length; i += 1) { tracks[i].stop(); } // its lamp goes out too
  }

  // shut stops everything that looks or sends.
  function shut() {
    var last = eye;
    eye = null;
    if (!last) { return; }
    clearTimeout(last.timer);
    if (last.stream) { stop(last.stream); }
    if (last.call) { last.call.abort(); }
  }

  function close() {
    shut();
    video.srcObject = null;
    if (!finder.hasAttribute('open')) { return; }
    if (finder.close) { finder.close(); } else { finder.removeAttribute('open'); }
    if (!start.hidden) { start.focus(); }
  }

  function give(up) {
    if (up === 'none') { start.parentNode.hidden = true; } // pressing it again would be in vain
    tell(up);
    close();
    box.scrollIntoView(true); // the focus is at the lower end of the screen
  }

  function reason(err) {
    if (/NotAllowed|PermissionDenied|Security/.test(err.name)) { return 'denied'; }
    if (/NotFound|DevicesNotFound|Overconstrained/.test(err.name)) { return 'none'; }
    return 'busy';
  }

  function open() {
    var mine = { began: now(), quality: 0.6, delay: pause };
    shut();
    eye = mine;
    tell('');
    say('starting');
    light.hidden = true;
    light.setAttribute('aria-pressed', 'false');
    // Safari before 15.4 knows no dialogs: there it is a layer over the page.
    if (finder.showModal) { finder.showModal(); } else { finder.setAttribute('open', ''); element('camera-close').focus(); }

    devices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } }
    }).then(function (stream) {
      if (eye !== mine) { stop(stream); return; }
      mine.stream = stream;
      watch(mine, stream.getVideoTracks()[0]);
      video.srcObject = stream;
      var playing = video.play();
      if (playing && playing.then) { playing.then(null, function () {}); } // closed before it began
      say('aim');
      detector(function (found) {
        mine.detector = found;
        look(mine);
      });
    }, function (err) {
      if (eye === mine) { give(reason(err)); }
    });
  }

  // watch notices when the camera is taken away, and offers its lamp.
  function watch(mine, track) {
    track.onended = function () {
      if (eye === mine) { give('busy'); }
    };
    if (!track.getCapabilities || !track.getCapabilities().torch) { return; }
    light.hidden = false;
    light.onclick = function () {
      var on = light.getAttribute('aria-pressed') !== 'true';
      track.applyConstraints({ advanced: [{ torch: on }] }).then(function () {
        light.setAttribute('aria-pressed', String(on));
      }, function () { light.hidden = true; });
    };
  }

  // --- looking ------------------------------------------------------------------------

  function again(mine, delay) {
    if (eye !== mine) { return; }
    clearTimeout(mine.timer);
    mine.timer = setTimeout(function () { look(mine); }, delay);
  }

  function look(mine) {
    if (eye !== mine) { return; }
    if (!video.videoWidth || video.readyState < 2) { again(mine, 100); return; }
    mine.looked = now();
    mine.looks = (mine.looks || 0) + 1;
    // Some detectors are there and find nothing, ever: after a while the server looks too.
    if (mine.detector && (now() - mine.began < 4000 || mine.looks % 2)) { detect(mine); } else { send(mine); }
  }

  // judge acts on the text of a code; foreign says that it is somebody else's.
  function judge(mine, code, foreign) {
    if (eye !== mine) { return; }
    if (code) {
      say('found');
      video.pause();
      shut();
      form.code.value = code;
      form.submit();
      return;
    }
    if (foreign) {
      mine.foreign = now();
      say('foreign');
    } else if (!mine.foreign || now() - mine.foreign > 4000) {
      say(now() - mine.began > 15000 ? 'slow' : 'aim');
    }
    again(mine, Math.max(0, mine.looked + mine.delay - now()));
  }

  // codeIn returns the code in a text that leads to this server.
  function codeIn(text) {
    var hosts = ' ' + words('hosts') + ' ' + window.location.host + ' ';
    var found = link.exec(text);
    var name = found && found[1].toLowerCase();
    if (!found || (hosts.indexOf(' ' + name + (found[2] || '') + ' ') < 0 && hosts.indexOf(' ' + name + ':* ') < 0)) { return ''; }
    return found[3];
  }

  // detector gives the browser's own reader of QR codes, or null.
  function detector(done) {
    var Detector = window.BarcodeDetector;
    if (!Detector || !Detector.getSupportedFormats) { done(null); return; }
    Detector.getSupportedFormats().then(function (formats) {
      var made = null;
      for (var i = 0; i < formats.length; i += 1) {
        if (formats[i] === 'qr_code') { made = new Detector({ formats: ['qr_code'] }); }
      }
      return made;
    }).then(done, function () { done(null); });
  }

  function detect(mine) {
    var over = false;

    // Without its service a detector rejects, or never answers: from then on the server looks.
    function broken() {
      if (over) { return; }
      over = true;
      mine.detector = null;
      again(mine, 0);
    }

    setTimeout(broken, 3000);
    mine.detector.detect(video).then(function (codes) {
      if (over) { return; }
      over = true;
      var code = '';
      for (var i = 0; i < codes.length && !code; i += 1) { code = codeIn(codes[i].rawValue); }
      judge(mine, code, codes.length > 0);
    }, broken);
  }

  // --- where the server looks -----------------------------------------------------------

  // send draws the square that the person sees, without its colours.
  function send(mine) {
    var width = video.videoWidth;
    var height = video.videoHeight;
    var square = Math.min(width, height);
    canvas.width = canvas.height = Math.min(square, side);
    var pen = canvas.getContext('2d');
    pen.drawImage(video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, canvas.width, canvas.height);
    pen.globalCompositeOperation = 'saturation';
    pen.fillStyle = '#888';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    canvas.toBlob(function (blob) {
      if (eye !== mine) { return; }
      if (blob && blob.size <= most) { post(mine, blob); return; }
      mine.quality *= 0.7;
      again(mine, pause);
    }, 'image/jpeg', mine.quality);
  }

  function post(mine, blob) {
    var call = mine.call = new window.XMLHttpRequest();
    call.open('POST', '/phone/frame', true);
    call.timeout = 10000;
    call.setRequestHeader('Content-Type', 'image/jpeg');
    call.setRequestHeader('X-CSRF-Token', form.csrf.value);
    call.onreadystatechange = function () {
      if (call.readyState === 4 && eye === mine) { hear(mine, call.status, call.responseText); }
    };
    call.send(blob);
  }

  function hear(mine, status, text) {
    mine.call = null;
    if (status === 401 || status === 403) { window.location.reload(); return; } // signed out, or too old a page
    if (status === 200) {
      var code = /"code":"([\w=-]+)"/.exec(text);
      mine.delay = pause;
      judge(mine, code && code[1], /"foreign":true/.test(text));
      return;
    }
    // Too fast, too many people, or no network: give the server time.
    mine.delay = Math.min(2 * mine.delay, 4000);
    if (status === 0 || status >= 500) { say('offline'); }
    again(mine, mine.delay);
  }

  // --- who opens and who closes ---------------------------------------------------------

  element('camera-without').hidden = true;
  element('camera-hint').hidden = false;
  start.parentNode.hidden = false;
  start.onclick = open;
  element('camera-close').onclick = close;
  finder.addEventListener('close', function () {
    if (!finder.hasAttribute('open')) { close(); } // by the keyboard or a gesture
  }, false);
  document.addEventListener('visibilitychange', function () {
    if (document.visibilityState === 'hidden') { close(); }
  }, false);
  window.addEventListener('pagehide', close, false);
}());
