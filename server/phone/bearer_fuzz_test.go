package phone

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// FuzzBearer gives any token, any keys and any answer to whoever has to read them.
func FuzzBearer(f *testing.F) {
	// Each of the fuzzer's processes must have the same key.
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	encode := base64.RawURLEncoding.EncodeToString
	signed := func(header, payload string) string {
		text := encode([]byte(header)) + "." + encode([]byte(payload))
		return text + "." + encode(ed25519.Sign(key, []byte(text)))
	}
	const payload = `{"iss":"https://id.example","sub":"alice","aud":["qrlatch"],"iat":1700000000,"nbf":1.5e9,"exp":99999999999,"name":"Alice","picture":"https://pics.example/a.png"}`
	published := jwks(jwk(key.Public(), "d1", "EdDSA", "sig"))
	answer := `{"active":true,"token_type":"Bearer",` + payload[1:]
	for _, token := range []string{
		signed(`{"alg":"EdDSA","kid":"d1","typ":"at+jwt"}`, payload), signed(`{"alg":"EdDSA"}`, payload),
		sign(nil, `{"alg":"none"}`, payload), "opaque", "..", "a.b.c", "e30.e30.",
		signed(`{"alg":"RS256","crit":["b64"],"b64":false,"typ":7,"kid":[],"jwk":{"kty":"oct"},"x5c":[""]}`, strings.Replace(payload, "99999999999", "1e400", 1)),
	} {
		f.Add(token, published, answer)
	}
	f.Add("x", `{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"},{"kty":"EC","crv":"P-256"},null,{"kty":"OKP","crv":"Ed25519","x":""}]}`, `{"active":false}`)
	f.Add("x", `{"keys":{}}`, `{"active":true,"aud":[["qrlatch"]],"exp":-1e999,"iat":"x"}`)

	ours := keySet(f, published)
	secret, err := NewSecret([]byte(strings.Repeat("s", 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token, keys, answer string) {
		sources := []*KeySet{ours, secret}
		if set, err := ParseKeySet([]byte(keys)); err == nil {
			sources = append(sources, set)
		}
		for _, source := range sources {
			j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: source}
			who, err := j.Authenticate(t.Context(), token)
			checkOutcome(t, token, who, err)
			// Nobody has signed anything for anybody else, and nothing with the secret.
			if err == nil && (source == ours && who != alice || source == secret) {
				t.Errorf("%s is %+v", token, who)
			}
		}
		v, err := introspection(nil).read([]byte(answer), time.Now())
		if err != nil {
			return
		}
		if checkOutcome(t, answer, v.who, v.err); v.err == nil && (!strings.Contains(answer, "true") || v.who.Issuer != theIssuer) {
			t.Errorf("%s makes %+v", answer, v.who)
		}
	})
}

func checkOutcome(t *testing.T, token string, who login.Identity, err error) {
	t.Helper()
	if (err == nil) != (who.Subject != "") {
		t.Errorf("%+v, %v", who, err)
	}
	if err != nil && len(token) > 20 && strings.Contains(err.Error(), token) {
		t.Errorf("shows the token: %v", err)
	}
}
