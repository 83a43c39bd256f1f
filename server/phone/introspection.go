package phone

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"qrlatch/server/login"
)

const (
	activeFor      = 30 * time.Second // a token that was revoked may serve for so long
	inactiveFor    = 5 * time.Second
	maxAnswer      = 64 << 10
	verdictsAtOnce = 5000 // remembered, twice
)

// IntrospectionConfig is what one has to know of an introspection endpoint (RFC 7662).
type IntrospectionConfig struct {
	URL                    string
	ClientID, ClientSecret string // ours, by HTTP Basic
	Audience               string // must be a member of aud; the answer must have one
	// Issuer is what iss must be, if the answer has it, and the issuer of everybody. If
	// it is empty, people are of the issuer that the answer names, or else of URL.
	Issuer        string
	SubjectPrefix string            // as that of JWT
	Transport     http.RoundTripper // nil: the usual one
}

// Introspection is an [Authenticator] that asks the authorization server about tokens of
// any kind. It is safe for concurrent use.
type Introspection struct {
	config IntrospectionConfig
	client *http.Client
	asking singleflight.Group // by the token's hash

	mu  sync.Mutex // guards the rest
	new map[tokenHash]verdict
	old map[tokenHash]verdict // those from before new was full
}

// tokenHash stands for a token: none is kept.
type tokenHash [sha256.Size]byte

// verdict is what the endpoint said of a token.
type verdict struct {
	who   login.Identity
	err   error // ErrBadToken or nil
	until time.Time
}

// NewIntrospection returns an authenticator, and asks nothing yet.
func NewIntrospection(c IntrospectionConfig) *Introspection {
	return &Introspection{config: c, client: newClient(c.Transport), new: map[tokenHash]verdict{}}
}

// Authenticate makes Introspection an Authenticator.
func (i *Introspection) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	if len(bearer) > maxToken {
		return login.Identity{}, refused("longer than %d bytes", maxToken)
	}
	hash := tokenHash(sha256.Sum256([]byte(bearer)))
	if v, ok := i.remembered(hash); ok {
		return v.who, v.err
	}
	asked := i.asking.DoChan(string(hash[:]), func() (any, error) {
		// For all who wait: it must not end with the first of them.
		v, err := i.ask(context.WithoutCancel(ctx), bearer)
		if err == nil {
			i.remember(hash, v)
		}
		return v, err
	})
	select {
	case answer := <-asked:
		if answer.Err != nil {
			return login.Identity{}, answer.Err
		}
		v := answer.Val.(verdict)
		return v.who, v.err
	case <-ctx.Done():
		return login.Identity{}, fmt.Errorf("introspection: %w", ctx.Err())
	}
}

func (i *Introspection) remembered(hash tokenHash) (verdict, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, known := range []map[tokenHash]verdict{i.new, i.old} {
		if v, ok := known[hash]; ok && time.Now().Before(v.until) {
			return v, true
		}
	}
	return verdict{}, false
}

// remember forgets what came first when there is too much: a flood of made-up tokens
// costs no more memory than that.
func (i *Introspection) remember(hash tokenHash, v verdict) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.new) >= verdictsAtOnce {
		i.new, i.old = map[tokenHash]verdict{}, i.new
	}
	i.new[hash] = v
}

func (i *Introspection) ask(ctx context.Context, bearer string) (verdict, error) {
	now := time.Now()
	form := url.Values{"token": {bearer}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.config.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return verdict{}, fmt.Errorf("introspection: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(url.QueryEscape(i.config.ClientID), url.QueryEscape(i.config.ClientSecret)) // RFC 6749, section 2.3.1
	body, err := send(i.client, r, maxAnswer)
	if err != nil {
		return verdict{}, fmt.Errorf("introspection: %w", err)
	}
	return i.read(body, now)
}

// read understands an answer to what was asked at now.
func (i *Introspection) read(body []byte, now time.Time) (verdict, error) {
	said, ok := parseClaims(body)
	active := string(said["active"])
	if !ok || active != "true" && active != "false" {
		return verdict{}, errors.New("introspection: malformed answer")
	}
	who, expires, err := i.judge(said, now)
	if err != nil {
		return verdict{err: err, until: now.Add(inactiveFor)}, nil
	}
	v := verdict{who: who, until: now.Add(activeFor)}
	if !expires.IsZero() && expires.Before(v.until) {
		v.until = expires
	}
	return v, nil
}

// judge returns who a token stands for, and until when it does; its error is ErrBadToken.
func (i *Introspection) judge(said claims, now time.Time) (login.Identity, time.Time, error) {
	no := func(reason string) (login.Identity, time.Time, error) {
		return login.Identity{}, time.Time{}, refused("introspection: %s", reason)
	}
	if string(said["active"]) != "true" {
		return no("not active")
	}
	// Whoever runs an API of the same server has tokens of its people: they must not do here.
	if !said.meantFor(i.config.Audience) {
		return no("meant for another audience")
	}
	// An endpoint may answer for refresh tokens as well, and for those that are bound to a
	// key, which is not checked here.
	if kind := strings.ToLower(said.text("token_type")); said.has("token_type") && kind != "bearer" && kind != "access_token" {
		return no("not a bearer token")
	}
	issuer := i.config.Issuer
	if said.has("iss") {
		named := said.text("iss")
		if issuer != "" && named != issuer {
			return no("of another issuer")
		}
		// Without a configured issuer the endpoint says whose people they are; ours are
		// not among them.
		if named == "" || named == TokensIssuer || strings.ContainsRune(named, 0) {
			return no("of no usable issuer")
		}
		issuer = named
	}
	if issuer == "" {
		issuer = i.config.URL
	}
	expires, err := said.checkTimes(now)
	if err != nil {
		return login.Identity{}, time.Time{}, err
	}
	who, err := said.identity(issuer, i.config.SubjectPrefix, ClaimNames{})
	return who, expires, err
}
