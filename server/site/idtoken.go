package site

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// tokenLife is how long an id_token verifies. A site reads it once, in the answer
// that brought it, so it need not live as long as the session: one that did would
// still verify after a sign-out.
const tokenLife = 5 * time.Minute

// claims are those of OpenID Connect Core, section 2. There is no amr: we do not know
// how the phone made sure of its person.
type claims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience string           `json:"aud"`
	Issued   *jwt.NumericDate `json:"iat"`
	Expires  *jwt.NumericDate `json:"exp"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
	Session  login.SessionID  `json:"sid"`
	Name     string           `json:"name,omitempty"`
	Picture  string           `json:"picture,omitempty"`
}

// idToken says, signed by the newest key, who signed in.
func (a *API) idToken(v login.Session, now time.Time) (string, error) {
	s, err := a.signers.of(a.Service.Keys().Newest())
	if err != nil {
		return "", err
	}
	text, err := jwt.Signed(s.sign).Claims(claims{
		Issuer: a.Issuer, Subject: v.Phone.Subject, Audience: v.App,
		Issued: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(now.Add(tokenLife)),
		AuthTime: jwt.NewNumericDate(v.AuthTime), Session: v.ID,
		Name: v.Profile.Name, Picture: v.Profile.Picture,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign id_token: %w", err)
	}
	return text, nil
}

// jwks publishes the public keys, newest first. A cache must ask each time: a token
// of a key that was put in a second ago has to verify.
func (a *API) jwks(c echo.Context) error {
	ring := a.Service.Keys().All()
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(ring))}
	for _, key := range ring {
		s, err := a.signers.of(key)
		if err != nil {
			return err
		}
		set.Keys = append(set.Keys, s.public)
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-cache")
	return c.JSON(http.StatusOK, set)
}

// signer is what a key of the ring signs and verifies id_tokens with.
type signer struct {
	sign   jose.Signer
	public jose.JSONWebKey
}

// signers remembers derived keys. The ring may be replaced at any time, so each is
// found by what it is derived from; a key that was retired costs a few hundred bytes.
type signers struct{ known sync.Map } // signerKey: signer

type signerKey struct {
	id   string
	seed [32]byte
}

func (s *signers) of(key login.Key) (signer, error) {
	at := signerKey{id: key.ID, seed: [32]byte(key.Derive(purpose))}
	if found, ok := s.known.Load(at); ok {
		return found.(signer), nil
	}
	made, err := newSigner(key, "JWT")
	if err == nil {
		s.known.Store(at, made)
	}
	return made, err
}

const purpose = "id_token ES256"

// newSigner derives the key that signs tokens of a type (RFC 7519, section 5.1).
func newSigner(key login.Key, typ jose.ContentType) (signer, error) {
	private, err := privateKey(key.Derive)
	if err != nil {
		return signer{}, fmt.Errorf("derive signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public(), KeyID: key.ID, Algorithm: string(jose.ES256), Use: "sig"}
	sign, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: key.ID}},
		new(jose.SignerOptions).WithType(typ),
	)
	if err != nil {
		return signer{}, fmt.Errorf("make signer: %w", err)
	}
	return signer{sign: sign, public: public}, nil
}

// privateKey derives a P-256 key. One in 2^32 texts of 32 bytes is no scalar of that
// curve; then the next is tried, so that every node finds the same key.
func privateKey(derive func(purpose string) []byte) (*ecdsa.PrivateKey, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), derive(purpose))
	for n := 1; err != nil && n < 4; n++ {
		private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), derive(fmt.Sprintf("%s %d", purpose, n)))
	}
	return private, err
}
