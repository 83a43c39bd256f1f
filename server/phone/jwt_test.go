package phone

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qrlatch/server/login"
)

func theJWT(t testing.TB) *JWT {
	return &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: keySet(t, theKeys())}
}

var alice = login.Identity{
	Phone:   login.Phone{Issuer: theIssuer, Subject: "alice"},
	Profile: login.Profile{Name: "Alice", Picture: "https://pics.example/a.png"},
}

func TestOnlyTokensOfTheIssuerForUsAreTaken(t *testing.T) {
	in := func(seconds int64) string { return fmt.Sprint(time.Now().Unix() + seconds) }
	header := func(more string) string { return sign(rsaKey(), `{"alg":"RS256","kid":"r1",`+more+`}`, said()) }
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKey().Public()))})
	own := `"jwk":` + strings.TrimSuffix(strings.TrimPrefix(jwks(jwk(otherRSA().Public(), "r1", "", "")), `{"keys":[`), `]}`)
	good := rs256()
	for _, tt := range []struct {
		name, token string
		taken       bool
	}{
		{"a good one", good, true},
		{"one of several audiences", rs256("aud", `["shop","qrlatch"]`), true},
		{"ES256", sign(ecKey(), `{"alg":"ES256","kid":"e1"}`, said()), true},
		{"without a key id", sign(ecKey(), `{"alg":"ES256"}`, said()), true},
		{"an access token (RFC 9068)", header(`"typ":"at+jwt"`), true},
		{"typ as a media type", header(`"typ":"application/AT+JWT"`), true},
		{"typ JWT", header(`"typ":"JWT"`), true},
		{"a clock that is 50 s ahead", rs256("iat", in(50), "nbf", in(50)), true},
		{"dates with a fraction", rs256("iat", in(-1)+".5", "exp", in(9)+".25"), true},
		{"no iat", rs256("iat", ""), true},

		{"alg none", sign(nil, `{"alg":"none"}`, said()), false},
		{"alg None", sign(nil, `{"alg":"None"}`, said()), false},
		{"alg none with a signature", sign(rsaKey(), `{"alg":"none","kid":"r1"}`, said()), false},
		{"no alg", sign(rsaKey(), `{"kid":"r1"}`, said()), false},
		{"no signature", good[:strings.LastIndexByte(good, '.')+1], false},
		{"HS256 with the public key as PEM", sign(publicPEM, `{"alg":"HS256","kid":"r1"}`, said()), false},
		{"HS256 with the modulus", sign(rsaKey().N.Bytes(), `{"alg":"HS256","kid":"r1"}`, said()), false},
		{"RS256 with the id of the EC key", sign(rsaKey(), `{"alg":"RS256","kid":"e1"}`, said()), false},
		{"ES256 with the id of the RSA key", sign(ecKey(), `{"alg":"ES256","kid":"r1"}`, said()), false},
		{"a stranger's key", sign(otherRSA(), `{"alg":"RS256","kid":"r1"}`, said()), false},
		{"a key that the token brings", sign(otherRSA(), `{"alg":"RS256","kid":"r1",`+own+`}`, said()), false},
		{"a key that the token points to", sign(otherRSA(), `{"alg":"RS256","jku":"https://evil.example/","x5u":"https://evil.example/"}`, said()), false},
		{"an unknown key", sign(rsaKey(), `{"alg":"RS256","kid":"r2"}`, said()), false},
		{"a key id that is a number", sign(rsaKey(), `{"alg":"RS256","kid":1}`, said()), false},
		{"another payload", swapPayload(good, said("sub", `"bob"`)), false},
		{"an unknown extension", header(`"crit":["exp"],"exp":1`), false},
		{"a known extension", header(`"crit":["b64"],"b64":true`), false},
		{"no extension, but asked for", header(`"crit":[]`), false},
		{"extensions of the wrong kind", header(`"crit":"exp"`), false},
		{"a payload as it is", header(`"b64":false`), false},
		{"typ of a logout token", header(`"typ":"logout+jwt"`), false},
		{"typ of another kind", header(`"typ":7`), false},
		{"alg twice", header(`"alg":"none"`), false},
		{"header that is no object", sign(rsaKey(), `["RS256"]`, said()), false},

		{"another issuer", rs256("iss", `"https://evil.example"`), false},
		{"an issuer with a slash more", rs256("iss", `"https://id.example/"`), false},
		{"no issuer", rs256("iss", ""), false},
		{"issuers", rs256("iss", `["https://id.example"]`), false},
		{"another audience", rs256("aud", `"shop"`), false},
		{"part of an audience", rs256("aud", `"qrlatch-admin"`), false},
		{"another case of it", rs256("aud", `"QRLATCH"`), false},
		{"no audience", rs256("aud", ""), false},
		{"no audience in a list", rs256("aud", `[]`), false},
		{"an audience of another kind", rs256("aud", `["qrlatch",7]`), false},
		{"audience null", rs256("aud", `null`), false},
		{"over", rs256("exp", in(-1)), false},
		{"over now", rs256("exp", in(0)), false},
		{"never over", rs256("exp", ""), false},
		{"over at null", rs256("exp", "null"), false},
		{"over as text", rs256("exp", `"`+in(60)+`"`), false},
		{"over in the year 10^300", rs256("exp", "1e300"), false},
		{"over before there was time", rs256("exp", "-1"), false},
		{"not yet begun", rs256("nbf", in(75)), false},
		{"begun in the year 10^300", rs256("nbf", "1e300"), false},
		{"begun at null", rs256("nbf", "null"), false},
		{"made in the future", rs256("iat", in(75)), false},
		{"exp by another name", rs256("exp", "", "EXP", in(60)), false},
		{"nobody", rs256("sub", ""), false},
		{"an empty subject", rs256("sub", `""`), false},
		{"a number for a subject", rs256("sub", "7"), false},
		{"a subject of two lines", rs256("sub", `"a\nb"`), false},
		{"a subject with NUL", rs256("sub", `"a\u0000b"`), false},
		{"a long subject", rs256("sub", `"`+strings.Repeat("a", 256)+`"`), false},
		{"a subject twice", sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, said()[:len(said())-1]+`,"sub":"bob"}`), false},
		{"an audience twice", sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, `{"aud":"shop",`+said()[1:]), false},
		{"something after the object", sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, said()+`{}`), false},
		{"no object", sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, `null`), false},
		{"more than 8 kB", rs256("x", `"`+strings.Repeat("a", 8<<10)+`"`), false},
		{"four parts", good + ".x", false},
		{"two parts", good[:strings.LastIndexByte(good, '.')], false},
		{"a JWS in JSON", `{"payload":"e30"}`, false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who, err := theJWT(t).Authenticate(t.Context(), tt.token)
			if tt.taken {
				if err != nil || who != alice {
					t.Errorf("%+v, %v", who, err)
				}
				return
			}
			if !errors.Is(err, ErrBadToken) || who != (login.Identity{}) {
				t.Errorf("%+v, %v", who, err)
			}
			for part := range strings.SplitSeq(tt.token, ".") {
				if len(part) > 4 && strings.Contains(err.Error(), part) {
					t.Errorf("shows the token: %v", err)
				}
			}
		})
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func swapPayload(token, payload string) string {
	parts, other := strings.Split(token, "."), strings.Split(sign(nil, "{}", payload), ".")
	return parts[0] + "." + other[1] + "." + parts[2]
}

func TestEveryAlgorithmThatIsTaken(t *testing.T) {
	p384, p521 := newEC(elliptic.P384()), newEC(elliptic.P521())
	set := keySet(t, jwks(jwk(rsaKey().Public(), "r", "", ""), jwk(ecKey().Public(), "e256", "", ""), jwk(p384.Public(), "e384", "", ""),
		jwk(p521.Public(), "e512", "", ""), jwk(edKey().Public(), "d", "", "")))
	j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: set}
	for algorithm, key := range map[jose.SignatureAlgorithm]jose.JSONWebKey{
		jose.RS256: jwk(rsaKey(), "r", "", ""), jose.RS384: jwk(rsaKey(), "r", "", ""), jose.RS512: jwk(rsaKey(), "r", "", ""),
		jose.PS256: jwk(rsaKey(), "r", "", ""), jose.PS384: jwk(rsaKey(), "r", "", ""), jose.PS512: jwk(rsaKey(), "r", "", ""),
		jose.ES256: jwk(ecKey(), "e256", "", ""), jose.ES384: jwk(p384, "e384", "", ""), jose.ES512: jwk(p521, "e512", "", ""),
		jose.EdDSA: jwk(edKey(), "d", "", ""),
	} {
		for _, kid := range []string{key.KeyID, ""} {
			key.KeyID = kid
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := signer.Sign([]byte(said()))
			if err != nil {
				t.Fatal(err)
			}
			who, err := j.Authenticate(t.Context(), must(signed.CompactSerialize()))
			if err != nil || who != alice {
				t.Errorf("%s by key %q: %+v, %v", algorithm, kid, who, err)
			}
		}
	}
}

func TestASharedSecretTakesHS256Only(t *testing.T) {
	secret := []byte(strings.Repeat("s", 64)) // enough for HS512, too
	keys, err := NewSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: keys}
	for token, taken := range map[string]bool{
		sign(secret, `{"alg":"HS256"}`, said()):                                       true,
		sign(secret, `{"alg":"HS256","kid":"any"}`, said()):                           true,
		sign([]byte(strings.Repeat("t", 64)), `{"alg":"HS256"}`, said()):              false,
		sign(nil, `{"alg":"none"}`, said()):                                           false,
		sign(nil, `{"alg":"HS256"}`, said()):                                          false,
		sign(secret, `{"alg":"HS512"}`, said()):                                       false,
		sign(rsaKey(), `{"alg":"RS256"}`, said()):                                     false,
		sign(secret, `{"alg":"HS256"}`, said("aud", `"shop"`)):                        false,
		sign(secret, `{"alg":"HS256"}`, said("iss", `"https://evil.example"`)):        false,
		sign(secret, `{"alg":"HS256"}`, said("exp", fmt.Sprint(time.Now().Unix()-1))): false,
	} {
		if who, err := j.Authenticate(t.Context(), token); (err == nil) != taken || err != nil && !errors.Is(err, ErrBadToken) {
			t.Errorf("%s: %+v, %v", token, who, err)
		}
	}
	// A genuine HS512, by the same secret.
	text := sign(secret, `{"alg":"HS512"}`, said())
	text = text[:strings.LastIndexByte(text, '.')]
	mac := hmac.New(sha512.New, secret)
	mac.Write([]byte(text))
	if who, err := j.Authenticate(t.Context(), text+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil))); err == nil {
		t.Errorf("HS512: %+v", who)
	}
	if _, err := NewSecret(secret[:31]); err == nil {
		t.Error("31 bytes were taken")
	}
}

func TestClaimsCanHaveOtherNames(t *testing.T) {
	j := theJWT(t)
	j.Claims = ClaimNames{Subject: "uid", Name: "nick", Picture: "photo"}
	who, err := j.Authenticate(t.Context(), rs256("uid", `"u7"`, "nick", `" Al\u0007ice\n"`, "photo", `"https://pics.example/7"`))
	want := login.Identity{Phone: login.Phone{Issuer: theIssuer, Subject: "u7"}, Profile: login.Profile{Name: "Alice", Picture: "https://pics.example/7"}}
	if err != nil || who != want {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := j.Authenticate(t.Context(), rs256()); !errors.Is(err, ErrBadToken) {
		t.Errorf("without uid: %v", err)
	}
}

func TestAPrefixTellsThePeopleOfTwoIssuersApart(t *testing.T) {
	j := theJWT(t)
	j.SubjectPrefix = "app:"
	i := introspection(answers(func(*http.Request) (string, error) { return active(), nil }), func(c *IntrospectionConfig) { c.SubjectPrefix = "app:" })
	for _, a := range []Authenticator{j, i} {
		who, err := a.Authenticate(t.Context(), rs256())
		if want := (login.Phone{Issuer: theIssuer, Subject: "app:alice"}); err != nil || who.Phone != want {
			t.Errorf("%+v, %v", who, err)
		}
	}
	if who, err := j.Authenticate(t.Context(), rs256("sub", "")); err == nil {
		t.Errorf("nobody became %+v", who)
	}
}

func TestAProfileIsFitForAPage(t *testing.T) {
	for _, tt := range []struct{ member, value, name, picture string }{
		{"name", `7`, "", "https://pics.example/a.png"},
		{"name", `"` + strings.Repeat("爱", 101) + `"`, strings.Repeat("爱", 100), "https://pics.example/a.png"},
		{"picture", `"javascript:alert(1)"`, "Alice", ""},
		{"picture", `"http://pics.example/a.png"`, "Alice", ""},
		{"picture", `"/a.png"`, "Alice", ""},
		{"picture", `"https://pics.example/` + strings.Repeat("a", 512) + `"`, "Alice", ""},
	} {
		who, err := theJWT(t).Authenticate(t.Context(), rs256(tt.member, tt.value))
		if err != nil || who.Name != tt.name || who.Picture != tt.picture || who.Phone != alice.Phone {
			t.Errorf("%s %s: %+v, %v", tt.member, tt.value, who, err)
		}
	}
}

func TestOnlyTokensThatNameTheIssuerAreJudged(t *testing.T) {
	for token, known := range map[string]bool{
		rs256("iss", `"https://other.example"`): false,
		"opaque":                                false,
		"a.b.c":                                 false,
		"..":                                    false,
		sign(nil, `{"alg":"none"}`, said()):     true,
		sign(otherRSA(), `{"alg":"RS256","kid":"r1"}`, said()):   true,
		sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, said()+"x"): false,
	} {
		_, err := theJWT(t).Authenticate(t.Context(), token)
		if errors.Is(err, ErrUnknownToken) == known {
			t.Errorf("%s: %v", token, err)
		}
	}
}
