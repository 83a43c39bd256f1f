package demosite_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAPersonSignsInAndOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.get("/account").expect(t, 303, "/")
	b.signIn()
	if !w.login.was(`POST /v1/tickets/redeem shop:demo-secret {"ticket":"goodticket"}`) {
		t.Error(w.login.asked)
	}
	page := b.get("/account")
	page.expect(t, 200, "Welcome aboard, <bdi>Alice</bdi>", `src="`+w.login.URL+`/assets/alice.jpg"`, `datetime="2026-11-21T`)
	b.get("/account/alive").expect(t, 204)
	for _, path := range []string{"/", "/isolated", "/signed-in?ticket=goodticket&state=x"} {
		b.get(path).expect(t, 303, "/account")
	}

	csrf := b.find(page.body, `name="csrf" value="(\w+)"`)
	for _, form := range []url.Values{{}, {"csrf": {"x"}}, {"csrf": {csrf + "x"}}} {
		b.do(http.MethodPost, "/sign-out", form).expect(t, 403, "You are still signed in")
	}
	b.get("/sign-out?csrf="+csrf).expect(t, 404)
	b.get("/account").expect(t, 200)
	b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {csrf}}).expect(t, 303, "/")
	if !w.login.was("DELETE /v1/sessions/sessionid shop:demo-secret") {
		t.Error(w.login.asked)
	}
	b.get("/account").expect(t, 303, "/")
	b.get("/account/alive").expect(t, 410)
	b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {csrf}}).expect(t, 303, "/")
}

// Login CSRF: a ticket counts only in the browser that began.
func TestATicketCountsOnlyWhereItsLoginBegan(t *testing.T) {
	w := newWorld(t)
	attacker := w.browser(t)
	foreign := attacker.state()
	for name, test := range map[string]struct {
		began bool
		query func(own string) string
		want  int
	}{
		"never began anything":  {false, func(string) string { return "?ticket=t&state=" + foreign }, 403},
		"another one's state":   {true, func(string) string { return "?ticket=t&state=" + foreign }, 403},
		"no state":              {true, func(string) string { return "?ticket=t" }, 403},
		"an empty state":        {true, func(string) string { return "?ticket=t&state=" }, 403},
		"two states":            {true, func(own string) string { return "?ticket=t&state=" + own + "&state=" + foreign }, 403},
		"a state and more":      {true, func(own string) string { return "?ticket=t&state=" + own + "x" }, 403},
		"no ticket":             {true, func(own string) string { return "?state=" + own }, 400},
		"two tickets":           {true, func(own string) string { return "?ticket=t&ticket=u&state=" + own }, 400},
		"nothing at all":        {false, func(string) string { return "" }, 403},
		"the hash of no cookie": {false, func(string) string { return "?ticket=t&state=OUVs5oTZrBHpFPYWJqgWwdgJWzFcsLCQpCeJ4xKBlTk" }, 403},
	} {
		b, own := w.browser(t), ""
		if test.began {
			own = b.state()
		}
		if got := b.get("/signed-in" + test.query(own)); got.status != test.want {
			t.Errorf("%s: %d, want %d", name, got.status, test.want)
		}
		b.get("/account").expect(t, 303, "/")
	}
	if w.login.was("redeem") {
		t.Error("a ticket was used up")
	}

	// Every tab of a browser has the same state, and it is good for one sign-in.
	b := w.browser(t)
	state := b.state()
	if again := b.state(); again != state {
		t.Error("a second tab spoils the first")
	}
	b.get("/signed-in?ticket=t&state="+state).expect(t, 303, "/account")
	csrf := b.find(b.get("/account").body, `name="csrf" value="(\w+)"`)
	b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {csrf}})
	b.get("/signed-in?ticket=t&state="+state).expect(t, 403, "did not begin here")
	if b.state() == state {
		t.Error("a state was given twice")
	}
}

func TestOnlyAGETUsesATicketUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	query := "?ticket=t&state=" + b.state()
	b.do(http.MethodHead, "/signed-in"+query, nil).expect(t, 405)
	b.do(http.MethodPost, "/signed-in"+query, nil).expect(t, 404)
	if w.login.was("redeem") {
		t.Error("a ticket was used up")
	}
}

func TestWhatTheLoginServerSaysIsSaidInWords(t *testing.T) {
	for status, want := range map[int]struct {
		status int
		words  string
	}{
		404: {403, "This sign-in is over"}, 409: {403, "This sign-in is over"}, 410: {403, "This sign-in is over"},
		401: {502, "does not help"}, 421: {502, "does not help"}, 429: {502, "does not help"}, 500: {502, "does not help"}, 503: {502, "does not help"},
	} {
		w := newWorld(t)
		w.login.redeem = status
		b := w.browser(t)
		state := b.state()
		b.get("/signed-in?ticket=t&state="+state).expect(t, want.status, want.words)
		w.login.set(func() { w.login.redeem = 200 })
		b.get("/signed-in?ticket=t&state="+state).expect(t, 303, "/account") // the way is still open
	}
}

func TestASignOutOnThePhoneIsNoticedAndToldOnce(t *testing.T) {
	for words, expires := range map[string]int{"You were signed out from your phone": 3600, "You have been away for long": 0} {
		w := newWorld(t)
		w.login.expires = expires
		b := w.browser(t)
		b.signIn()
		w.login.set(func() { w.login.session = 404 })
		b.get("/account/alive").expect(t, 410)
		b.get("/account").expect(t, 200, words)
		b.get("/account").expect(t, 303, "/")
		b.signIn()
	}
}

func TestNobodyIsThrownOutWhileTheLoginServerIsSilent(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.signIn()
	w.login.set(func() { w.login.session = 503 })
	b.get("/account/alive").expect(t, 204)
	csrf := b.find(b.get("/account").body, `name="csrf" value="(\w+)"`)
	w.login.Close()
	b.get("/account/alive").expect(t, 204)
	b.do(http.MethodPost, "/sign-out", url.Values{"csrf": {csrf}}).expect(t, 502, "You are signed out here")
	b.get("/account").expect(t, 303, "/")
	b.get("/signed-in?ticket=secretticket&state="+b.state()).expect(t, 502, "does not help")
	for _, secret := range []string{"secretticket", "sessionid", "demo-secret", csrf} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%s is in the log: %s", secret, w.log)
		}
	}
	if !strings.Contains(w.log.String(), "could not be redeemed") {
		t.Errorf("the log is silent: %s", w.log)
	}
}

func TestAHostileNameOrPictureIsHarmless(t *testing.T) {
	for picture, shown := range map[string]string{
		"bob.jpg": "/assets/bob.jpg", "": "", "https://evil.example/x.png": "", "//evil.example/x.png": "", "javascript:alert(1)": "", "data:image/png;base64,": "",
	} {
		w := newWorld(t)
		w.login.user = `{"name":"<script>alert(1)</script>","picture":"` + picture + `"}`
		b := w.browser(t)
		b.signIn()
		page := b.get("/account")
		page.expect(t, 200, "&lt;script&gt;alert(1)&lt;/script&gt;")
		_, rest, has := strings.Cut(page.body, `<section class="who">`)
		img, _, _ := strings.Cut(rest, "<h1>")
		if !has || strings.Contains(img, "<img") != (shown != "") || !strings.Contains(img, shown) {
			t.Errorf("%q: %s", picture, img)
		}
	}
}

func TestTheShopAnswersForItsOwnNameOnly(t *testing.T) {
	w := newWorld(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url, nil)
	r.Host = "rebound.example"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Error(response.Status)
	}
}

func TestPagesEmbedTheLoginUnderAStrictPolicy(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	home, isolated := b.get("/"), b.get("/isolated")
	nonce := b.find(home.body, `<script nonce="(\w{26})">`)
	policy := "default-src 'none'; script-src 'nonce-" + nonce + "' LOGIN; connect-src 'self' LOGIN; img-src 'self' LOGIN; frame-src LOGIN; " +
		"style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for name, want := range map[string]string{
		"Content-Security-Policy": strings.ReplaceAll(policy, "LOGIN", w.login.URL),
		"Cache-Control":           "no-store", "Referrer-Policy": "strict-origin", "X-Content-Type-Options": "nosniff",
	} {
		if got := home.header.Get(name); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	for _, cookie := range home.header.Values("Set-Cookie") {
		if !strings.Contains(cookie, "HttpOnly; SameSite=Lax") {
			t.Error(cookie)
		}
	}
	started := "app=shop&amp;redirect_uri=" + url.QueryEscape(w.url+"/signed-in") + "&amp;state="
	home.expect(t, 200, `<script src="`+w.login.URL+`/qrlatch.js"`, `<div id="login"><noscript><iframe src="`+w.login.URL+`/embed?`+started)
	isolated.expect(t, 200, `<iframe id="login" src="`+w.login.URL+`/embed?app=shop&amp;nonce=`, "&amp;origin="+url.QueryEscape(w.url)+"&amp;")
	if b.find(b.get("/").body, `<script nonce="(\w{26})">`) == nonce {
		t.Error("a nonce was given twice")
	}
	b.get("/static/shop.css").expect(t, 200, "--paper")
	b.get("/nowhere").expect(t, 404, "Nothing on this shelf")
	b.get("/static/").expect(t, 404)
}
