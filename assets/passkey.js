/* Asks the phone for its passkey where an app wants one at the approval, and enrols one.
   No browser without scripts can do either, so the buttons for it are hidden until this
   runs. ECMAScript 3, like all of our scripts. */
(function () {
  var box = document.getElementById('passkey');
  // Browsers that know passkeys have these too.
  var json = window.JSON; // eslint-disable-line es-x/no-json
  var Bytes = window.Uint8Array; // eslint-disable-line es-x/no-typed-arrays

  function show(id, on) {
    var shown = document.getElementById(id);
    if (shown) { shown.className = shown.className.replace(/(^| )off\b/, '') + (on ? '' : ' off'); }
  }

  function able() {
    var credentials = window.navigator.credentials;
    return !!(window.PublicKeyCredential && credentials && credentials.get && credentials.create &&
      json && Bytes && window.atob && window.btoa);
  }

  // --- base64url, as WebAuthn's JSON has it, and the bytes that browsers want --------

  function bytes(text) {
    var binary = window.atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    var list = new Bytes(binary.length);
    for (var i = 0; i < binary.length; i += 1) { list[i] = binary.charCodeAt(i); }
    return list;
  }

  function text(buffer) {
    var list = new Bytes(buffer);
    var binary = '';
    for (var i = 0; i < list.length; i += 1) { binary += String.fromCharCode(list[i]); }
    return window.btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  function options(name) {
    var found = json.parse(box.getAttribute(name));
    var allowed = found.allowCredentials || [];
    found.challenge = bytes(found.challenge);
    if (found.user) { found.user.id = bytes(found.user.id); }
    for (var i = 0; i < allowed.length; i += 1) { allowed[i].id = bytes(allowed[i].id); }
    return { publicKey: found };
  }

  // written is an answer of the phone as JSON, with those members of its response.
  function written(credential, members) {
    var response = {};
    for (var i = 0; i < members.length; i += 1) {
      if (credential.response[members[i]]) { response[members[i]] = text(credential.response[members[i]]); }
    }
    return json.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response
    });
  }

  // asks makes a form ask the phone first, and send what it answers as field.
  function asks(form, field, members, ask) {
    var busy = false;

    function failed() {
      busy = false;
      show('passkey-failed', true);
    }

    form.onsubmit = function () {
      if (busy) { return false; }
      busy = true;
      show('passkey-failed', false);
      try {
        ask().then(function (credential) {
          form.elements[field].value = written(credential, members);
          form.submit();
        }, failed);
      } catch (err) {
        failed();
      }
      return false;
    };
  }

  function start() {
    var credentials = window.navigator.credentials;
    if (box.getAttribute('data-request')) {
      asks(document.getElementById('approve'), 'assertion', ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle'], function () {
        return credentials.get(options('data-request'));
      });
    }
    if (box.getAttribute('data-creation')) {
      asks(document.getElementById('enrol'), 'attestation', ['clientDataJSON', 'attestationObject'], function () {
        return credentials.create(options('data-creation'));
      });
    }
    show('passkey-approve', true);
    show('passkey-add', true);
  }

  if (!able()) {
    show('passkey-unable', true);
  } else {
    start();
  }
}());
