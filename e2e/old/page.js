/* The site's own part of its page. It shows widgets, notes what they tell it, and reads
   the page out to the test, everything as text. It runs wherever the widget does. */
(function () {
  var told = [];
  var errors = [];
  var widgets = {};

  window.onerror = function (message, file, line) { errors.push(message + ' in ' + file + ', line ' + line); };

  function element(id) { return document.getElementById(id); }

  // The cookie tells the page behind the login.
  function note(id, what) {
    told.push(id + ' ' + what);
    document.cookie = 'told=' + encodeURIComponent(told.join(', ')) + '; path=/';
  }

  function each(id, tag, use) {
    var nodes = element(id).getElementsByTagName(tag);
    for (var i = 0; i < nodes.length; i += 1) { use(nodes[i]); }
  }

  function first(id, tag, attribute, value) {
    var found = null;
    each(id, tag, function (node) { if (!found && (!attribute || node.getAttribute(attribute) === value)) { found = node; } });
    return found;
  }

  function words(node) {
    var text = node.nodeType === 3 ? node.nodeValue : '';
    for (var child = node.firstChild; child; child = child.nextSibling) { text += words(child); }
    return text;
  }

  window.shop = {
    show: function (id) {
      function telling(what) { return function () { note(id, what); }; }
      widgets[id] = window.QRLatch({
        el: id, app: 'shop', state: 'of-' + id, lang: 'en',
        onReady: telling('ready'), onScanned: telling('scanned'), onApproved: telling('approved'),
        onDenied: telling('denied'), onExpired: telling('expired'),
        onError: function (problem) { note(id, 'error ' + (problem.detail || problem.title)); }
      });
    },
    press: function (id, label) {
      each(id, 'button', function (button) { if (words(button) === label) { button.click(); } });
    },
    destroy: function (id) { widgets[id].destroy(); },

    told: function () { return told.join(', '); },
    errors: function () { return errors.join('\n'); },
    // said is what a screen reader says: the words of the live region.
    said: function (id) {
      var region = first(id, 'div', 'role', 'status');
      return region ? words(region) : '';
    },
    state: function (id) {
      var box = element(id).firstChild;
      return box ? box.getAttribute('data-state') : '';
    },
    // picture is the address of the code, if there is one.
    picture: function (id) {
      var found = '';
      each(id, 'img', function (img) { if (/\/qrcode\//.test(img.src)) { found = img.src; } });
      return found;
    },
    inside: function (id) { return element(id).innerHTML; },
    // scripts are those that were not in the page from the beginning.
    scripts: function () {
      return document.getElementsByTagName('script').length - Number(document.body.getAttribute('data-scripts'));
    }
  };
}());
