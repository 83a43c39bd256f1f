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
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

const asksForOne = "asks for your passkey when you approve"

// newVault is a world whose app asks for passkeys, and the phone's authenticator.
func newVault(t *testing.T) (*world, *passkeytest.Authenticator) {
	t.Helper()
	party := &passkey.RelyingParty{ID: "login.example", Origins: []string{base}}
	w := newWorld(t, func(o *pages.Options, c *login.Config) {
		c.Apps[0].Passkey, c.Passkeys, o.Passkeys = true, party, party
	})
	return w, passkeytest.New(t, "login.example", base)
}

// attribute is what a page's script reads.
func (p page) attribute(t *testing.T, name string) []byte {
	t.Helper()
	found := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(p.body)
	if found == nil {
		t.Fatalf("no %s in:\n%s", name, p.body)
	}
	return []byte(html.UnescapeString(found[1]))
}

// with is the form of a page and one field more, as its script fills it in.
func (p page) with(name, value string) url.Values {
	form := url.Values{name: {value}, "next": {p.path}}
	form.Set("csrf", p.form.Get("csrf"))
	return form
}

// enrols adds a passkey as the page's script does, and goes back to the question.
func (v *visitor) enrols(question page, a *passkeytest.Authenticator) page {
	v.w.t.Helper()
	return v.post("/phone/passkeys", question.with("attestation", string(a.Create(question.attribute(v.w.t, "data-creation")))))
}

func TestAPasskeyIsAddedAndThenApproves(t *testing.T) {
	w, a := newVault(t)
	alice := w.phone("Alice")
	id, _, code := w.begin()
	question := alice.scan(code)
	question.expect(t, 200, "this browser has none of yours yet", "Add a passkey", "Deny", "cannot approve without it", "/assets/passkey.")
	if strings.Contains(question.body, ">Approve<") {
		t.Error("there is something to approve with")
	}
	back := alice.enrols(question, a)
	back.expect(t, 200, asksForOne, ">Approve<")
	if back.path != question.path || strings.Contains(back.body, "none of yours") {
		t.Errorf("back at %s", back.path)
	}
	alice.post(back.path+"/approve", back.form).expect(t, 401, "did not show that it is you", ">Approve<")
	a.Verifies = false
	refused := alice.post(back.path+"/approve", back.with("assertion", string(a.Get(back.attribute(t, "data-request")))))
	refused.expect(t, 401, "did not show that it is you")
	if got := refused.header.Values("WWW-Authenticate"); len(got) != 1 || strings.Contains(got[0], "Bearer") {
		t.Errorf("it asks for %q", got)
	}
	a.Verifies = true

	_, _, later := w.begin()
	other := alice.scan(later)
	alice.post(back.path+"/approve", back.with("assertion", string(a.Get(other.attribute(t, "data-request"))))).expect(t, 401)
	if got := w.state(id); got != login.Scanned {
		t.Fatalf("it is %v", got)
	}
	good := a.Get(back.attribute(t, "data-request"))
	alice.post(back.path+"/approve", back.with("assertion", string(good))).expect(t, 200, "Approved. Waiting")
	if got := w.state(id); got != login.Approved {
		t.Errorf("it is %v", got)
	}
	alice.post(other.path+"/deny", other.form).expect(t, 200, "You said no")
}

func TestAPasskeyIsOfOnePersonAndItsCookieOfTheServer(t *testing.T) {
	w, a := newVault(t)
	alice, bob := w.phone("Alice"), w.phone("Bob")
	_, _, code := w.begin()
	alice.enrols(alice.scan(code), a)
	sealed := alice.cookie("qrlatch_passkey", "/phone/scans/x")
	if sealed == "" || alice.cookie("qrlatch_passkey", "/") != "" {
		t.Fatalf("the cookie is %q, and at / %q", sealed, alice.cookie("qrlatch_passkey", "/"))
	}
	bob.setCookie("qrlatch_passkey", "/phone", sealed)
	_, _, code = w.begin()
	question := bob.scan(code)
	question.expect(t, 200, "none of yours yet")
	challenge := question.attribute(t, "data-creation")
	bob.post(question.path+"/approve", question.with("assertion", string(a.Get(challenge)))).expect(t, 401)
}

func TestTheCookieOfAPasskeyIsLockedAway(t *testing.T) {
	w, a := newVault(t)
	alice := w.phone("Alice")
	_, _, code := w.begin()
	question := alice.scan(code)
	w.pages.Secure = true // only now: these visitors come by HTTP
	alice.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got := alice.enrols(question, a).header.Get("Set-Cookie")
	for _, want := range []string{"qrlatch_passkey=", "Path=/phone", "Max-Age=34560000", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestAPasskeyIsAddedSoonAfterSigningInOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := newVault(t)
		alice := w.phone("Alice")
		_, _, code := w.begin()
		question := alice.scan(code)
		time.Sleep(4 * time.Minute)
		late := question.with("attestation", string(a.Create(question.attribute(t, "data-creation"))))
		time.Sleep(time.Minute)
		alice.post("/phone/passkeys", late).expect(t, 403, "Sign in again first", "nobody else who holds this phone")
		_, _, code = w.begin()
		question = alice.scan(code)
		again := "/phone/sign-in?next=" + url.QueryEscape(question.path)
		question.expect(t, 200, "sign in again first", `href="`+again+`"`, "Deny")
		for _, gone := range []string{"data-creation", "Add a passkey", ">Approve<"} {
			if strings.Contains(question.body, gone) {
				t.Errorf("%q is there", gone)
			}
		}
		asked := alice.get(again)
		asked.expect(t, 200, "Prove once more that it is you", `value="`+question.path+`"`)
		asked.form.Set("account", "0")
		asked.form.Set("next", question.path)
		back := alice.post("/phone/sign-in", asked.form)
		back.expect(t, 200, "Add a passkey")
		alice.enrols(back, a).expect(t, 200, asksForOne)
	})
}

// At a provider one may be signed in for months. What counts is when it has last had proof
// of the person, and a new one is asked for.
func TestAPasskeyNeedsAProviderThatHasJustAskedForProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newIDP(t)
		w, _ := newProviderWorld(t, p)
		party := &passkey.RelyingParty{ID: "login.example", Origins: []string{base}}
		w.pages.Passkeys, w.config.Passkeys, w.config.Apps[0].Passkey = party, party, true
		w.service.Configure(w.config)
		a := passkeytest.New(t, "login.example", base)
		for _, tc := range []struct {
			said any
			want string
		}{
			{nil, "sign in again first"},
			{time.Now().Add(-time.Hour).Unix(), "sign in again first"},
			{"yesterday", "sign in again first"},
			{time.Now().Unix(), "Add a passkey"},
		} {
			p.claims["auth_time"] = tc.said
			ada := w.guest(p)
			_, _, code := w.begin()
			ada.get("/phone/sign-in/provider?next=/phone").expect(t, 200, "What this phone lets in")
			ada.scan(code).expect(t, 200, tc.want)
		}
		ada := w.guest(p)
		_, _, code := w.begin()
		ada.get("/phone/sign-in/provider?next=/phone")
		if p.lastAsked("max_age") != "" {
			t.Error("everybody is asked for proof")
		}
		ada.get("/phone/sign-in?next=/phone").expect(t, 200, `next=%2fphone&amp;fresh=1"`)
		ada.get("/phone/sign-in/provider?next=/phone&fresh=1")
		if got := p.lastAsked("max_age"); got != "60" {
			t.Errorf("asked for proof of the last %q seconds", got)
		}
		ada.enrols(ada.scan(code), a).expect(t, 200, asksForOne)
	})
}

func TestForeignFormsAddNoPasskey(t *testing.T) {
	w, a := newVault(t)
	alice := w.phone("Alice")
	_, _, code := w.begin()
	question := alice.scan(code)
	form := question.with("attestation", string(a.Create(question.attribute(t, "data-creation"))))
	form.Del("csrf")
	alice.post("/phone/passkeys", form).expect(t, 403)
	w.visitor().post("/phone/passkeys", form).expect(t, 401)
	a.Verifies = false
	alice.enrols(question, a).expect(t, 400, "The passkey was not added")
	if got := alice.cookie("qrlatch_passkey", "/phone"); got != "" {
		t.Errorf("a cookie: %s", got)
	}
}
