package pages_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// begun is a login on the page without scripts.
type begun struct {
	v  *visitor
	at string // the page's address
	id login.ID
	l  login.Login
}

func (w *world) embed(query string) begun {
	w.t.Helper()
	v := w.visitor()
	p := v.get("/embed/plain?app=demo" + query)
	p.expect(w.t, 200, `class="qr"`)
	id := strings.TrimPrefix(strings.Split(p.path, "?")[0], "/embed/plain/")
	l, err := w.service.Get(w.t.Context(), login.Holder{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return begun{v, p.path, login.ID(id), l}
}

func (w *world) scanIt(b begun) login.Login {
	w.t.Helper()
	code, _, _ := w.service.Code(b.l, time.Now())
	l, err := w.service.Scan(w.t.Context(), identity("Alice"), code, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) approveIt(b begun) {
	w.t.Helper()
	number, _ := w.service.Number(w.scanIt(b))
	if _, err := w.service.Approve(w.t.Context(), identity("Alice").Phone, string(b.l.Handle), number); err != nil {
		w.t.Fatal(err)
	}
}

func refreshes(p page) string {
	found := regexp.MustCompile(`<meta http-equiv="refresh" content="([^"]*)">`).FindStringSubmatch(p.body)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

var onward = regexp.MustCompile(`href="(https://shop[^"]*)" target="_top"`)

func TestThePageWithoutScriptsSaysEveryState(t *testing.T) {
	for name, test := range map[string]struct {
		come    func(w *world, b begun)
		texts   []string
		refresh string
	}{
		"pending": {func(*world, begun) {}, []string{"Scan to sign in", `src="/qrcode/`, `.gif"`, "Open the demo phone", "/demo/scan/"}, "5"},
		"scanned": {func(w *world, b begun) { w.scanIt(b) }, []string{"Look at your phone", "Confirm there", "/assets/alice."}, "2"},
		"denied": {func(w *world, b begun) {
			w.scanIt(b)
			_, _ = w.service.Deny(t.Context(), identity("Alice").Phone, string(b.l.Handle))
		}, []string{"You said no on your phone", "Nobody was signed in", `href="/embed/plain?app=demo`}, ""},
		"approved": {func(w *world, b begun) { w.approveIt(b) },
			[]string{"Approved", `target="_top">Continue to <bdi>Corner Shop`, `href="https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=`, "&amp;sig="}, "61"},
		"redeemed":              {func(w *world, b begun) { w.approveIt(b); w.collect(b.id) }, []string{"Signed in", "let in"}, ""},
		"expired":               {func(*world, begun) { time.Sleep(5 * time.Minute) }, []string{"This took too long", "Nobody was signed in", `href="/embed/plain?app=demo`}, ""},
		"approved, not fetched": {func(w *world, b begun) { w.approveIt(b); time.Sleep(time.Minute) }, []string{"This took too long", "Nobody was signed in"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				b := w.embed("")
				test.come(w, b)
				p := b.v.get(b.at)
				p.expect(t, 200, append(test.texts, "<bdi>Corner Shop</bdi>")...)
				if p.header.Get("Refresh") != test.refresh || refreshes(p) != test.refresh {
					t.Errorf("it refreshes after %q and %q, want %q", p.header.Get("Refresh"), refreshes(p), test.refresh)
				}
				if strings.Contains(p.body, "<script") || strings.Contains(p.body, "style=") {
					t.Error("it needs a script or a style of its own")
				}
				if name != "approved" && onward.MatchString(p.body) {
					t.Error("it leads on")
				}
			})
		})
	}
}

func TestTheNumberIsOnThePageOnlyWhileItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Number = login.NumberAlways })
		b := w.embed("")
		number, _ := w.service.Number(w.scanIt(b))
		digits := `<p class="digits">` + number + `</p>`
		b.v.get(b.at).expect(t, 200, "Look at your phone", "Type this number there", digits)
		if _, err := w.service.Approve(t.Context(), identity("Alice").Phone, string(b.l.Handle), number); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.v.get(b.at).body, "digits") {
			t.Error("it is still there")
		}
	})
}

// Browsers say whether a page is a window's or a frame's. A frame must not be led to
// the site: its page is the window around it.
func TestOnlyAWindowOfItsOwnGoesOnByItself(t *testing.T) {
	for dest, itself := range map[string]bool{"document": true, "iframe": false, "frame": false, "": false} {
		w := newWorld(t, nil)
		b := w.embed("")
		w.approveIt(b)
		if dest != "" {
			b.v.header.Set("Sec-Fetch-Dest", dest)
		}
		p := b.v.get(b.at)
		link := onward.FindStringSubmatch(p.body)
		if link == nil {
			t.Fatal(p.body)
		}
		uri := html.UnescapeString(link[1])
		want := "61"
		if itself {
			want = "1;url=" + uri
		}
		if got := p.header.Get("Refresh"); got != want && (itself || got != "60") || refreshes(p) != got {
			t.Errorf("%q: it refreshes by %q and %q, want %q", dest, got, refreshes(p), want)
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.service.RedeemPage(t.Context(), u.Query(), b.l.Browser.Shown()); err != nil {
			t.Errorf("%q: its link %s: %v", dest, uri, err)
		}
		if strings.Contains(p.body, `class="top"`) == strings.HasSuffix(dest, "frame") {
			t.Errorf("%q: the page's head", dest)
		}
	}
}

func TestThePageKnowsOfThePersonWhatTheAppDiscloses(t *testing.T) {
	for _, disclose := range []login.Disclosure{login.DiscloseNothing, login.DiscloseAvatar, login.DiscloseName} {
		for _, drawn := range []bool{true, false} {
			w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Disclose = disclose })
			b := w.embed("")
			who := identity("Zoe")
			if who.Picture = ""; drawn {
				who.Picture = "alice.jpg"
			}
			code, _, _ := w.service.Code(b.l, time.Now())
			if _, err := w.service.Scan(t.Context(), who, code, time.Time{}); err != nil {
				t.Fatal(err)
			}
			p := b.v.get(b.at)
			if shown := strings.Contains(p.body, "/assets/alice."); shown != (disclose != login.DiscloseNothing && drawn) {
				t.Errorf("disclosure %d: picture %v", disclose, shown)
			}
			if initial := strings.Contains(p.body, ">Z</span>"); initial != (disclose == login.DiscloseName && !drawn) {
				t.Errorf("disclosure %d: initial %v", disclose, initial)
			}
		}
	}
}

// Who cannot scan begins anew, with a code to type. It stays with whatever is begun after it.
func TestACodeToTypeIsOneClickAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.embed("&lang=en&state=abc")
		p := b.v.get(b.at)
		if _, ok := w.service.UserCode(b.l, time.Now()); ok || strings.Contains(p.body, "type this code") {
			t.Error("it has a code that nobody asked for")
		}
		link := regexp.MustCompile(`href="/embed/plain\?app=demo(&[^"]*)">Can’t scan\? Type a code</a>`).FindStringSubmatch(p.body)
		if link == nil {
			t.Fatal(p.body)
		}

		b = w.embed(html.UnescapeString(link[1]))
		code, ok := w.service.UserCode(b.l, time.Now())
		if !ok || b.l.SiteState != "abc" {
			t.Fatalf("%+v has no short code", b.l)
		}
		p = b.v.get(b.at)
		p.expect(t, 200, `class="qr"`, "open <bdi>login.example/phone</bdi> and type this code", ">"+code+"<")
		if strings.Contains(p.body, "Can’t scan") {
			t.Error("it offers what it has")
		}
		alice := w.phone("Alice")
		form := alice.get("/phone").form
		form.Set("code", code)
		alice.post("/phone/scan", form).expect(t, 200, "Let this browser in as <bdi>Alice</bdi>?")
		p = b.v.get(b.at)
		p.expect(t, 200, "Type this number there", `class="digits"`)
		if strings.Contains(p.body, code) {
			t.Error("the code is still there")
		}
		time.Sleep(5 * time.Minute)
		b.v.get(b.at).expect(t, 200, `href="/embed/plain?app=demo`+link[1]+`">Show a new code`)
	})
	for _, wrong := range []string{"0", "true", "1&user_code=1"} {
		newWorld(t, nil).visitor().get("/embed/plain?app=demo&user_code="+wrong).expect(t, 400, "This sign-in cannot begin")
	}
}

func TestTheHomePageWithoutScriptsLeadsThere(t *testing.T) {
	w := newWorld(t, nil)
	w.visitor().get("/").expect(t, 200,
		`<noscript><meta http-equiv="refresh" content="0;url=/embed/plain?app=demo"></noscript>`, `href="/embed/plain?app=demo">Sign in without scripts`)
}
