// Package oidc signs people in at an OpenID Connect provider: the authorization code
// flow with PKCE, state and nonce, as RFC 9700 wants it. It keeps nothing of a sign-in
// that is under way; whoever begins one keeps its [Attempt] for it.
//
// Three rules hold for all of it. No error and no log has a code, a token or a secret in
// it. Nothing that a provider says is read without a limit of size and of time. And the
// provider may be down, at the start as well as later: it is asked again when needed.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	patience  = 10 * time.Second // with all that a provider is asked in one step
	maxAnswer = 1 << 20          // bytes of one answer of a provider
	freshness = time.Hour        // of what a provider says of itself
	staleness = 24 * time.Hour   // until which that does while it is asked again
)

// Config is what one has to know of a provider. All but Transport is mandatory.
type Config struct {
	Issuer       string // byte for byte as the provider says it
	ClientID     string
	ClientSecret string
	RedirectURL  string            // where the provider sends people back to, as registered there
	Transport    http.RoundTripper // to the provider; nil: the usual one
}

// Provider is an OpenID Connect provider. It is safe for concurrent use.
type Provider struct {
	config Config
	client *http.Client

	asking singleflight.Group // of the discovery: who comes meanwhile waits for the same answer
	mu     sync.Mutex         // guards found
	found  *metadata          // nil: it was never reached
}

// metadata is what a provider has said of itself.
type metadata struct {
	read     time.Time
	oauth    *oauth2.Config // kept: it remembers how the provider wants the secret
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider
	says     claims
}

// claims are those of the discovery document that the library does not read.
type claims struct {
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	KeysURL     string   `json:"jwks_uri"`
	UserInfoURL string   `json:"userinfo_endpoint"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	SendsIssuer bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// algorithms are those that an ID token may be signed with, whatever it or the provider
// says. None of them takes a key that others know too: that keeps "none" out, and HS256,
// which could be made with a public key as its secret.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
	oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// New returns a provider. It is asked nothing before the first sign-in.
func New(c Config) *Provider {
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return &Provider{config: c, client: &http.Client{
		Transport: limited{c.Transport}, Timeout: patience,
		// Who follows a redirect sends the secret, or the code, to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Issuer is the issuer of everybody who signs in here.
func (p *Provider) Issuer() string { return p.config.Issuer }

// Host is what people are told of where they are sent to.
func (p *Provider) Host() string {
	u, err := url.Parse(p.config.Issuer)
	if err != nil {
		return p.config.Issuer
	}
	return u.Host
}

// discover returns what the provider says of itself, and asks it if that is not known.
// Nobody waits for what is only no longer fresh: the provider may hang.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	known := p.found
	p.mu.Unlock()
	if known != nil && time.Since(known.read) < freshness {
		return known, nil
	}
	asked := p.asking.DoChan("", func() (any, error) {
		// For all who wait: it must not end with the first of them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		found, err := p.ask(ctx)
		if err == nil {
			p.mu.Lock()
			p.found = found
			p.mu.Unlock()
		}
		return found, err
	})
	if known != nil && time.Since(known.read) < staleness {
		return known, nil
	}
	select {
	case answer := <-asked:
		if answer.Err == nil {
			return answer.Val.(*metadata), nil
		}
		return nil, fmt.Errorf("%w: discovery: %s", ErrUnavailable, brief(answer.Err))
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: discovery: %w", ErrUnavailable, ctx.Err())
	}
}

func (p *Provider) ask(ctx context.Context) (*metadata, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.config.Issuer)
	if err != nil {
		return nil, err
	}
	m := &metadata{read: time.Now(), provider: provider}
	if err := provider.Claims(&m.says); err != nil {
		return nil, err
	}
	for name, address := range map[string]string{
		"authorization_endpoint": m.says.AuthURL, "token_endpoint": m.says.TokenURL, "jwks_uri": m.says.KeysURL,
	} {
		if err := CheckAddress(address); err != nil {
			return nil, fmt.Errorf("its %s: %w", name, err)
		}
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = m.says.authStyle()
	m.oauth = &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: endpoint,
		RedirectURL: p.config.RedirectURL, Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
	m.verifier = provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms})
	return m, nil
}

// authStyle is how the provider wants the client's secret. Where it takes both ways, the
// library tries them: some want the one that the client was registered for.
func (c claims) authStyle() oauth2.AuthStyle {
	basic := len(c.AuthMethods) == 0 || slices.Contains(c.AuthMethods, "client_secret_basic")
	post := slices.Contains(c.AuthMethods, "client_secret_post")
	switch {
	case basic && !post:
		return oauth2.AuthStyleInHeader
	case post && !basic:
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleAutoDetect
}

// CheckAddress accepts an https URL, and http on this machine.
func CheckAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("want an absolute https URL")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && !ip.IsLoopback()) {
		return errors.New("want https (http on this machine only)")
	}
	return nil
}

// limited cuts what a provider answers.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}
