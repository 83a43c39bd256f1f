/* The signed-in page waits for the end of its session, as WeChat Web does: the
   server answers synccheck after some 25 s, or at once when the phone signed out.
   ECMAScript 3. */
(function () {
  var box = document.getElementById('inside');
  var within = 40000;
  var delay = 1000;

  function attribute(name) { return encodeURIComponent(box.getAttribute(name) || ''); }

  function ask() {
    var ms = new Date().getTime();
    window.synccheck = null;
    window.askByScript(
      '/cgi-bin/mmwebwx-bin/synccheck?r=' + ms + '&sid=' + attribute('data-sid') + '&uin=' + attribute('data-uin') +
        '&skey=' + attribute('data-skey') + '&deviceid=e' + String(Math.random()).slice(2, 17) + '&synckey=&_=' + ms,
      within, function () { return window.synccheck; },
      function (ok) {
        var code = ok ? String(window.synccheck.retcode) : '';
        if (ok && code !== '0') { over(code); return; }
        delay = ok ? 1000 : Math.min(2 * delay, 30000);
        setTimeout(ask, delay);
      });
  }

  function over(code) {
    var why = document.getElementById('out-' + code) || document.getElementById('out-1102');
    var place = document.getElementById('out');
    box.className += ' off';
    document.body.className = document.body.className.replace('open', '');
    place.innerHTML = why.innerHTML;
    place.className = place.className.replace('off', '');
    try { place.focus(); } catch (hidden) { return; }
  }

  function later() { setTimeout(ask, 0); }
  if (window.addEventListener) { window.addEventListener('load', later, false); } else { window.attachEvent('onload', later); }
}());
