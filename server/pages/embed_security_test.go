package pages_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

func TestAFrameOfTheAppsSitesShowsThePageAndNoOther(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) {
		c.Apps[0].Origins = []string{"https://shop.example", "http://[::1]:8080", "https://a.example; script-src *", "https://b.example c.example", "*"}
	})
	const want = "default-src 'none'; style-src 'self'; img-src 'self' http://login.example; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
	b := w.embed("")
	for path, own := range map[string]bool{
		b.at: true, "/embed/plain?app=demo&redirect_uri=https://evil.example/": true, "/embed/plain/" + strings.Repeat("A", 36) + "?app=demo": true,
		"/embed/plain?app=nobody": false, "/embed/plain": false, "/embed/plain/x": false, "/embed/plain?app=demo&app=demo": false,
	} {
		v := b.v
		v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		h := v.get(path).header
		policy := want
		if own {
			policy += " https://shop.example http://[::1]:8080"
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Frame-Options": "", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow",
		} {
			if h.Get(name) != value {
				t.Errorf("%s: %s: %q, want %q", path, name, h.Get(name), value)
			}
		}
	}
	if h := b.v.get("/embed/plain?app=demo").header; !strings.HasPrefix(h.Get("Location"), "/embed/plain/") || h.Get("Referrer-Policy") != "no-referrer" {
		t.Error(h)
	}
}

func TestWhatCannotBeginIsSaidInWords(t *testing.T) {
	w := newWorld(t, nil)
	long := strings.Repeat("x", 1025)
	for query, test := range map[string]struct {
		status int
		text   string
	}{
		"":                            {404, "This site is not known here"},
		"?app=nobody":                 {404, "This site is not known here"},
		"?app=Demo":                   {404, "This site is not known here"},
		"?app=<script>alert(1)":       {404, "This site is not known here"},
		"?app=demo&app=demo":          {400, "This sign-in cannot begin"},
		"?app=demo&state=" + long:     {400, "This sign-in cannot begin"},
		"?app=demo&lang=" + long[:36]: {400, "This sign-in cannot begin"},
		"?app=demo&lang=%3Cb%3E":      {400, "This sign-in cannot begin"},
		"?app=demo&lang=en%0d%0aX:1":  {400, "This sign-in cannot begin"},
		"?app=demo&state=%zz":         {400, "This sign-in cannot begin"},
		"?app=demo&redirect_uri=https://evil.example/in":                                            {400, "has not registered here"},
		"?app=demo&redirect_uri=https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage%3Fa%3D1": {400, "has not registered here"},
	} {
		p := w.visitor().get("/embed/plain" + query)
		p.expect(t, test.status, test.text)
		if strings.Contains(p.body, "<script") || strings.Contains(p.body, "evil.example/in\"") || p.header.Get("X") != "" {
			t.Errorf("%s: %s", query, p.body)
		}
		if len(w.visitor().get("/embed"+query).header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s began something", query)
		}
	}
}

// The site's own state comes back to it as it was, and means nothing on the way.
func TestAHostileStateIsOnlyCarried(t *testing.T) {
	const state = `"><script>alert(1)</script>;url=https://evil.example/&sig=x` + "\r\nX-Evil: 1é微"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.embed("&lang=zh_CN&state=" + url.QueryEscape(state))
		b.v.header.Set("Sec-Fetch-Dest", "document")
		w.approveIt(b)
		p := b.v.get(b.at)
		if strings.Contains(p.body, "<script") || p.header.Get("X-Evil") != "" || strings.Count(p.header.Get("Refresh"), ";") != 1 {
			t.Errorf("%v\n%s", p.header, p.body)
		}
		u, err := url.Parse(strings.TrimPrefix(p.header.Get("Refresh"), "1;url="))
		if err != nil || u.Host != "shop.example" || u.Query().Get("state") != state || u.Query().Get("lang") != "zh_CN" {
			t.Errorf("%v %v", u, err)
		}
		time.Sleep(time.Minute)
		again := regexp.MustCompile(`href="(/embed[^"]*)"`).FindStringSubmatch(b.v.get(b.at).body)
		if again == nil {
			t.Fatal("it does not begin anew")
		}
		if u, err = url.Parse(html.UnescapeString(again[1])); err != nil || u.Query().Get("state") != state || u.Query().Get("lang") != "zh_CN" || u.Path != "/embed/plain" {
			t.Errorf("%v %v", u, err)
		}
	})
}

// The genuine page with a stranger's code and number on it would be the best of lures.
func TestTheAddressOfThePageIsWorthNothingInAnotherBrowser(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Number = login.NumberAlways })
	for name, change := range map[string]func(*visitor){
		"another address": func(v *visitor) { v.client.Transport = elsewhere{w} },
		"another browser": func(v *visitor) { v.header.Set("User-Agent", "Other/1.0") },
	} {
		t.Run(name, func(t *testing.T) {
			b := w.embed("")
			number, _ := w.service.Number(w.scanIt(b))
			change(b.v)
			b.v.get(b.at).expect(t, 200, number) // its cookie speaks for it: addresses change

			other := w.embed("").v // with a cookie of another login
			change(other)
			for _, v := range []*visitor{other, w.visitor()} {
				change(v)
				p := v.get(b.at)
				p.expect(t, http.StatusForbidden, "Another browser began this", `href="/embed?app=demo`)
				if strings.Contains(p.body, "digits") || strings.Contains(p.body, "/qrcode/") || strings.Contains(p.body, string(b.id)) {
					t.Error(p.body)
				}
			}
		})
	}
}

// elsewhere sends requests from another address.
type elsewhere struct{ w *world }

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	away := *e.w
	inner := e.w.handler
	away.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "203.0.113.5:4711"
		inner.ServeHTTP(w, r)
	})
	return away.RoundTrip(r)
}

// A frame of another site keeps no cookies.
func TestAFrameWithoutCookiesIsKnownByItsAddress(t *testing.T) {
	for _, agent := range []string{"", "Desk/1.0", strings.Repeat("Desk/1.0 ", 100)} {
		v := newWorld(t, nil).visitor()
		v.client.Jar = nil
		v.header.Set("User-Agent", agent)
		v.get("/embed/plain?app=demo").expect(t, 200, "Scan to sign in")
	}
}

func TestOnlyWhatAPersonOpensBeginsALogin(t *testing.T) {
	for _, field := range []struct{ name, value string }{
		{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"},
		{"Sec-Fetch-Dest", "image"}, {"Sec-Fetch-Dest", "script"}, {"Sec-Fetch-Dest", "empty"}, {"Sec-Fetch-Dest", "style"}, {"Sec-Fetch-Dest", "object"},
	} {
		v := newWorld(t, nil).visitor()
		v.header.Set(field.name, field.value)
		p := v.get("/embed/plain?app=demo")
		p.expect(t, http.StatusServiceUnavailable, "Nothing was begun", `href="/embed?app=demo"`)
		if v.cookie("qrlatch_embed", "/embed") != "" {
			t.Errorf("%s: %s began a login", field.name, field.value)
		}
	}
	v := newWorld(t, nil).visitor()
	for _, method := range []string{http.MethodHead, http.MethodPost} {
		if p := v.do(method, "/embed/plain?app=demo", nil); p.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, p.status)
		}
	}
	for _, dest := range []string{"document", "iframe", "frame"} {
		v.header.Set("Sec-Fetch-Dest", dest)
		v.get("/embed/plain?app=demo").expect(t, 200, "Scan to sign in")
	}
}

func TestStartsWithoutScriptsCountLikeOthers(t *testing.T) {
	left := 2
	var asked login.Browser
	w := newWorld(t, func(o *pages.Options, _ *login.Config) {
		o.Limit = func(b login.Browser) bool { asked = b; left--; return left >= 0 }
	})
	v := w.visitor()
	v.header.Set("User-Agent", "Desk")
	for range 2 {
		v.get("/embed/plain?app=demo").expect(t, 200, "Scan to sign in")
	}
	p := v.get("/embed/plain?app=demo&state=s")
	p.expect(t, http.StatusTooManyRequests, "Too many sign-ins", `href="/embed?app=demo&amp;state=s"`)
	if p.header.Get("Retry-After") == "" || p.header.Get("Refresh") != "" {
		t.Error(p.header)
	}
	if asked.Addr.String() != "192.0.2.9" || asked.UserAgent != "Desk" {
		t.Errorf("%+v", asked)
	}
}

// A laptop that slept wakes up on a page whose login nobody remembers.
func TestAForgottenLoginLeadsToANewOneOfTheSameSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.embed("&state=s1&lang=en")
		time.Sleep(time.Hour)
		b.v.get(b.at).expect(t, 404, "This sign-in is over", `href="/embed?app=demo&amp;lang=en&amp;state=s1"`)
		p := b.v.get("/embed/plain/nonsense")
		p.expect(t, 404, "This sign-in is over")
		if strings.Contains(p.body, `href="/embed`) {
			t.Error("it leads to no site's login")
		}
	})
}
