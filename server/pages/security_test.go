package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/pages"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func TestOpeningACodeNeverMarksIt(t *testing.T) {
	w := newWorld(t, nil)
	visitors := map[string]*visitor{"nobody": w.visitor(), "alice": w.phone("Alice")}
	for _, agent := range []string{
		"facebookexternalhit/1.1", "Twitterbot/1.0", "Slackbot-LinkExpanding 1.0", "TelegramBot (like TwitterBot)",
		"WhatsApp/2.23.20.0", "Discordbot/2.0", "Googlebot/2.1", "SkypeUriPreview Preview/0.5",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1", "",
	} {
		for name, v := range visitors {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				id, _, code := w.begin()
				v.header.Set("User-Agent", agent)
				for _, path := range []string{"/l/" + code, "/demo/scan/" + string(id)} {
					if p := v.do(method, path, nil); p.status != http.StatusOK {
						t.Errorf("%s %s as %s: %d", method, path, name, p.status)
					}
				}
				if w.state(id) != login.Pending {
					t.Errorf("%s by %q as %s made it %s", method, agent, name, w.state(id))
				}
			}
		}
	}
}

func TestForeignPostsAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.phone("Alice"), w.phone("Bob")
	id, _, code := w.begin()
	question := alice.scan(code)
	mine, bobs := question.form.Get("csrf"), bob.get("/phone").form.Get("csrf")
	strangers := w.visitor().get("/phone").form.Get("csrf")

	for _, test := range []struct{ name, token, header, value string }{
		{name: "no token"},
		{name: "a token of nonsense", token: "x"},
		{name: "the token of another account", token: bobs},
		{name: "the token of a visit that is not signed in", token: strangers},
		{"sent by another site", mine, "Sec-Fetch-Site", "cross-site"},
		{"sent by a sibling domain", mine, "Sec-Fetch-Site", "same-site"},
		{"of a foreign origin", mine, "Origin", "https://evil.example"},
		{"of a sibling origin", mine, "Origin", "http://evil.login.example"},
		{"of another scheme", mine, "Origin", "file://login.example"},
		{"of an opaque origin", mine, "Origin", "null"},
	} {
		t.Run(test.name, func(t *testing.T) {
			alice.header = http.Header{}
			if test.header != "" {
				alice.header.Set(test.header, test.value)
			}
			form := url.Values{}
			if test.token != "" {
				form.Set("csrf", test.token)
			}
			for _, path := range []string{question.path + "/approve", question.path + "/deny", "/l/" + code, "/phone/scan", "/phone/sign-out", "/phone/sessions/x/sign-out"} {
				if p := alice.post(path, form); p.status != http.StatusForbidden || !strings.Contains(p.body, "Nothing was done") {
					t.Errorf("%s: %d", path, p.status)
				}
			}
			if w.state(id) != login.Scanned {
				t.Fatal(w.state(id))
			}
		})
	}
	alice.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {base}}
	alice.post(question.path+"/approve", question.form).expect(t, 200, "Approved")
}

func TestAForeignPageCannotSignAPhoneIn(t *testing.T) {
	w := newWorld(t, nil)
	v := w.visitor()
	v.post("/phone/sign-in", url.Values{"account": {"1"}}).expect(t, 403)
	form := v.get("/phone").form
	form.Set("account", "1")
	v.header.Set("Sec-Fetch-Site", "cross-site")
	v.post("/phone/sign-in", form).expect(t, 403)
	if v.cookie("qrlatch_phone", "/") != "" {
		t.Error("signed in")
	}
}

func TestPostsOfNobodyAskToSignIn(t *testing.T) {
	w := newWorld(t, nil)
	id, _, code := w.begin()
	w.visitor().post("/l/"+code, url.Values{}).expect(t, 401, "Who are you on this phone?", `value="/l/`+code+`"`)
	if w.state(id) != login.Pending {
		t.Error(w.state(id))
	}
}

func TestNextStaysOnThePhonesPages(t *testing.T) {
	for next, want := range map[string]string{
		"/phone":                         "/phone",
		"/phone?from=code":               "/phone?from=code",
		"/phone/scans/AAAAAAAAAAAA":      "/phone/scans/AAAAAAAAAAAA",
		"/l/abc":                         "/l/abc",
		"":                               "/phone",
		"/":                              "/phone",
		"//evil.example/l/":              "/phone",
		"https://evil.example/phone":     "/phone",
		"/\\evil.example/phone":          "/phone",
		"/l/\\evil.example":              "/phone",
		"/l//evil.example":               "/phone",
		"/l/../../evil":                  "/phone",
		"/phonebook":                     "/phone",
		"/phone/%2e%2E/demo":             "/phone",
		"/l/.%2e/%2e./demo":              "/phone",
		"/phone\r\nSet-Cookie: a=b":      "/phone",
		"\t//evil.example":               "/phone",
		"javascript:alert(1)":            "/phone",
		"/phone/\x00":                    "/phone",
		"/cgi-bin/mmwebwx-bin/webwxinit": "/phone",
	} {
		w := newWorld(t, nil)
		v := w.visitor()
		v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		form := v.get("/phone").form
		form.Set("account", "0")
		form.Set("next", next)
		p := v.post("/phone/sign-in", form)
		if got := p.header.Get("Location"); p.status != http.StatusSeeOther || got != want {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
}

func TestEveryPageIsLockedDown(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	_, _, code := w.begin()
	question := alice.scan(code)
	for path, v := range map[string]*visitor{
		"/": w.visitor(), "/l/" + code: w.visitor(), "/phone": alice, "/phone/prompts": alice,
		question.path: alice, question.path + "/state": alice, "/l/unknown": alice, "/phone/scans/unknown": w.visitor(),
	} {
		h := v.get(path).header
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
			"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
		} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: %q lacks %s", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		for name, want := range map[string]string{
			"X-Frame-Options": "DENY", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, h.Get(name))
			}
		}
	}
}

func TestHostileNamesAreOnlyText(t *testing.T) {
	const name = `</title><script>alert(1)</script>"'><img src=x onerror=alert(2)>`
	w := newWorld(t, func(o *pages.Options, c *login.Config) {
		c.Apps[0].Name, c.Apps[0].Logo = name, "javascript:alert(3)"
		o.Accounts[0].Identity.Name, o.Accounts[0].Identity.Picture = name, "https://evil.example/track.gif"
	})
	v := w.visitor()
	signIn := v.get("/phone")
	signIn.form.Set("account", "0")
	home := v.post("/phone/sign-in", signIn.form)
	_, _, code := w.begin()
	opened := v.get("/l/" + code)
	question := v.post("/l/"+code, opened.form)
	for _, p := range []page{v.get("/"), signIn, home, opened, question, v.get("/phone")} {
		for _, bad := range []string{"<script>alert", "<img src=x", "javascript:", "evil.example"} {
			if strings.Contains(p.body, bad) {
				t.Errorf("%s: %s is there", p.path, bad)
			}
		}
	}
}

func TestTamperedCookiesOpenNothing(t *testing.T) {
	w := newWorld(t, nil)
	good := w.phone("Alice").cookie("qrlatch_phone", "/")
	bobs := w.phone("Bob").cookie("qrlatch_phone", "/")
	payload, signature, _ := strings.Cut(good, ".")
	_, bobSignature, _ := strings.Cut(bobs, ".")
	_, _, code := w.begin()
	seer := w.visitor()
	seer.get("/l/" + code)

	for name, value := range map[string]string{
		"empty": "", "no signature": payload, "an empty signature": payload + ".", "the signature of another": payload + "." + bobSignature,
		"another payload": "e30." + signature, "a bit flipped": "A" + good[1:], "more after it": good + "x",
		"a sight is no identity": seer.cookie("qrlatch_seen", "/l/"),
		"of another server":      newWorld(t, nil).phone("Alice").cookie("qrlatch_phone", "/"),
	} {
		v := w.visitor()
		v.setCookie("qrlatch_phone", "/", value)
		if !strings.Contains(v.get("/phone").body, "Who are you on this phone?") {
			t.Errorf("%s: signed in", name)
		}
	}
	v := w.visitor()
	v.setCookie("qrlatch_phone", "/", good)
	v.get("/phone").expect(t, 200, "Phone of <bdi>Alice</bdi>")
}

func TestKeysCanBeRotatedUnderASignedInPhone(t *testing.T) {
	line := login.NewKeyLine()
	ring := func(lines ...string) login.Keyring {
		keys, err := login.ParseKeys(strings.NewReader(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Keys = ring(line) })
	alice := w.phone("Alice")
	_, _, code := w.begin()
	opened := alice.get("/l/" + code)
	w.config.Keys = ring(login.NewKeyLine(), line)
	w.service.Configure(w.config)
	alice.post("/l/"+code, opened.form).expect(t, 200, "Let this browser in as <bdi>Alice</bdi>?")
	w.config.Keys = ring(login.NewKeyLine())
	w.service.Configure(w.config)
	alice.get("/phone").expect(t, 200, "Who are you on this phone?")
}

func TestGuessingIsSlow(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, _ *login.Config) {
		o.Scans, o.Accounts[0].Password = limit.NewPerMinute(3), "correct horse"
		o.PasswordsPerAddress = 15
		o.Accounts = append(o.Accounts, pages.Account{Identity: identity("Carol"), Password: "battery staple"})
	})
	bob := w.phone("Bob")
	codes := bob.get("/phone").form
	codes.Set("code", strings.Repeat("a", 28))
	passwords := w.visitor()
	guess := passwords.get("/phone").form
	guess.Set("account", "0")
	tried := 0
	elsewhere := func() page { // a customer has as many addresses as he likes within his /64
		tried++
		passwords.header.Set("X-Real-Ip", fmt.Sprintf("2001:db8::%x", tried))
		guess.Set("account", "2") // wrong ones count for their account too
		return passwords.post("/phone/sign-in", guess)
	}
	for _, test := range []struct {
		name    string
		try     func() page
		allowed int
	}{
		{"codes", func() page { return bob.post("/phone/scan", codes) }, 3},
		{"passwords", func() page { return passwords.post("/phone/sign-in", guess) }, 15},
		{"passwords from one network", elsewhere, 15},
	} {
		for n := range test.allowed + 1 {
			p := test.try()
			if slow := p.status == http.StatusTooManyRequests; slow != (n == test.allowed) || slow && p.header.Get("Retry-After") == "" {
				t.Errorf("%s: try %d: %d", test.name, n+1, p.status)
			}
		}
	}
}

func TestCookiesAreOutOfReach(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Secure = secure })
		_, _, code := w.begin()
		v := w.visitor()
		v.client.Jar = nil
		set := v.get("/l/" + code).header.Values("Set-Cookie")
		if len(set) != 2 {
			t.Fatal(set)
		}
		for _, line := range set {
			if !strings.Contains(line, "; HttpOnly") || !strings.Contains(line, "; SameSite=Lax") || strings.Contains(line, "; Secure") != secure {
				t.Error(line)
			}
			if strings.Contains(line, code) {
				t.Error("the code is in a cookie")
			}
		}
	}
}
