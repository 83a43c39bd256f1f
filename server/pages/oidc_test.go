package pages_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

const whoAreYou = "Who are you on this phone?"

func TestOneTapSignsInAtTheProviderAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newIDP(t)
		w, _ := newProviderWorld(t, p)
		id, _, code := w.begin()
		ada := w.guest(p)
		asked := ada.get("/l/" + code)
		link := "/phone/sign-in/provider?next=%2fl%2f" + code
		asked.expect(t, 200, whoAreYou, `href="`+link+`"`, "Continue with", "id.example")
		if n := strings.Count(asked.body, "<button") + strings.Count(asked.body, "<form"); n > 0 {
			t.Errorf("%d other ways to go on", n)
		}
		time.Sleep(time.Minute) // people are slow at passwords: the code must not be stale for it
		in := ada.get(link)
		in.expect(t, 200, "A browser wants in at <bdi>Corner Shop</bdi>", "Phone of <bdi>Ada</bdi>")
		if in.path != "/l/"+code {
			t.Errorf("went on at %s", in.path)
		}
		question := ada.post("/l/"+code, in.form)
		question.expect(t, 200, "Let this browser in as <bdi>Ada</bdi>?")
		if strings.Contains(question.body, `name="number"`) {
			t.Error("a number was asked for")
		}
		ada.post(question.path+"/approve", question.form).expect(t, 200, "Approved. Waiting")
		l, err := w.service.Get(t.Context(), login.Holder{ID: string(id)})
		if err != nil {
			t.Fatal(err)
		}
		if want := (login.Phone{Issuer: issuer, Subject: "ada-1815"}); l.Phone != want || l.Profile.Name != "Ada" || l.Profile.Picture != "https://id.example/ada.jpg" {
			t.Errorf("approved by %+v %+v", l.Phone, l.Profile)
		}
	})
}

// Browsers drop a cookie of more than 4 kB, and whoever signed in would be asked again
// and again.
func TestAPictureThatIsTooLongForACookieIsLeftOut(t *testing.T) {
	for picture, kept := range map[string]bool{
		"https://id.example/ada.jpg":                          true,
		"https://id.example/?" + strings.Repeat("&", 300):     true,
		"https://id.example/?" + strings.Repeat("&", 490):     false,
		"https://id.example/" + strings.Repeat("\u00e4", 200): true,
	} {
		p := newIDP(t)
		p.claims["picture"], p.claims["name"] = picture, strings.Repeat("<", 100)
		w, _ := newProviderWorld(t, p)
		ada := w.guest(p)
		ada.get("/phone/sign-in/provider?next=/phone").expect(t, 200, "What this phone lets in", strings.Repeat("&lt;", 100))
		sealed := ada.cookie("qrlatch_phone", "/")
		if len(sealed) > 3500 {
			t.Errorf("%.40s: a cookie of %d bytes", picture, len(sealed))
		}
		body, err := base64.RawURLEncoding.DecodeString(strings.Split(sealed, ".")[0])
		if err != nil || strings.Contains(string(body), `"Picture"`) != kept {
			t.Errorf("%.40s: %s, %v", picture, body, err)
		}
	}
}

// What a browser may be sent back with, and what the provider may say.
func TestWhatProvesNothingSignsNobodyIn(t *testing.T) {
	notHere, unchecked := "This sign-in was not begun here", "The sign-in could not be checked"
	param := func(name string, values ...string) func(*idp, url.Values) {
		return func(_ *idp, q url.Values) { q[name] = values }
	}
	claim := func(name string, value any) func(*idp, url.Values) {
		return func(p *idp, _ url.Values) { p.claims[name] = value }
	}
	token := func(sign func(*testing.T, []byte) string) func(*idp, url.Values) {
		return func(p *idp, _ url.Values) { p.sign = sign }
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(providerKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	shared := jose.JSONWebKey{Key: []byte(secret + secret), KeyID: "k2"}
	for _, test := range []struct {
		name   string
		attack func(*idp, url.Values)
		status int
		title  string
	}{
		{"a wrong state", param("state", "x"), 403, notHere},
		{"no state", param("state"), 403, notHere},
		{"an empty state", param("state", ""), 403, notHere},
		{"the answer of another issuer", param("iss", "https://evil.example"), 403, unchecked},
		{"an empty issuer", param("iss", ""), 403, unchecked},
		{"no issuer, which the provider promises", param("iss"), 403, unchecked},
		{"two issuers", param("iss", issuer, "https://evil.example"), 403, unchecked},
		{"two codes", param("code", "one", "two"), 403, unchecked},
		{"no code", param("code"), 403, unchecked},
		{"an invented code", param("code", "invented"), 403, unchecked},
		{"an error that is none", param("error", "<script>"), 403, unchecked},
		{"a no of the person", param("error", "access_denied"), 403, "You are not signed in"},
		{"trouble of the provider", param("error", "server_error"), 503, "The sign-in service did not answer"},
		{"a token for another attempt", claim("nonce", "of another"), 403, unchecked},
		{"a token for no attempt", claim("nonce", nil), 403, unchecked},
		{"a token for another client", claim("aud", "another"), 403, unchecked},
		{"a token for many, made for nobody", claim("aud", []string{client, "another"}), 403, unchecked},
		{"a token that another client asked for", claim("azp", "another"), 403, unchecked},
		{"a token of another issuer", claim("iss", "https://evil.example"), 403, unchecked},
		{"an old token", claim("exp", time.Now().Add(-time.Minute).Unix()), 403, unchecked},
		{"a token without an end", claim("exp", nil), 403, unchecked},
		{"a token of tomorrow", claim("nbf", time.Now().Add(time.Hour).Unix()), 403, unchecked},
		{"a token of nobody", claim("sub", ""), 403, unchecked},
		{"a token of too long a name", claim("sub", strings.Repeat("a", 256)), 403, unchecked},
		{"alg none", token(unsigned), 403, unchecked},
		{"HS256 with the client's secret", token(signed(jose.HS256, []byte(secret+secret))), 403, unchecked},
		{"HS256 with the public key as the secret", token(signed(jose.HS256, jose.JSONWebKey{Key: public, KeyID: "k1"})), 403, unchecked},
		{"HS256 with a key that the provider shows to all", func(p *idp, _ url.Values) {
			p.keys, p.sign = []jose.JSONWebKey{shared}, signed(jose.HS256, shared)
		}, 403, unchecked},
		{"the key of another under the same name", token(signed(jose.ES256, jose.JSONWebKey{Key: other, KeyID: "k1"})), 403, unchecked},
		{"no token", token(func(*testing.T, []byte) string { return "" }), 403, unchecked},
		{"half a token", token(func(*testing.T, []byte) string { return "e30.e30" }), 403, unchecked},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newIDP(t)
			w, said := newProviderWorld(t, p)
			v := w.guest(p)
			back := v.halfway("/phone")
			q := back.Query()
			test.attack(p, q)
			failed := v.get(pages.CallbackPath + "?" + q.Encode())
			failed.expect(t, test.status, test.title, `href="/phone"`)
			v.get("/phone").expect(t, 200, whoAreYou)
			p.leaked(t, said.String()+failed.body)

			// The next try of the same person is not spoilt by it.
			p.sign, p.claims = nil, map[string]any{}
			v.get("/phone/sign-in/provider").expect(t, 200, "Phone of <bdi>Ada</bdi>")
		})
	}
}

// leaked fails if text has a code, a token or a secret in it.
func (p *idp) leaked(t *testing.T, text string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, word := range append(p.spoken, secret) {
		if len(word) > 8 && strings.Contains(text, word) {
			t.Errorf("%q is in:\n%s", word, text)
		}
	}
}

func TestAForeignAnswerLeavesTheRightOneGood(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	v := w.guest(p)
	back := v.halfway("/phone")
	v.get(pages.CallbackPath+"?code=x&state=y").expect(t, 403, "This sign-in was not begun here")
	v.get(back.RequestURI()).expect(t, 200, "Phone of <bdi>Ada</bdi>")
}

func TestAnAnswerIsOfUseOnce(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	v := w.guest(p)
	back := v.halfway("/phone/scans/abc")
	kept := v.cookie("qrlatch_oidc", pages.CallbackPath)
	if kept == "" || v.cookie("qrlatch_oidc", "/phone") != "" {
		t.Error("the attempt's cookie is not where it belongs")
	}
	v.get(back.RequestURI())
	if v.cookie("qrlatch_oidc", pages.CallbackPath) != "" {
		t.Error("the attempt is still there")
	}
	if again := v.get(back.RequestURI()); again.path != "/phone" {
		t.Errorf("who is in and comes back is told %d at %s", again.status, again.path)
	}
	v.post("/phone/sign-out", v.get("/phone").form).expect(t, 200, whoAreYou)
	v.get(back.RequestURI()).expect(t, 403, "This sign-in was not begun here")

	// Not even with the cookie: a code is good once, and the visit has ended.
	v.setCookie("qrlatch_oidc", pages.CallbackPath, kept)
	v.get(back.RequestURI()).expect(t, 403, "This sign-in was not begun here")
	v.get("/phone").expect(t, 200, whoAreYou)
}

func TestWhoIsSentAnAnswerIsNotSignedInAsItsSender(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	mallory, victim := w.guest(p), w.guest(p)
	back := mallory.halfway("/phone")
	victim.get("/phone")
	victim.get(back.RequestURI()).expect(t, 403, "This sign-in was not begun here", "sign you in as them")

	// Nor if a sibling domain plants the attempt, or the victim has begun as well.
	victim.setCookie("qrlatch_oidc", pages.CallbackPath, mallory.cookie("qrlatch_oidc", pages.CallbackPath))
	victim.get(back.RequestURI()).expect(t, 403, "This sign-in was not begun here")
	victim.halfway("/phone")
	victim.get(back.RequestURI()).expect(t, 403, "This sign-in was not begun here")
	victim.get("/phone").expect(t, 200, whoAreYou)
}

func TestAStolenCodeIsOfNoUseInAnotherSignIn(t *testing.T) {
	p := newIDP(t)
	w, said := newProviderWorld(t, p)
	victim, mallory := w.guest(p), w.guest(p)
	stolen := victim.halfway("/phone").Query().Get("code")
	q := mallory.halfway("/phone").Query()
	q.Set("code", stolen)
	mallory.get(pages.CallbackPath+"?"+q.Encode()).expect(t, 403, "The sign-in could not be checked")
	mallory.get("/phone").expect(t, 200, whoAreYou)
	p.leaked(t, said.String())
}

func TestAnAttemptEndsAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newIDP(t)
		p.claims["exp"] = time.Now().Add(time.Hour).Unix()
		w, _ := newProviderWorld(t, p)
		v := w.guest(p)
		back, kept := v.halfway("/phone"), v.cookie("qrlatch_oidc", pages.CallbackPath)
		time.Sleep(10 * time.Minute)
		v.setCookie("qrlatch_oidc", pages.CallbackPath, kept) // a browser that keeps it too long
		v.get(back.RequestURI()).expect(t, 403, "too long ago")
	})
}

func TestASignInGoesOnHereOnly(t *testing.T) {
	for next, want := range map[string]string{
		"//evil.example": "/phone", "https://evil.example/": "/phone", `/\evil.example`: "/phone", "/phone//evil.example": "/phone",
		"javascript:alert(1)": "/phone", "/phone/../": "/phone", "/v1/sessions": "/phone", "": "/phone", "/l/ x": "/phone",
		"/phone?x=1": "/phone?x=1",
	} {
		p := newIDP(t)
		w, _ := newProviderWorld(t, p)
		v := w.guest(p)
		if in := v.get("/phone/sign-in/provider?next=" + url.QueryEscape(next)); in.path != want {
			t.Errorf("%q leads to %s", next, in.path)
		}
		v.get("/phone").expect(t, 200, "Phone of <bdi>Ada</bdi>")
	}
}

func TestForeignPagesBeginNothing(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	v := w.guest(p)
	v.header.Set("Sec-Fetch-Site", "cross-site")
	v.get("/phone/sign-in/provider").expect(t, 403, "Nothing was done")
	if len(p.asked) > 0 {
		t.Error(p.asked)
	}
}

func TestTheAttemptIsOutOfReach(t *testing.T) {
	for _, secure := range []bool{false, true} {
		p := newIDP(t)
		w, _ := newProviderWorld(t, p)
		w.pages.Secure = secure
		v := w.guest(p)
		v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		var found string
		for _, line := range v.get("/phone/sign-in/provider").header.Values("Set-Cookie") {
			if strings.HasPrefix(line, "qrlatch_oidc=") {
				found = line
			}
		}
		for _, part := range []string{"; HttpOnly", "; SameSite=Lax", "; Path=/phone/callback", "; Max-Age=600"} {
			if !strings.Contains(found, part) || strings.Contains(found, "; Secure") != secure {
				t.Errorf("%q in %q", part, found)
			}
		}
	}
}

func TestARemovedProviderOrAccountSignsNobodyIn(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	v := w.guest(p)
	v.get("/phone/sign-in/provider").expect(t, 200, "Phone of <bdi>Ada</bdi>")
	w.pages.SignIn = nil
	v.get("/phone").expect(t, 200, "Open this code with your app")

	w, _ = newProviderWorld(t, p)
	w.pages.Accounts = []pages.Account{account("Alice")}
	alice := w.phone("Alice")
	w.pages.Accounts = nil
	alice.get("/phone").expect(t, 200, whoAreYou)
}

func TestOnlyPicturesThatPagesMayShowAreTakenOver(t *testing.T) {
	for picture, want := range map[string]string{
		"https://id.example/a.jpg?x=1": "https://id.example/a.jpg?x=1",
		"alice.jpg":                    "", // would be a file of ours
		"/l/x":                         "",
		"http://id.example/a.jpg":      "",
		"javascript:alert(1)":          "",
		"data:image/png;base64,AAAA":   "",
		"https://id.example/" + strings.Repeat("a", 512): "",
	} {
		p := newIDP(t)
		p.claims["picture"] = picture
		w, _ := newProviderWorld(t, p)
		v := w.guest(p)
		v.get("/phone/sign-in/provider").expect(t, 200, "Phone of <bdi>Ada</bdi>")
		id, _, code := w.begin()
		v.scan(code)
		l, err := w.service.Get(t.Context(), login.Holder{ID: string(id)})
		if err != nil || l.Profile.Picture != want {
			t.Errorf("%q is %q, %v", picture, l.Profile.Picture, err)
		}
	}
}

func TestAccountsAndAProviderStandSideBySide(t *testing.T) {
	p := newIDP(t)
	w, _ := newProviderWorld(t, p)
	w.pages.Accounts = []pages.Account{account("Alice")}
	w.visitor().get("/phone").expect(t, 200, "Continue as <bdi>Alice</bdi>", "Continue with <bdi>id.example</bdi>")
}
