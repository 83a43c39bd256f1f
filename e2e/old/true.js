/* Takes from HtmlUnit's Internet Explorers what they have and the real ones had not: a
   request that says it can cross origins, and then cannot. */
(function () {
  if (window.ActiveXObject && window.XMLHttpRequest) { delete window.XMLHttpRequest.prototype.withCredentials; }
}());
