package demosite_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// signer is a key of a login server.
type signer struct{ *ecdsa.PrivateKey }

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the key as a set has it.
func (s signer) jwk(t *testing.T, id string) string {
	t.Helper()
	point, err := s.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"use":"sig","alg":"ES256","x":%q,"y":%q}`, id, encode(point[1:33]), encode(point[33:]))
}

// sign writes a token of a header and claims.
func (s signer) sign(t *testing.T, head, claims map[string]any) string {
	t.Helper()
	first, _ := json.Marshal(head)
	second, _ := json.Marshal(claims)
	text := encode(first) + "." + encode(second)
	sum := sha256.Sum256([]byte(text))
	a, b, err := ecdsa.Sign(rand.Reader, s.PrivateKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	a.FillBytes(signature[:32])
	b.FillBytes(signature[32:])
	return text + "." + encode(signature)
}

// notice is header and claims of a logout token that is good, each with changes.
func (w *world) notice(head, claims map[string]any) (map[string]any, map[string]any) {
	now := time.Now().Unix()
	h := map[string]any{"alg": "ES256", "typ": "logout+jwt", "kid": "k1"}
	c := map[string]any{
		"iss": w.login.URL, "aud": "shop", "sub": "alice", "iat": now, "exp": now + 120, "jti": "notice1", "sid": "sessionid",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	change := func(m, by map[string]any) {
		maps.Copy(m, by)
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
	change(h, head)
	change(c, claims)
	return h, c
}

func (b *browser) told(token string) answer {
	b.t.Helper()
	return b.do(http.MethodPost, "/signed-out", url.Values{"logout_token": {token}})
}

func TestASignOutOnThePhoneCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	key := newSigner(t)
	w.login.set(func() { w.login.jwks = `{"keys":[` + key.jwk(t, "k1") + `]}` })
	alice, bob := w.browser(t), w.browser(t)
	alice.signIn()
	head, claims := w.notice(nil, nil)
	token := key.sign(t, head, claims)
	for range 3 { // the login server may not have heard the first answer
		got := w.browser(t).told(token)
		got.expect(t, 204)
		if got.header.Get("Cache-Control") != "no-store" {
			t.Error(got.header)
		}
	}
	// The login server still says 200: this is by the notice alone.
	alice.get("/account/alive").expect(t, 410)
	alice.get("/account").expect(t, 200, "You were signed out from your phone")
	alice.get("/account").expect(t, 303, "/")
	if w.login.was("GET /v1/sessions/sessionid") {
		t.Error("the shop had to ask")
	}
	bob.signIn() // has a session of the same id, as this login server has only one
	head, claims = w.notice(nil, map[string]any{"sid": "another"})
	bob.told(key.sign(t, head, claims)).expect(t, 204)
	bob.get("/account/alive").expect(t, 204)
	if strings.Contains(w.log.String(), "not taken") {
		t.Error(w.log)
	}
}

// Anybody can send something to the shop: what its login server has not signed for it,
// now and as a logout token, ends nobody's session.
func TestALogoutTokenOfSomebodyElseIsNotTaken(t *testing.T) {
	w := newWorld(t)
	ours, foreign := newSigner(t), newSigner(t)
	w.login.set(func() { w.login.jwks = `{"keys":[` + ours.jwk(t, "k1") + `]}` })
	b := w.browser(t)
	b.signIn()
	now := time.Now().Unix()
	type m = map[string]any
	for name, test := range map[string]struct{ head, claims m }{
		"of another app":               {nil, m{"aud": "bank"}},
		"of nobody":                    {nil, m{"aud": nil}},
		"of another server":            {nil, m{"iss": "https://evil.example"}},
		"expired":                      {nil, m{"iat": now - 200, "exp": now - 80}},
		"that expires now":             {nil, m{"exp": now}},
		"that never expires":           {nil, m{"exp": nil}},
		"of tomorrow":                  {nil, m{"iat": now + 86400, "exp": now + 86500}},
		"an id_token":                  {m{"typ": "JWT"}, m{"events": nil, "jti": nil, "auth_time": now}},
		"an id_token with a new type":  {nil, m{"events": nil, "jti": nil, "auth_time": now}},
		"of the type of an id_token":   {m{"typ": "JWT"}, nil},
		"of no type":                   {m{"typ": nil}, nil},
		"of no event":                  {nil, m{"events": nil}},
		"of another event":             {nil, m{"events": m{"https://schemas.openid.net/secevent/caep": m{}}}},
		"of a list of events":          {nil, m{"events": []string{"http://schemas.openid.net/event/backchannel-logout"}}},
		"with a nonce":                 {nil, m{"nonce": "x"}},
		"of no session":                {nil, m{"sid": nil}},
		"of an empty session":          {nil, m{"sid": ""}},
		"that says alg none":           {m{"alg": "none"}, nil},
		"that says another algorithm":  {m{"alg": "HS256"}, nil},
		"with what must be understood": {m{"crit": []string{"x"}, "x": 1}, nil},
		"of a key that nobody has":     {m{"kid": "k2"}, nil},
		"of no key":                    {m{"kid": nil}, nil},
	} {
		head, claims := w.notice(test.head, test.claims)
		refused := []int{400}
		if _, unknown := test.head["kid"]; unknown {
			refused = []int{400, 503} // the shop may not ask for keys again so soon
		}
		if got := b.told(ours.sign(t, head, claims)); !slices.Contains(refused, got.status) || !strings.Contains(got.body, `"error":`) {
			t.Errorf("a token %s: %d %s", name, got.status, got.body)
		}
	}
	head, claims := w.notice(nil, nil)
	good := ours.sign(t, head, claims)
	parts := strings.Split(good, ".")
	_, changed := w.notice(nil, m{"jti": "x"})
	body, _ := json.Marshal(changed)
	for name, form := range map[string]url.Values{
		"signed by another key":  {"logout_token": {foreign.sign(t, head, claims)}},
		"unsigned":               {"logout_token": {parts[0] + "." + parts[1] + "."}},
		"signed with zeros":      {"logout_token": {parts[0] + "." + parts[1] + "." + encode(make([]byte, 64))}},
		"of a longer signature":  {"logout_token": {good + "AAAA"}},
		"changed":                {"logout_token": {parts[0] + "." + encode(body) + "." + parts[2]}},
		"cut":                    {"logout_token": {parts[0] + "." + parts[1]}},
		"of four parts":          {"logout_token": {good + ".x"}},
		"that is none":           {"logout_token": {"hello"}},
		"that is empty":          {"logout_token": {""}},
		"that is not there":      {},
		"that is there twice":    {"logout_token": {good, good}},
		"that has another name":  {"id_token": {good}},
		"that is larger than 16": {"logout_token": {good}, "x": {strings.Repeat("x", 16<<10)}},
	} {
		b.do(http.MethodPost, "/signed-out", form).expect(t, 400, `"error":"invalid_request"`)
		if t.Failed() {
			t.Fatalf("a token %s was taken", name)
		}
	}
	b.do(http.MethodPost, "/signed-out?logout_token="+good, url.Values{}).expect(t, 400) // an address is logged
	b.get("/signed-out?logout_token="+good).expect(t, 404)
	b.get("/account/alive").expect(t, 204)
	for _, secret := range append(parts, "sessionid") {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%s is in the log: %s", secret, w.log)
		}
	}
	b.told(good).expect(t, 204) // so it was the changes that were refused
	b.get("/account/alive").expect(t, 410)
}

func TestANoticeThatCannotBeVerifiedNowIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.login.set(func() { w.login.session = 503 })
	key := newSigner(t)
	head, claims := w.notice(nil, nil)
	w.browser(t).told(key.sign(t, head, claims)).expect(t, 503, "temporarily_unavailable")
	// A flood of made-up keys is no flood for the login server.
	for range 20 {
		w.browser(t).told(key.sign(t, head, claims)).expect(t, 503)
	}
	w.login.mu.Lock()
	defer w.login.mu.Unlock()
	if n := strings.Count(strings.Join(w.login.asked, "\n"), "jwks.json"); n != 1 {
		t.Errorf("it was asked for its keys %d times", n)
	}
}

// Anybody can have the shop ask for the keys, and hang up before they are there.
func TestWhoHangsUpKeepsTheKeysFromNobody(t *testing.T) {
	w := newWorld(t)
	key := newSigner(t)
	w.login.set(func() { w.login.jwks = `{"keys":[` + key.jwk(t, "k1") + `]}` })
	head, claims := w.notice(nil, nil)
	form := url.Values{"logout_token": {key.sign(t, head, claims)}}.Encode()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := httptest.NewRequestWithContext(gone, http.MethodPost, w.url+"/signed-out", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.shop.ServeHTTP(httptest.NewRecorder(), r)
	w.browser(t).told(key.sign(t, head, claims)).expect(t, 204)
}
