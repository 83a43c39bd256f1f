package phone

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"qrlatch/server/login"
)

const (
	activeFor   = 30 * time.Second // a token that was revoked may serve for so long
	inactiveFor = 5 * time.Second
	maxAnswer   = 64 << 10
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
// any kind. It is safe for concurrent use. How many strangers it asks for is limited by
// the [Strangers] of the API.
type Introspection struct {
	config   IntrospectionConfig
	client   *http.Client
	asking   singleflight.Group // by the token's hash
	verdicts *verdicts
}

// NewIntrospection returns an authenticator, and asks nothing yet.
func NewIntrospection(c IntrospectionConfig) *Introspection {
	return &Introspection{config: c, client: newClient(c.Transport), verdicts: newVerdicts()}
}

// Authenticate makes Introspection an Authenticator.
func (i *Introspection) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	if len(bearer) > maxToken {
		return login.Identity{}, refused("longer than %d bytes", maxToken)
	}
	hash := tokenHash(sha256.Sum256([]byte(bearer)))
	if v, ok := i.verdicts.of(hash); ok {
		return v.who, v.err
	}
	asked := i.asking.DoChan(string(hash[:]), func() (any, error) {
		// For all who wait: it must not end with the first of them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return i.find(ctx, hash, bearer)
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

// find asks about a token of which there is no verdict, a stranger's when it is its turn.
func (i *Introspection) find(ctx context.Context, hash tokenHash, bearer string) (verdict, error) {
	known := i.verdicts.wasGood(hash)
	if !known {
		done, err := visitOf(ctx).turn(ctx)
		if err != nil {
			return verdict{}, fmt.Errorf("introspection: %w", err)
		}
		defer done()
	}
	v, err := i.ask(ctx, bearer)
	if err != nil {
		return verdict{}, err
	}
	if known && v.err != nil {
		v.err = fmt.Errorf("%w: %w", errOver, v.err)
	}
	i.verdicts.add(hash, v)
	return v, nil
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
