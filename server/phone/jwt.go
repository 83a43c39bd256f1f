package phone

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"qrlatch/server/login"
)

// JWT is an [Authenticator] for the access tokens of one issuer that are signed JWTs
// (RFC 7519, RFC 9068). It judges every token that names this issuer, and no other.
type JWT struct {
	Issuer   string // iss, byte for byte
	Audience string // must be a member of aud
	Claims   ClaimNames
	Keys     KeySource
	// SubjectPrefix is put before every subject, for sites that must tell the people of
	// this issuer from those of another.
	SubjectPrefix string
}

// Authenticate makes JWT an Authenticator.
func (j *JWT) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	if !j.names(bearer) {
		return login.Identity{}, ErrUnknownToken
	}
	payload, err := j.verify(ctx, bearer)
	if err != nil {
		return login.Identity{}, err
	}
	said, ok := parseClaims(payload)
	if !ok || said.text("iss") != j.Issuer {
		return login.Identity{}, refused("its claims are malformed")
	}
	if !said.meantFor(j.Audience) {
		return login.Identity{}, refused("meant for another audience")
	}
	if expires, err := said.checkTimes(time.Now()); err != nil {
		return login.Identity{}, err
	} else if expires.IsZero() {
		return login.Identity{}, refused("it never expires")
	}
	return said.identity(j.Issuer, j.SubjectPrefix, j.Claims)
}

// names tells whether bearer looks like a JWT of the issuer. It may lie: this only says
// who has to judge it.
func (j *JWT) names(bearer string) bool {
	parts := strings.Split(bearer, ".")
	if len(bearer) > maxToken || len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var said struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(payload, &said) == nil && said.Issuer == j.Issuer
}

// verify returns the payload if the issuer has signed it.
func (j *JWT) verify(ctx context.Context, bearer string) ([]byte, error) {
	token, err := jose.ParseSignedCompact(bearer, j.Keys.algorithms())
	if err != nil { // its text has the header's values in it
		return nil, refused("malformed, or of an algorithm that is not taken")
	}
	if err := checkHeader(token.Signatures[0].Protected); err != nil {
		return nil, err
	}
	keys, err := j.Keys.current(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := keys.verify(token)
	if !errors.Is(err, errUnknownKey) {
		return payload, err
	}
	more, err := j.Keys.newer(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("a token names an unknown key: %w", err)
	}
	if more == keys {
		return nil, errUnknownKey
	}
	return more.verify(token)
}

// checkHeader refuses tokens that are made for something else, such as logout tokens,
// and those with extensions, of which none is known here. Keys that a header brings with
// it (jwk, x5c) or points to (jku, x5u) are never used.
func checkHeader(h jose.Header) error {
	for _, extension := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := h.ExtraHeaders[extension]; ok {
			return refused("header %s", extension)
		}
	}
	kind, ok := h.ExtraHeaders[jose.HeaderType]
	if !ok {
		return nil
	}
	text, _ := kind.(string)
	switch strings.TrimPrefix(strings.ToLower(text), "application/") {
	case "jwt", "at+jwt":
		return nil
	}
	return refused("header typ is not that of an access token")
}
