package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"unicode"

	"qrlatch/server/login"
	"qrlatch/server/oidc"
	"qrlatch/server/pages"
	"qrlatch/server/phone"
)

// jwtEntry is phones.jwt: the app's own access tokens. The keys are in exactly one of
// JWKSURL, JWKSFile and HS256SecretFile.
type jwtEntry struct {
	Issuer          string      `yaml:"issuer"`
	Audience        string      `yaml:"audience"`
	SubjectPrefix   string      `yaml:"subject_prefix"`
	JWKSURL         string      `yaml:"jwks_url"`
	JWKSFile        string      `yaml:"jwks_file"`
	HS256SecretFile string      `yaml:"hs256_secret_file"`
	Claims          claimsEntry `yaml:"claims"`
}

type claimsEntry struct {
	Subject string `yaml:"subject"`
	Name    string `yaml:"name"`
	Picture string `yaml:"picture"`
}

type introspectionEntry struct {
	URL              string `yaml:"url"`
	Issuer           string `yaml:"issuer"`
	ClientID         string `yaml:"client_id"`
	ClientSecretFile string `yaml:"client_secret_file"`
	Audience         string `yaml:"audience"`
	SubjectPrefix    string `yaml:"subject_prefix"`
}

// maxKeysFile is more than any JWK Set has.
const maxKeysFile = 1 << 20

// checkBearers reads how phones' tokens are judged. No issuer is asked: it may be down at
// a start. It comes after checkOIDC.
func (c *config) checkBearers(wrong *problems) {
	c.checkJWT(wrong)
	c.checkIntrospection(wrong)
	c.checkIssuers(wrong)
}

func (c *config) checkJWT(wrong *problems) {
	e := c.file.Phones.JWT
	if e == nil {
		return
	}
	at := func(format string, args ...any) { wrong.add("phones.jwt: "+format, args...) }
	if e.Issuer == "" {
		at("issuer: want the iss of the tokens")
	} else if err := checkIssuer(e.Issuer); err != nil {
		at("issuer: %s", err)
	}
	if e.Audience == "" {
		at("audience: want what the tokens' aud names this server")
	}
	keys, err := e.keys()
	if err != nil {
		at("%s", err)
	}
	if c.oidc != nil && e.Audience == c.oidc.ClientID && e.Issuer == c.oidc.Issuer {
		c.warnings = append(c.warnings, "phones.jwt: audience is the client_id of phones.oidc, so its ID tokens sign phones in too: better have an audience of its own")
	}
	c.jwt = &phone.JWT{
		Issuer: e.Issuer, Audience: e.Audience, SubjectPrefix: e.SubjectPrefix, Keys: keys,
		Claims: phone.ClaimNames{Subject: e.Claims.Subject, Name: e.Claims.Name, Picture: e.Claims.Picture},
	}
}

// keys reads the keys, but not from a URL: then it returns nil.
func (e *jwtEntry) keys() (phone.KeySource, error) {
	sources := 0
	for _, source := range []string{e.JWKSURL, e.JWKSFile, e.HS256SecretFile} {
		if source != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, errors.New("want one of jwks_url, jwks_file and hs256_secret_file")
	case e.JWKSURL != "":
		if err := oidc.CheckAddress(e.JWKSURL); err != nil {
			return nil, fmt.Errorf("jwks_url %q: %w", e.JWKSURL, err)
		}
		return nil, nil
	case e.JWKSFile != "":
		if info, err := os.Stat(e.JWKSFile); err == nil && info.Size() > maxKeysFile {
			return nil, fmt.Errorf("jwks_file: %s: more than a JWK Set has", e.JWKSFile)
		}
		body, err := os.ReadFile(e.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("jwks_file: %w", err)
		}
		set, err := phone.ParseKeySet(body)
		if err != nil {
			return nil, fmt.Errorf("jwks_file: %s: %w", e.JWKSFile, err)
		}
		return set, nil
	}
	secret, err := readSecret(e.HS256SecretFile)
	if err != nil {
		return nil, fmt.Errorf("hs256_secret_file: %w", err)
	}
	set, err := phone.NewSecret([]byte(secret))
	if err != nil {
		return nil, fmt.Errorf("hs256_secret_file: %s: %w", e.HS256SecretFile, err)
	}
	return set, nil
}

func (c *config) checkIntrospection(wrong *problems) {
	e := c.file.Phones.Introspection
	if e == nil {
		return
	}
	at := func(format string, args ...any) { wrong.add("phones.introspection: "+format, args...) }
	if err := oidc.CheckAddress(e.URL); err != nil {
		at("url %q: %s", e.URL, err)
	}
	if e.ClientID == "" {
		at("client_id: want the id by which the endpoint knows this server")
	}
	if e.Audience == "" {
		at("audience: want what the tokens' aud names this server, or tokens for others would do")
	}
	secret, err := readSecret(e.ClientSecretFile)
	if err != nil {
		at("client_secret_file: %s", err)
	}
	issuer := e.Issuer
	switch {
	case issuer != "":
		if err := checkIssuer(issuer); err != nil {
			at("issuer: %s", err)
		}
	case c.jwt != nil:
		issuer = c.jwt.Issuer
	case c.oidc != nil:
		issuer = c.oidc.Issuer
	default:
		c.warnings = append(c.warnings, "phones.introspection: without an issuer, people of every issuer that the endpoint answers for are taken, and sites know them by the subject alone")
	}
	c.introspection = &phone.IntrospectionConfig{
		URL: e.URL, ClientID: e.ClientID, ClientSecret: secret, Audience: e.Audience, Issuer: issuer, SubjectPrefix: e.SubjectPrefix,
	}
}

func checkIssuer(issuer string) error {
	if issuer == phone.TokensIssuer {
		return fmt.Errorf("%q is that of phones.tokens", issuer)
	}
	if strings.ContainsFunc(issuer, unicode.IsControl) {
		return errors.New("must not have control characters")
	}
	return nil
}

// checkIssuers keeps people apart. A person is (issuer, subject), but sites are told the
// subject alone: somebody with the right subject at one issuer would be somebody else's
// account at the site. What an issuer's subjects are is seen only when it names one: see
// [phone.Prefixes].
func (c *config) checkIssuers(wrong *problems) {
	sources := c.issuers()
	for i, b := range sources {
		if len(b.prefix) > 64 || strings.ContainsFunc(b.prefix, unicode.IsControl) {
			wrong.add("%s: subject_prefix: want at most 64 bytes without control characters", b.name)
		}
		for _, a := range sources[:i] {
			if a.issuer != b.issuer && a.prefix == b.prefix {
				wrong.add("%s: its issuer is not that of %s, and two issuers may have the same subject, by which alone sites know a person: set %s.subject_prefix, such as app:", b.name, a.name, b.name)
			}
			if a.issuer != b.issuer && a.prefix != b.prefix && a.prefix != "" && b.prefix != "" &&
				(strings.HasPrefix(a.prefix, b.prefix) || strings.HasPrefix(b.prefix, a.prefix)) {
				wrong.add("%s: subject_prefix: neither this nor that of %s may begin with the other, or two issuers may have the same subject", b.name, a.name)
			}
			if a.issuer == b.issuer && a.prefix != b.prefix {
				wrong.add("%s: its issuer is that of %s, so its people must have the same subject_prefix", b.name, a.name)
			}
		}
	}
	for i, t := range c.file.Phones.Tokens {
		for _, s := range sources {
			if s.prefix != "" && strings.HasPrefix(t.Subject, s.prefix) {
				wrong.add("phones.tokens[%d]: subject: begins with the subject_prefix of %s, and might be one of its people", i, s.name)
			}
		}
	}
	if c.jwt != nil && c.jwt.Claims.Subject != "" && c.jwt.Claims.Subject != "sub" {
		for _, other := range sources {
			if other.name != "phones.jwt" && other.issuer == c.jwt.Issuer {
				wrong.add("phones.jwt: claims.subject: want sub, by which %s knows the same people", other.name)
			}
		}
	}
}

// source is one of those that say who somebody is.
type source struct{ name, issuer, prefix string }

func (c *config) issuers() []source {
	var all []source
	if c.oidc != nil {
		all = append(all, source{"phones.oidc", c.oidc.Issuer, ""})
	}
	if c.jwt != nil {
		all = append(all, source{"phones.jwt", c.jwt.Issuer, c.jwt.SubjectPrefix})
	}
	if c.introspection != nil {
		all = append(all, source{"phones.introspection", c.introspection.Issuer, c.introspection.SubjectPrefix})
	}
	return all
}

// prefixes are those of the issuers. An introspection without an issuer answers for many,
// and there is no other then.
func (c *config) prefixes() phone.Prefixes {
	prefixes := phone.Prefixes{}
	for _, s := range c.issuers() {
		if s.issuer != "" {
			prefixes[s.issuer] = s.prefix
		}
	}
	return prefixes
}

// phones authenticates by what was configured last.
type phones struct {
	log   *slog.Logger
	chain atomic.Pointer[phone.Chain]
	keys  *phone.RemoteKeys // of the last configuration that had a URL; only set uses it
}

// set takes over a configuration. Keys from the same URL as before go on to serve, should
// the issuer be down, and are fetched again.
func (p *phones) set(tokens phone.Tokens, c *config) {
	chain := &phone.Chain{Log: p.log, Authenticators: []phone.Authenticator{tokens.Index()}, Prefixes: c.prefixes()}
	if c.jwt != nil {
		judge := *c.jwt
		if judge.Keys == nil {
			url := c.file.Phones.JWT.JWKSURL
			if p.keys == nil || p.keys.URL() != url {
				p.keys = phone.NewRemoteKeys(url, nil, p.log)
			}
			p.keys.Expire()
			judge.Keys = p.keys
		}
		chain.Authenticators = append(chain.Authenticators, &judge)
	}
	if c.introspection != nil {
		chain.Authenticators = append(chain.Authenticators, phone.NewIntrospection(*c.introspection))
	}
	p.chain.Store(chain)
}

// Authenticate makes phones a phone.Authenticator.
func (p *phones) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	return p.chain.Load().Authenticate(ctx, bearer)
}

// signIn is a provider whose people are kept apart from those of other issuers.
type signIn struct {
	pages.Provider
	phones *phones
}

// Finish makes signIn a pages.Provider.
func (s signIn) Finish(ctx context.Context, a oidc.Attempt, answer url.Values) (login.Identity, error) {
	who, err := s.Provider.Finish(ctx, a, answer)
	if err != nil {
		return login.Identity{}, err
	}
	if err := s.phones.chain.Load().Prefixes.Check(who.Phone); err != nil {
		return login.Identity{}, fmt.Errorf("%w: %w", oidc.ErrRefused, err)
	}
	return who, nil
}
