package attack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qrlatch/server/oidc"
	"qrlatch/server/pages"
	"qrlatch/server/phone"
)

const (
	issuer    = "https://id.example"
	jwtSecret = "a-shared-secret-of-32-letters-xx"
)

// identityProvider is all of an issuer that a server can be configured with, at which Ada
// is signed in: an OpenID provider, tokens that are JWTs, and introspection. It remembers
// every secret that goes through it.
type identityProvider struct {
	t   *testing.T
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	grants  map[string]url.Values // by code
	secrets []string
}

func newIdentityProvider(t *testing.T) *identityProvider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &identityProvider{t: t, key: key, grants: map[string]url.Values{}, secrets: []string{"client-secret-9c1f", jwtSecret}}
}

// phones judges whoever has a token.
func (p *identityProvider) phones(log *slog.Logger) phone.Authenticator {
	key, err := phone.NewSecret([]byte(jwtSecret))
	if err != nil {
		p.t.Fatal(err)
	}
	return &phone.Chain{Log: log, Authenticators: []phone.Authenticator{
		tokens(),
		&phone.JWT{Issuer: issuer, Audience: "qrlatch", Keys: key},
		phone.NewIntrospection(phone.IntrospectionConfig{
			URL: issuer + "/introspect", ClientID: "qrlatch", ClientSecret: "client-secret-9c1f", Audience: "qrlatch", Issuer: issuer, Transport: p,
		}),
	}}
}

func (p *identityProvider) signIn() pages.Provider {
	return oidc.New(oidc.Config{
		Issuer: issuer, ClientID: "qrlatch", ClientSecret: "client-secret-9c1f", RedirectURL: base + pages.CallbackPath, Transport: p,
	})
}

// jwt is an access token of Ada's, for audience.
func (p *identityProvider) jwt(audience string) string {
	return p.jwtOf(map[string]any{"aud": audience})
}

// jwtOf is an access token for us that says something more.
func (p *identityProvider) jwtOf(more map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(jwtSecret)}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	claims := map[string]any{"aud": "qrlatch"}
	maps.Copy(claims, more)
	return p.signed(signer, claims)
}

func (p *identityProvider) signed(signer jose.Signer, more map[string]any) string {
	claims := map[string]any{"iss": issuer, "sub": "ada-1815", "name": "Ada", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for name, value := range more {
		claims[name] = value
	}
	body, _ := json.Marshal(claims)
	token, err := signer.Sign(body)
	if err != nil {
		p.t.Fatal(err)
	}
	text, _ := token.CompactSerialize()
	p.saw(text)
	return text
}

func (p *identityProvider) saw(secrets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = append(p.secrets, secrets...)
}

// RoundTrip answers without a network.
func (p *identityProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	say := func(body any) { _ = json.NewEncoder(w).Encode(body) }
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		say(map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
		})
	case "/keys":
		say(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Use: "sig"}}})
	case "/token":
		p.mu.Lock()
		asked := p.grants[r.FormValue("code")]
		p.mu.Unlock()
		verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(verifier[:]) {
			p.t.Error("PKCE does not fit")
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k1"}}, nil)
		if err != nil {
			return nil, err
		}
		access := rand.Text()
		p.saw(access, r.FormValue("code_verifier"))
		say(map[string]any{
			"access_token": access, "token_type": "Bearer", "id_token": p.signed(signer, map[string]any{"aud": "qrlatch", "nonce": asked.Get("nonce")}),
		})
	case "/introspect":
		p.saw(r.FormValue("token"))
		say(map[string]any{"active": r.FormValue("token") == "opaque-token-of-ada", "aud": "qrlatch", "iss": issuer, "sub": "ada-1815", "exp": time.Now().Add(time.Hour).Unix()})
	default:
		p.t.Errorf("asked for %s", r.URL.Path)
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// authorize is Ada's browser at the provider: it is sent back at once.
func (p *identityProvider) authorize(address string) (back string) {
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	code := rand.Text()
	q := u.Query()
	p.mu.Lock()
	p.grants[code] = q
	p.mu.Unlock()
	p.saw(code, q.Get("state"), q.Get("nonce"))
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}
