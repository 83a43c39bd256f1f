package phone

import (
	"crypto/elliptic"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-jose/go-jose/v4"
)

func TestKeysThatAreNotForThisAreLeftOut(t *testing.T) {
	good := jwk(rsaKey().Public(), "good", "", "")
	alone := func(key jose.JSONWebKey) string { return jwks(key) }
	raw := strings.TrimSuffix(strings.TrimPrefix(jwks(good), `{"keys":[`), `}]}`)
	many := make([]jose.JSONWebKey, 101)
	for i := range many {
		many[i] = jwk(ecKey().Public(), fmt.Sprint(i), "", "")
	}
	for _, tt := range []struct {
		name, set string
		taken     bool
	}{
		{"RSA", alone(good), true},
		{"P-521", alone(jwk(newEC(elliptic.P521()).Public(), "k", "ES512", "sig")), true},
		{"Ed25519", alone(jwk(edKey().Public(), "k", "EdDSA", "")), true},
		{"beside ones of unknown kinds", `{"keys":[{"kty":"new"},{},7,null,"x",` + jwks(good)[len(`{"keys":[`):], true},
		{"key_ops", `{"keys":[` + raw + `,"key_ops":["verify"]}]}`, true},
		{"other members", `{"x":1,"keys":[` + raw + `,"note":2}]}`, true},

		{"RSA of 1024 bits", alone(jwk(weakRSA().Public(), "k", "", "")), false},
		{"for encryption", alone(jwk(rsaKey().Public(), "k", "", "enc")), false},
		{"key_ops of another use", `{"keys":[` + raw + `,"key_ops":["encrypt"]}]}`, false},
		{"for an unknown algorithm", alone(jwk(rsaKey().Public(), "k", "RSA-OAEP", "")), false},
		{"for HS256", alone(jwk(rsaKey().Public(), "k", "HS256", "")), false},
		{"for another kind's algorithm", alone(jwk(ecKey().Public(), "k", "RS256", "")), false},
		{"for another curve's algorithm", alone(jwk(ecKey().Public(), "k", "ES384", "")), false},
		{"a secret", alone(jwk([]byte(strings.Repeat("s", 32)), "k", "HS256", "")), false},
		{"a private key", alone(jwk(rsaKey(), "k", "", "")), false},
		{"a point off the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`, false},
		{"no keys", `{"keys":[]}`, false},
		{"no list", `{}`, false},
		{"a key alone", raw + "}", false},
		{"two lists", `{"keys":[],` + jwks(good)[1:], false},
		{"too many", jwks(many...), false},
		{"no JSON", `<html>`, false},
		{"nothing", ``, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := ParseKeySet([]byte(tt.set))
			if (err == nil) != tt.taken || tt.taken && len(set.public) != 1 {
				t.Errorf("%+v, %v", set, err)
			}
		})
	}
}

// A key that says what it is for serves for nothing else.
func TestAKeyServesItsOwnAlgorithmOnly(t *testing.T) {
	j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: keySet(t, jwks(jwk(rsaKey().Public(), "r1", "PS256", "")))}
	if who, err := j.Authenticate(t.Context(), rs256()); err == nil {
		t.Errorf("RS256 by a key for PS256: %+v", who)
	}
}

// TestTwoKeysOfOneID is what an issuer has that numbers its keys by kind.
func TestTwoKeysOfOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: keySet(t, jwks(jwk(ecKey().Public(), "r1", "", ""), jwk(otherRSA().Public(), "r1", "", ""), jwk(rsaKey().Public(), "r1", "", "")))}
		if who, err := j.Authenticate(t.Context(), rs256()); err != nil {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
