package dialect

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// FuzzOrigin: only whole origins, of the app's pages or ours, may start its logins, read its
// answers and open its sockets, whatever a page's Origin and Referer say.
func FuzzOrigin(f *testing.F) {
	for _, origin := range []string{
		"https://shop.example", "https://shop.example:443", "https://shop.example/", "https://shop.example/in", "https:", "https:/", "https://", "http://shop.example", "HTTPS://SHOP.example", "null", "",
		"https://app.example:8443", "https://login.example", "https://evil.example", "https://shop.example.evil.example", "https://shop.example@evil.example", "ftp://login.example", "login.example", "a://b://login.example", "https://shop.example\x00",
	} {
		f.Add(origin, origin)
		f.Add(origin, origin+"/page?x#y")
	}
	app := &login.App{RedirectURIs: []string{"https://shop.example/in", "http://other.example:8080/a/b"}, Origins: []string{"https://app.example:8443"}}
	whole := []string{"https://shop.example", "http://other.example:8080", "https://app.example:8443"}
	f.Fuzz(func(t *testing.T, origin, referer string) {
		if registered(app, origin) != slices.Contains(whole, origin) {
			t.Errorf("%q is registered", origin)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host = "login.example"
		r.Header["Origin"], r.Header["Referer"] = []string{origin}, []string{referer}
		host := func(of string) string { _, host, _ := strings.Cut(of, "://"); return host }
		if mayOpen(r, app) && !slices.Contains(whole, origin) && host(origin) != r.Host {
			t.Errorf("a page of %q may open a socket", origin)
		}
		page, err := url.Parse(referer)
		if referer != "" && mayStart(r, app) && (err != nil || page.Host != r.Host && !slices.Contains(whole, page.Scheme+"://"+page.Host)) {
			t.Errorf("the page %q may start a login", referer)
		}
	})
}

// FuzzUpgrade: a socket is opened by a handshake of RFC 6455 only.
func FuzzUpgrade(f *testing.F) {
	for _, seed := range [][4]string{
		{"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=="}, {"WebSocket", "keep-alive, upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=="}, {"websocket", "close", "13", "x"},
		{"h2c", "Upgrade", "13", ""}, {"websocket, h2c", "Upgrade", "13", ""}, {"websocket", "xupgrade", "13", ""}, {"websocket", "upgrade", "13, 8", ""}, {"", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	e := echo.New()
	f.Fuzz(func(t *testing.T, to, connection, version, key string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/ws", nil)
		r.Header["Upgrade"], r.Header["Connection"], r.Header["Sec-Websocket-Version"], r.Header["Sec-Websocket-Key"] = []string{to}, []string{connection}, []string{version}, []string{key}
		asks := strings.EqualFold(to, "websocket") && strings.Contains(strings.ToLower(connection), "upgrade") && version == "13" && len(key) == 24
		if opens := upgradable(e.NewContext(r, httptest.NewRecorder())) == nil; opens && !asks {
			t.Errorf("%q %q %q %q opens a socket", to, connection, version, key)
		}
	})
}
