package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signer is an issuer's key and what it publishes.
type signer struct {
	jose.Signer
	jwks string
}

func newSigner(t *testing.T, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid}}})
	if err != nil {
		t.Fatal(err)
	}
	return signer{s, string(jwks)}
}

func (s signer) token(t *testing.T, audience string) string {
	t.Helper()
	signed, err := s.Sign(fmt.Appendf(nil, `{"iss":"https://id.example","sub":"alice","aud":%q,"exp":%d}`, audience, time.Now().Unix()+300))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// as is the status of a phone's call with a bearer token.
func (p *program) as(t *testing.T, bearer string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/v1/scans", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func (p *program) reloaded(t *testing.T) {
	t.Helper()
	p.reload <- os.Interrupt // any signal: main sends only SIGHUP here
	for line := range p.log {
		if strings.Contains(line, `"msg":"reload`) {
			if !strings.Contains(line, `"reloaded"`) {
				t.Fatal(line)
			}
			return
		}
	}
}

func TestPhonesSignInWithTheirOwnTokens(t *testing.T) {
	one, two := newSigner(t, "one"), newSigner(t, "two")
	var down atomic.Bool
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		switch {
		case down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/jwks.json":
			fmt.Fprint(w, one.jwks)
		case id != "qrlatch" || secret != "s3cret":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			fmt.Fprintf(w, `{"active":%t,"sub":"carol","aud":["qrlatch"]}`, r.FormValue("token") == "opaque")
		}
	}))
	defer issuer.Close()
	const byURL = "jwt: {issuer: https://id.example, audience: qrlatch, jwks_url: %s/jwks.json}, introspection: {url: %[1]s/introspect, client_id: qrlatch, client_secret_file: %s, audience: qrlatch}"
	phones := func(text string) string { return aShop + "phones: {" + text + "}\n" }
	file := write(t, "q.yaml", phones(fmt.Sprintf(byURL, issuer.URL, write(t, "secret", "s3cret\n"))))
	p := start(t, "--config", file)
	expect := func(what string, tokens map[string]int) {
		t.Helper()
		for token, want := range tokens {
			if got := p.as(t, token); got != want {
				t.Errorf("%s: %s: %d, want %d", what, token, got, want)
			}
		}
	}
	expect("at a start", map[string]int{one.token(t, "qrlatch"): 200, one.token(t, "shop"): 401, two.token(t, "qrlatch"): 401, "opaque": 200, "other": 401})

	down.Store(true)
	p.reloaded(t)
	expect("the issuer is down at a reload", map[string]int{one.token(t, "qrlatch"): 200, "opaque": 503})

	keys := write(t, "keys.json", one.jwks)
	rewrite(t, file, phones("jwt: {issuer: https://id.example, audience: qrlatch, jwks_file: "+keys+"}"))
	p.reloaded(t)
	expect("keys from a file", map[string]int{one.token(t, "qrlatch"): 200, two.token(t, "qrlatch"): 401, "opaque": 401})
	rewrite(t, keys, two.jwks)
	p.reloaded(t)
	expect("another key in it", map[string]int{one.token(t, "qrlatch"): 401, two.token(t, "qrlatch"): 200})
	rewrite(t, file, phones("tokens: [{token_sha256: "+aHash+", subject: robot}]"))
	p.reloaded(t)
	expect("no JWTs any more", map[string]int{two.token(t, "qrlatch"): 401, "test": 200})
}

func TestWhatIsWrongWithTokensIsSaidInOneLineEach(t *testing.T) {
	secret := write(t, "secret", strings.Repeat("hunter2", 5)+"\n")
	jwks := write(t, "jwks", newSigner(t, "k").jwks)
	jwt := "jwt: {issuer: https://id.example, audience: qrlatch, jwks_url: https://id.example/jwks.json}"
	asked := "introspection: {url: https://id.example/introspect, client_id: a, client_secret_file: " + secret + ", audience: qrlatch}"
	provider := "oidc: {issuer: https://id.example, client_id: web, client_secret_file: " + secret + "}"
	change := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("no %q in %q", from, text)
		}
		return strings.Replace(text, from, to, 1)
	}
	const url = "jwks_url: https://id.example/jwks.json"
	for _, tt := range []struct{ name, phones, want string }{ // want "": nothing is wrong
		{"a URL", jwt, ""},
		{"a URL on this machine", change(jwt, url, "jwks_url: http://127.0.0.1:1/jwks.json"), ""},
		{"a file", change(jwt, url, "jwks_file: "+jwks), ""},
		{"a secret", change(jwt, url, "hs256_secret_file: "+secret), ""},
		{"a secret of an issuer that is no URL", change(change(jwt, url, "hs256_secret_file: "+secret), "https://id.example", "our-app"), ""},
		{"other claims", change(jwt, url, url+", claims: {subject: uid, name: nick, picture: photo}"), ""},
		{"introspection alone", asked, ""},
		{"everything of one issuer", jwt + ", " + asked + ", " + provider, ""},
		{"two issuers, told apart", change(jwt, "issuer: https://id", "subject_prefix: 'app:', issuer: https://app") + ", " + provider, ""},
		{"two issuers with prefixes, and a fixed token", change(jwt, url, url+", subject_prefix: 'a:'") + ", " + change(asked, "url:", "issuer: https://app.example, subject_prefix: 'ab:', url:") + ", tokens: [{token_sha256: " + aHash + ", subject: ab}]", ""},
		{"one issuer with one prefix", change(jwt, url, url+", subject_prefix: 'a:'") + ", " + change(asked, "url:", "subject_prefix: 'a:', url:"), ""},

		{"no issuer", change(jwt, "issuer: https://id.example, ", ""), "phones.jwt: issuer: want the iss"},
		{"the issuer of our own tokens", change(jwt, "https://id.example,", "tokens,"), "phones.jwt: issuer: \"tokens\" is that of phones.tokens"},
		{"an issuer with NUL", change(jwt, "https://id.example,", `"a\0b",`), "phones.jwt: issuer: must not have control characters"},
		{"no audience", change(jwt, "audience: qrlatch, ", ""), "phones.jwt: audience: want"},
		{"no keys", change(jwt, ", "+url, ""), "want one of jwks_url, jwks_file and hs256_secret_file"},
		{"keys from two places", change(jwt, url, url+", hs256_secret_file: "+secret), "want one of jwks_url"},
		{"keys by http", change(jwt, url, "jwks_url: http://id.example/"), "jwks_url \"http://id.example/\": want https"},
		{"keys of no URL", change(jwt, url, "jwks_url: keys.json"), "want an absolute https URL"},
		{"a file that is not there", change(jwt, url, "jwks_file: /nowhere/jwks"), "jwks_file: open /nowhere/jwks"},
		{"a file without keys", change(jwt, url, "jwks_file: "+write(t, "none", `{"keys":[]}`)), "no key for signatures"},
		{"a file of another kind", change(jwt, url, "jwks_file: "+secret), "want a JWK Set"},
		{"a short secret", change(jwt, url, "hs256_secret_file: "+write(t, "short", strings.Repeat("hunter2", 4)+"123")), "want at least 32 bytes"},
		{"a secret of two lines", change(jwt, url, "hs256_secret_file: "+write(t, "two", "hunter2\nhunter2")), "want one line"},
		{"an unknown key", change(jwt, url, url+", algorithms: [none]"), `unknown key "algorithms"`},
		{"a word for it", "jwt: yes please", "a value of the wrong kind"},
		{"claims by another name, and a provider", change(jwt, url, url+", claims: {subject: email}") + ", " + provider, "phones.jwt: claims.subject: want sub, by which phones.oidc"},

		{"introspection by http", change(asked, "https", "http"), "phones.introspection: url \"http://id.example/introspect\": want https"},
		{"introspection without an audience", change(asked, ", audience: qrlatch", ""), "phones.introspection: audience: want"},
		{"introspection without an id", change(asked, "client_id: a, ", ""), "phones.introspection: client_id: want"},
		{"introspection without a secret", change(asked, "client_secret_file: "+secret+", ", ""), "phones.introspection: client_secret_file: want"},
		{"introspection of our own issuer", change(asked, "url:", "issuer: tokens, url:"), "is that of phones.tokens"},

		{"two issuers", change(jwt, "issuer: https://id", "issuer: https://app") + ", " + provider, "set phones.jwt.subject_prefix"},
		{"two issuers by introspection", jwt + ", " + change(asked, "url:", "issuer: https://app.example, url:"), "set phones.introspection.subject_prefix"},
		{"one issuer, but told apart", jwt + ", " + change(asked, "url:", "subject_prefix: x, url:"), "must have the same subject_prefix"},
		{"a prefix that begins with another's", change(jwt, url, url+", subject_prefix: 'app:'") + ", " + change(asked, "url:", "issuer: https://app.example, subject_prefix: 'app:two:', url:"), "phones.introspection: subject_prefix: neither"},
		{"a prefix that another's begins with", change(jwt, url, url+", subject_prefix: ab") + ", " + change(asked, "url:", "issuer: https://app.example, subject_prefix: a, url:"), "phones.introspection: subject_prefix: neither"},
		{"a fixed token for somebody else's person", change(jwt, url, url+", subject_prefix: 'app:'") + ", tokens: [{token_sha256: " + aHash + ", subject: 'app:alice'}]", "phones.tokens[0]: subject: begins with the subject_prefix of phones.jwt"},
		{"a prefix of two lines", change(jwt, url, url+`, subject_prefix: "a\nb"`), "phones.jwt: subject_prefix: want"},
		{"a demo", "DEMO" + jwt, "--demo brings its own apps and phones"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, demo := strings.CutPrefix(tt.phones, "DEMO")
			args := []string{"--config", write(t, "q.yaml", aShop+"phones: {"+text+"}")}
			if demo {
				args = append(args, "--demo")
			}
			_, lines := read(t, args)
			if tt.want == "" {
				if lines != nil {
					t.Errorf("%q", lines)
				}
				return
			}
			if len(lines) == 0 || len(lines) > 1 && strings.HasPrefix(lines[0], "phones") || !strings.Contains(lines[0], tt.want) || strings.Contains(lines[0], "hunter2") || strings.Contains(lines[0], "\n") {
				t.Errorf("got %q, want one clean line with %q", lines, tt.want)
			}
		})
	}
}

func TestTokensThatMayBeTooGoodWarn(t *testing.T) {
	secret := write(t, "secret", "s3cret")
	asked := "introspection: {url: https://id.example/introspect, client_id: a, client_secret_file: " + secret + ", audience: qrlatch}"
	for phones, want := range map[string]string{
		asked: "phones.introspection: without an issuer",
		strings.Replace(asked, "url:", "issuer: https://id.example, url:", 1):                                                                                                      "",
		"jwt: {issuer: https://id.example, audience: web, jwks_url: https://id.example/k}, oidc: {issuer: https://id.example, client_id: web, client_secret_file: " + secret + "}": "ID tokens",
	} {
		c, wrong := read(t, []string{"--config", write(t, "q.yaml", aShop+"phones: {"+phones+"}")})
		if wrong != nil {
			t.Fatal(wrong)
		}
		about := func(w string) bool { return strings.HasPrefix(w, "phones.") && strings.Contains(w, want) }
		if slices.ContainsFunc(c.warnings, about) != (want != "") {
			t.Errorf("%s: %q, want %q", phones, c.warnings, want)
		}
	}
}
