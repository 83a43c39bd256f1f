package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"qrlatch/server/metrics"
)

// FuzzHost: whatever somebody writes into Host and X-Forwarded-*, a handler finds one of our
// names in r.Host or is not asked; nothing of it is in the refusal; and only a proxy of
// ours can say what it was asked for.
func FuzzHost(f *testing.F) {
	for _, host := range []string{
		"login.example", "LOGIN.example:443", "login.example:80", "login.example.", "login.example:", "evil.example", "", "[::1]:8080", "127.0.0.1", "localhost",
		"wx.example:1", "wx.example:99999", "a@login.example", "login.example/x", "login.example#", "login.example, evil.example", "login.example\t", "xn--lgin-vqa.example", "[wx.example]", "[wx.example]:1", "login.example:443:443",
	} {
		f.Add(host, "", "", "192.0.2.1:1")
		f.Add(host, "login.example", "https", "192.0.2.1:1")
		f.Add("evil.example", host, "https", "10.0.0.1:1")
		f.Add(host, "evil.example,"+host, "http, https", "[::ffff:10.0.0.1]:1")
		f.Add(host, host+", evil.example", "https, http", "not an address")
	}
	_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
	trusted := proxies{proxy}
	public, _ := url.Parse("https://login.example")
	front := &front{
		echo: echo.New(), log: slog.New(slog.DiscardHandler), requests: newRequests(metrics.New("test").Requests, echo.New()),
		hosts: newHosts(Options{PublicURL: public, Hosts: []string{"wx.example", "Other.example:8443"}}, trusted),
	}
	reached := ""
	front.echo.GET("/", func(c echo.Context) error {
		reached = c.Request().Host
		return nil
	})
	names := []string{"login.example", "login.example:443", "other.example:8443"}
	f.Fuzz(func(t *testing.T, host, forwarded, scheme, peer string) {
		from, err := netip.ParseAddrPort(peer)
		if err != nil && peer != "not an address" {
			t.Skip() // net/http writes it
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host, r.RemoteAddr, r.TLS = host, peer, nil
		r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Proto"] = []string{"first.example", forwarded}, []string{scheme}
		w := httptest.NewRecorder()
		reached = ""
		front.ServeHTTP(w, r)
		name := strings.ToLower(reached)
		ours := slices.Contains(names, name) || name == "wx.example" || strings.HasPrefix(name, "wx.example:") || strings.HasPrefix(name, "[wx.example]")
		if (reached == "") != (w.Code == http.StatusMisdirectedRequest) || reached != "" && !ours {
			t.Fatalf("Host %q, forwarded %q: reached as %q, %d", host, forwarded, reached, w.Code)
		}
		if reached == "" && w.Body.String() != "This server does not answer for that host.\n" {
			t.Fatalf("%q is repeated", w.Body)
		}
		if byProxy := err == nil && from.Addr().Unmap().Is4() && from.Addr().Unmap().As4()[0] == 10; !byProxy {
			if reached != "" && reached != host || trusted.secure(r) {
				t.Fatalf("%q of %q is believed: %q", forwarded, peer, reached)
			}
		}
	})
}

// FuzzForwardedFor: the address of a client is its peer's, or one that a proxy of ours has
// appended; nothing that stands further left changes it.
func FuzzForwardedFor(f *testing.F) {
	for _, text := range []string{
		"", "203.0.113.9", "203.0.113.9, 10.0.0.2", "10.0.0.2", "evil, 203.0.113.9", "203.0.113.9, evil", "203.0.113.9:1234", "[2001:db8::1]", "[2001:db8::1]:5", "2001:db8::1%eth0",
		"::ffff:203.0.113.9", "203.0.113.09", "203.0.113.9\x00", ", ,", "for=203.0.113.9", "203.0.113.9\r\n10.0.0.1", "0x7f.1", "127.0.0.1", " 203.0.113.9 ,\t10.0.0.3 ", "_hidden", "unknown",
	} {
		f.Add(text, "10.0.0.1:1", "198.51.100.7")
		f.Add(text, "192.0.2.1:1", "10.9.9.9")
		f.Add(text, "[2001:db8::9]:1", "evil")
	}
	_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
	trusts := func(a netip.Addr) bool { return proxy.Contains(a.AsSlice()) }
	f.Fuzz(func(t *testing.T, forwarded, peer, spoofed string) {
		from, err := netip.ParseAddrPort(peer)
		if err != nil || from.String() != peer || from.Addr().Is4In6() || from.Addr().Zone() != "" {
			t.Skip() // net/http writes it
		}
		find := func(trusted []*net.IPNet, lines ...string) string {
			return clientAddress(trusted)(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": lines, "X-Real-Ip": {spoofed}, "Forwarded": {"for=" + spoofed}}})
		}
		direct, _, _ := net.SplitHostPort(peer)
		if got := find(nil, forwarded); got != direct {
			t.Fatalf("without proxies, %q of %q is %q", forwarded, peer, got)
		}
		got := find([]*net.IPNet{proxy}, forwarded)
		if !trusts(from.Addr().Unmap()) && got != direct {
			t.Fatalf("%q of %q, who is no proxy, is %q", forwarded, peer, got)
		}
		addr, err := netip.ParseAddr(got)
		if err != nil {
			t.Fatalf("%q of %q is %q", forwarded, peer, got)
		}
		// Somebody who is no proxy was found, or what is there cannot be read: so nothing
		// that a client puts in front can matter.
		last := forwarded[strings.LastIndexByte(forwarded, ',')+1:]
		_, unreadable := netip.ParseAddr(strings.Trim(strings.TrimSpace(last), "[]"))
		if !trusts(addr.Unmap()) || unreadable != nil {
			for _, lines := range [][]string{{spoofed + "," + forwarded}, {spoofed, forwarded}} {
				if again := find([]*net.IPNet{proxy}, lines...); again != got {
					t.Fatalf("%q in front of %q makes %q of %q", spoofed, forwarded, again, got)
				}
			}
		}
	})
}
