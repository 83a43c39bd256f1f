package oidc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"qrlatch/server/login"
)

// Attempt is one sign-in from its beginning to its end. Whoever begins it keeps it where
// only the same browser can bring it back, and uses it once.
type Attempt struct {
	State    string // binds the answer to this browser (RFC 6749, section 10.12)
	Nonce    string // binds the ID token to this attempt
	Verifier string // binds the code to it (PKCE, RFC 7636)
}

// The most that is taken over of what a provider says of a person.
const (
	maxSubject = 255 // OpenID Connect Core, section 2
	maxName    = 100 // characters
	maxPicture = 512
)

// Begin returns where to send the person, and what [Provider.Finish] will need. The only
// error is ErrUnavailable.
func (p *Provider) Begin(ctx context.Context) (address string, a Attempt, err error) {
	m, err := p.discover(ctx)
	if err != nil {
		return "", Attempt{}, err
	}
	a = Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	return m.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), a, nil
}

// NoOlder returns the address of [Provider.Begin] of a sign-in that may have no older proof
// of who it is: the provider asks for a new one, and says when it had it (Core, section
// 3.1.2.1).
func NoOlder(address string, than time.Duration) string {
	return address + "&max_age=" + strconv.Itoa(int(than/time.Second))
}

// Finish returns who has signed in: answer is the query that the provider has sent the
// person back with. ErrForeign means that nothing of it was looked at, and that the
// attempt may still have its own answer.
func (p *Provider) Finish(ctx context.Context, a Attempt, answer url.Values) (login.Identity, error) {
	if a.State == "" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return login.Identity{}, ErrForeign
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(answer[name]) > 1 {
			return login.Identity{}, refused("%s is there twice", name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx = oidc.ClientContext(ctx, p.client)
	m, err := p.discover(ctx)
	if err != nil {
		return login.Identity{}, err
	}
	// An answer of another provider means that a code is on its way to the wrong one
	// (mix-up, RFC 9207).
	if iss := answer.Get("iss"); iss != p.config.Issuer && (answer.Has("iss") || m.says.SendsIssuer) {
		return login.Identity{}, refused("the answer is not of this issuer")
	}
	if answer.Has("error") {
		return login.Identity{}, saidNo(answer.Get("error"))
	}
	if answer.Get("code") == "" {
		return login.Identity{}, refused("no code")
	}
	tokens, err := m.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return login.Identity{}, exchangeFailed(err)
	}
	return p.identify(ctx, m, a, tokens)
}

func saidNo(code string) error {
	switch code {
	case "access_denied":
		return ErrDenied
	case "temporarily_unavailable", "server_error":
		return fmt.Errorf("%w: %s", ErrUnavailable, code)
	}
	return refused("error %s", word(code))
}

// exchangeFailed tells a code that is not good, be it stolen or old, from a provider that
// is in trouble or does not know us.
func exchangeFailed(err error) error {
	var told *oauth2.RetrieveError
	if errors.As(err, &told) && told.ErrorCode == "invalid_grant" {
		return refused("%s", brief(err))
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, brief(err))
}

// identify checks the ID token, and asks for the name if it has none.
func (p *Provider) identify(ctx context.Context, m *metadata, a Attempt, tokens *oauth2.Token) (login.Identity, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return login.Identity{}, refused("no ID token")
	}
	token, err := m.verifier.Verify(ctx, raw)
	if err != nil && ctx.Err() != nil {
		return login.Identity{}, fmt.Errorf("%w: its keys: %w", ErrUnavailable, ctx.Err())
	}
	if err != nil {
		return login.Identity{}, refused("%s", brief(err))
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return login.Identity{}, refused("the ID token has another nonce")
	}
	var said person
	if err := token.Claims(&said); err != nil {
		return login.Identity{}, refused("the ID token's claims: %s", brief(err))
	}
	// A token for several has to say for whom it was made (Core, section 3.1.3.7).
	if said.Party != p.config.ClientID && (said.Party != "" || len(token.Audience) > 1) {
		return login.Identity{}, refused("the ID token was made for another client")
	}
	if token.Subject == "" || len(token.Subject) > maxSubject {
		return login.Identity{}, refused("the ID token has no usable subject")
	}
	signedIn := said.signedIn()
	if said.Name == "" && m.says.UserInfoURL != "" {
		if said, err = p.userInfo(ctx, m, tokens, token.Subject, said); err != nil {
			return login.Identity{}, err
		}
	}
	return login.Identity{
		AuthTime: signedIn,
		Phone:    login.Phone{Issuer: p.config.Issuer, Subject: token.Subject},
		Profile:  login.Profile{Name: said.name(token.Subject), Picture: said.picture()},
	}, nil
}

// userInfo asks for the person where the ID token does not describe it: with the code
// flow a provider need not put more than the subject into it (Core, section 5.4). People
// can be signed in without a name, so only a contradiction is an error.
func (p *Provider) userInfo(ctx context.Context, m *metadata, tokens *oauth2.Token, subject string, said person) (person, error) {
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return said, nil //nolint:nilerr // see above
	}
	if info.Subject != subject {
		return said, refused("userinfo is of another person")
	}
	var more person
	if info.Claims(&more) != nil {
		return said, nil
	}
	return person{
		Name:     more.Name,
		Username: cmp.Or(more.Username, said.Username),
		Picture:  cmp.Or(more.Picture, said.Picture),
	}, nil
}

// person are the claims of a person that are of use here.
type person struct {
	Party    string `json:"azp"`
	Name     string `json:"name"`
	Username string `json:"preferred_username"`
	Picture  string `json:"picture"`

	AuthTime json.RawMessage `json:"auth_time"`
}

// signedIn is when the person proved to be it at the provider, which may be long before it
// came here; the zero Time if that is not said, or not in seconds.
func (p person) signedIn() time.Time {
	seconds, err := strconv.ParseFloat(string(p.AuthTime), 64)
	if err != nil || !(seconds > 0 && seconds < 1<<40) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

func (p person) name(subject string) string {
	return clean(cmp.Or(strings.TrimSpace(p.Name), strings.TrimSpace(p.Username), subject), maxName)
}

// picture is a URL that may be shown on a page: a relative one would name a file of ours.
func (p person) picture() string {
	u, err := url.Parse(p.Picture)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(p.Picture) > maxPicture {
		return ""
	}
	return u.String()
}
