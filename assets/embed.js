/* The widget in a frame: it tells the page around the frame how far the login has
   come, if that page has said who it is.

   The messages are {type: "qrlatch:approved", v: 1, id: nonce, redirect_uri: …}. They go
   to the origin that the server has checked, and to no other. ECMAScript 3. */
(function () {
  var box = document.getElementById('login');
  var phone = document.getElementById('phone'); // the demo's
  var origin = attribute('origin');
  var told = !!origin && window.parent !== window && !!window.parent.postMessage;

  function attribute(name) { return box.getAttribute('data-' + name) || ''; }

  function teller(state) {
    return function (login) {
      if (phone && state === 'pending') {
        phone.href = '/demo/scan/' + login.id;
        phone.parentNode.className = 'small';
      }
      var message = { type: 'qrlatch:' + state, v: 1, id: attribute('nonce') };
      if (state === 'approved') { message.redirect_uri = login.redirect_uri; }
      if (told) { window.parent.postMessage(message, origin); }
    };
  }

  window.QRLatch({
    el: box,
    server: window.location.protocol + '//' + window.location.host,
    app: attribute('app'),
    redirectUri: attribute('redirect') || undefined,
    state: attribute('state') || undefined,
    lang: attribute('lang'),
    theme: attribute('theme') || 'auto',
    redirect: told ? 'callback' : 'top',
    onReady: teller('pending'),
    onScanned: teller('scanned'),
    onApproved: teller('approved'),
    onDenied: teller('denied'),
    onExpired: teller('expired'),
    onError: teller('error')
  });
}());
