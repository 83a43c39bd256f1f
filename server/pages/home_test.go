package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

const (
	signedOut = `window.MMCgi = { isLogin: !!"" }`
	signedIn  = `window.MMCgi = { isLogin: !!"1" }`
)

func TestTheHomePageSaysWhetherItIsSignedIn(t *testing.T) {
	w := newWorld(t, nil)
	v := w.visitor()
	v.get("/").expect(t, 200, signedOut, "Sign in with your phone", `data-app="demo"`, "Open the demo phone")
	session := w.letIn(v)
	inside := v.get("/")
	inside.expect(t, 200, signedIn, "You’re in", "<bdi>Alice</bdi>", `action="/cgi-bin/mmwebwx-bin/webwxlogout?redirect=1&amp;type=1&amp;skey=%40crypt_`)
	if v.cookie("last_wxuin", "/") != v.cookie("wxuin", "/") {
		t.Error("last_wxuin is not set")
	}
	if err := w.service.SignOutByPhone(t.Context(), identity("Alice").Phone, string(session.ID)); err != nil {
		t.Fatal(err)
	}
	v.get("/").expect(t, 200, signedOut)
}

func TestAForgedSessionIsNotSignedIn(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"wxsid", "wxuin", "webwx_data_ticket"} {
		v := w.visitor()
		w.letIn(v)
		v.setCookie(name, "/", "1"+v.cookie(name, "/"))
		v.get("/").expect(t, 200, signedOut)
	}
}

func TestOnlyABrowserThatWasInMayAskThePhone(t *testing.T) {
	for _, test := range []struct {
		name    string
		cookies map[string]string
		asks    bool
	}{
		{"new", nil, false},
		{"with a ticket and the account", map[string]string{"webwx_auth_ticket": "x", "wxuin": "42"}, true},
		{"with a ticket and the last account", map[string]string{"webwx_auth_ticket": "x", "last_wxuin": "42"}, true},
		{"with the account alone", map[string]string{"wxuin": "42"}, false},
		{"with a ticket alone", map[string]string{"webwx_auth_ticket": "x"}, false},
		{"with a hostile account", map[string]string{"webwx_auth_ticket": "x", "wxuin": `42-onload`}, false},
	} {
		v := newWorld(t, nil).visitor()
		for name, value := range test.cookies {
			v.setCookie(name, "/", value)
		}
		if asks := strings.Contains(v.get("/").body, "Ask my phone instead"); asks != test.asks {
			t.Errorf("%s: %v", test.name, asks)
		}
	}
}

func TestWithoutADemoThereIsNothingToSignInTo(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Demo = false })
	v := w.visitor()
	v.get("/").expect(t, 200, signedOut, "This is a login server")
	id, _, _ := w.begin()
	v.get("/demo/scan/"+string(id)).expect(t, http.StatusNotFound)
}

func TestTheInlineScriptHasThePolicysNonce(t *testing.T) {
	w := newWorld(t, nil)
	nonce := regexp.MustCompile(`<script nonce="([^"]+)">`)
	var last string
	for range 2 {
		p := w.visitor().get("/")
		found := nonce.FindStringSubmatch(p.body)
		if found == nil || found[1] == last || !strings.Contains(p.header.Get("Content-Security-Policy"), "'nonce-"+found[1]+"'") {
			t.Fatal(found, p.header)
		}
		last = found[1]
	}
}

func TestTheDemoPhoneOpensTheCodeOfThePage(t *testing.T) {
	w := newWorld(t, nil)
	id, _, code := w.begin()
	if p := w.phone("Alice").get("/demo/scan/" + string(id)); p.path != "/l/"+code {
		t.Errorf("led to %s", p.path)
	}
}

func TestErrorsAreTextOnAPage(t *testing.T) {
	w := newWorld(t, nil)
	e := echo.New()
	e.GET("/x", func(c echo.Context) error {
		return w.pages.Error(c, http.StatusTeapot, "A <b>title</b>", "What to do & why")
	})
	w.handler = e
	w.visitor().get("/x").expect(t, http.StatusTeapot, "A &lt;b&gt;title", "What to do &amp; why")
}

func TestRefusedTicketsLeadBack(t *testing.T) {
	w := newWorld(t, nil)
	e := echo.New()
	e.GET("/x", w.pages.TicketRefused)
	w.handler = e
	w.visitor().get("/x").expect(t, http.StatusForbidden, "You could not be let in", `href="/"`)
}

func TestTheAvatarIsShownOnlyIfTheAppDisclosesIt(t *testing.T) {
	for _, test := range []struct {
		disclose login.Disclosure
		picture  string
		shown    bool
	}{
		{login.DiscloseNothing, "alice.jpg", false},
		{login.DiscloseAvatar, "alice.jpg", true},
		{login.DiscloseName, "bob.jpg", true},
		{login.DiscloseAvatar, "http://login.example/assets/alice.jpg", true},
		{login.DiscloseAvatar, "favicon.svg", false},
		{login.DiscloseAvatar, "../alice.jpg", false},
		{login.DiscloseAvatar, "https://example.com/alice.jpg", false},
		{login.DiscloseAvatar, "", false},
	} {
		w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Disclose = test.disclose })
		got := w.pages.Avatar(login.Login{App: "demo", Profile: login.Profile{Picture: test.picture}})
		if (got != nil) != test.shown {
			t.Errorf("%+v: %d bytes", test, len(got))
		}
	}
}

// letIn signs the visitor's browser in as Alice, as the WeChat dialect would.
func (w *world) letIn(v *visitor) login.Session {
	w.t.Helper()
	id, l, code := w.begin()
	alice := identity("Alice")
	if _, err := w.service.Scan(w.t.Context(), alice, code, time.Time{}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.service.Approve(w.t.Context(), alice.Phone, string(l.Handle), ""); err != nil {
		w.t.Fatal(err)
	}
	session := w.collect(id)
	held, err := w.service.Credentials(session)
	if err != nil {
		w.t.Fatal(err)
	}
	v.setCookie("wxsid", "/", held.SID)
	v.setCookie("wxuin", "/", decimal(held.UIN))
	v.setCookie("webwx_data_ticket", "/", held.DataTicket)
	return session
}
