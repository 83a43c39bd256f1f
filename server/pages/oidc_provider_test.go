package pages_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qrlatch/server/login"
	"qrlatch/server/oidc"
	"qrlatch/server/pages"
)

const (
	issuer = "https://id.example"
	client = "qrlatch"
	secret = "client-secret-of-the-tests" //nolint:gosec // of a provider that is no further than this file
)

var providerKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// idp is a provider at which Ada is signed in already. It checks what a provider must,
// and a test may make it lie.
type idp struct {
	discovery map[string]any
	claims    map[string]any                           // of the ID token; nil: as they should be
	answer    func(url.Values)                         // changes what the person is sent back with
	sign      func(t *testing.T, claims []byte) string // nil: as it should be
	broken    func(w http.ResponseWriter, r *http.Request) bool
	userinfo  map[string]any
	keys      []jose.JSONWebKey // published besides its own

	t      *testing.T
	mu     sync.Mutex
	grants map[string]url.Values // by code: what was asked for
	wanted url.Values            // what was asked for last
	asked  map[string]int        // requests by path
	spoken []string              // every code, token and verifier that it has seen
}

func newIDP(t *testing.T) *idp {
	return &idp{t: t, grants: map[string]url.Values{}, asked: map[string]int{}, claims: map[string]any{}, discovery: map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"jwks_uri": issuer + "/keys", "authorization_response_iss_parameter_supported": true,
	}}
}

// RoundTrip answers without a network, and as long as nobody gives up.
func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder, done := httptest.NewRecorder(), make(chan struct{})
	if r.URL.Host != "id.example" {
		return nil, errors.New("no such host")
	}
	go func() { defer close(done); p.ServeHTTP(recorder, r) }()
	select {
	case <-done:
		answer := recorder.Result()
		answer.Request = r
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	broken := p.broken
	p.mu.Unlock()
	if broken != nil && broken(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.write(w, 200, p.discovery)
	case "/keys":
		p.write(w, 200, jose.JSONWebKeySet{Keys: append(p.keys, jose.JSONWebKey{Key: providerKey().Public(), KeyID: "k1", Use: "sig"})})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		p.write(w, 200, p.userinfo)
	default:
		http.NotFound(w, r)
	}
}

func (p *idp) write(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		p.t.Error(err)
	}
}

// authorize sends back at once: Ada is signed in.
func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": client, "redirect_uri": base + "/phone/callback",
		"scope": "openid profile", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			p.t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	code := rand.Text()
	p.mu.Lock()
	p.grants[code], p.wanted = q, q
	p.spoken = append(p.spoken, code, q.Get("state"), q.Get("nonce"))
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {issuer}}
	if p.answer != nil {
		p.answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// lastAsked is a parameter of the last sign-in.
func (p *idp) lastAsked(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted.Get(name)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	id, word, basic := r.BasicAuth()
	verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	p.mu.Lock()
	granted, known := p.grants[r.FormValue("code")]
	delete(p.grants, r.FormValue("code"))
	p.spoken = append(p.spoken, r.FormValue("code"), r.FormValue("code_verifier"))
	p.mu.Unlock()
	switch {
	case r.Method != http.MethodPost || !basic || id != client || word != secret:
		p.write(w, 401, map[string]string{"error": "invalid_client"})
		return
	case !known || r.FormValue("redirect_uri") != granted.Get("redirect_uri"),
		base64.RawURLEncoding.EncodeToString(verifier[:]) != granted.Get("code_challenge"):
		p.write(w, 400, map[string]string{"error": "invalid_grant", "error_description": "not " + r.FormValue("code")})
		return
	}
	claims := map[string]any{
		"iss": issuer, "sub": "ada-1815", "aud": client, "nonce": granted.Get("nonce"), "name": "Ada", "picture": "https://id.example/ada.jpg",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, value := range p.claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	sign := p.sign
	if sign == nil {
		sign = signed(jose.ES256, jose.JSONWebKey{Key: providerKey(), KeyID: "k1"})
	}
	token, access := sign(p.t, body), rand.Text()
	p.mu.Lock()
	p.spoken = append(p.spoken, token, access)
	p.mu.Unlock()
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60}
	if token != "" {
		answer["id_token"] = token
	}
	p.write(w, 200, answer)
}

// signed makes tokens with a key of the caller's choice.
func signed(alg jose.SignatureAlgorithm, key any) func(*testing.T, []byte) string {
	return func(t *testing.T, claims []byte) string {
		t.Helper()
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signature.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// unsigned makes a token that says that it needs no signature.
func unsigned(_ *testing.T, claims []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(claims) + "."
}

// newProviderWorld is a server at which people sign in by the provider only. said is
// its log.
func newProviderWorld(t *testing.T, p *idp) (w *world, said *strings.Builder) {
	t.Helper()
	said = new(strings.Builder)
	w = newWorld(t, func(o *pages.Options, _ *login.Config) {
		o.Accounts = nil
		o.Log = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.SignIn = oidc.New(oidc.Config{
			Issuer: issuer, ClientID: client, ClientSecret: secret,
			RedirectURL: base + pages.CallbackPath, Transport: p,
		})
	})
	return w, said
}

// internet is a visitor's way to both: to the server and to its provider.
type internet struct{ server, provider http.RoundTripper }

func (i internet) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme+"://"+r.URL.Host == issuer {
		return i.provider.RoundTrip(r)
	}
	if r.URL.Scheme+"://"+r.URL.Host == base {
		return i.server.RoundTrip(r)
	}
	return nil, errors.New("led astray to " + r.URL.String())
}

func (w *world) guest(p *idp) *visitor {
	v := w.visitor()
	v.client.Transport = internet{w, p}
	return v
}

// halfway signs a visitor in at the provider, and returns the address at which the
// provider sends it back: what an attacker may see and change.
func (v *visitor) halfway(next string) *url.URL {
	v.w.t.Helper()
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == pages.CallbackPath {
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { v.client.CheckRedirect = nil }()
	p := v.get("/phone/sign-in/provider?next=" + url.QueryEscape(next))
	back, err := url.Parse(p.header.Get("Location"))
	if err != nil || back.Path != pages.CallbackPath {
		v.w.t.Fatalf("not sent back: %d %s", p.status, p.body)
	}
	return back
}
