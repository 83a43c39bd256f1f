package site

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"qrlatch/server/login"
)

// jwks fetches the published keys, as a site does.
func (s *server) jwks(t *testing.T) (set jose.JSONWebKeySet) {
	t.Helper()
	w := s.call(t, "", "GET", "/.well-known/jwks.json", "")
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("got %d %v", w.Code, w.Header())
	}
	if strings.Contains(w.Body.String(), `"d"`) {
		t.Fatal("a private key is published")
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func (s *server) idToken(t *testing.T) string {
	t.Helper()
	return read(t, s.redeem(t, "shop:shop:secret", s.ticket(t, "shop")), 200)["id_token"].(string)
}

// verify is what a careful site does with an id_token.
func verify(set jose.JSONWebKeySet, text string) (got map[string]any, err error) {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	if err := token.Claims(set, &standard, &got); err != nil {
		return nil, err
	}
	return got, standard.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{"shop"}, Time: time.Now()}, 0)
}

func TestIDTokenVerifiesAgainstThePublishedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		approved := time.Now().Unix()
		ticket := s.ticket(t, "shop")
		time.Sleep(7 * time.Second)
		answer := read(t, s.redeem(t, "shop:shop:secret", ticket), 200)
		text := answer["id_token"].(string)
		got, err := verify(s.jwks(t), text)
		if err != nil {
			t.Fatal(err)
		}
		now := float64(time.Now().Unix())
		want := map[string]any{
			"iss": issuer, "sub": "alice", "aud": "shop", "iat": now, "exp": now + 300, "auth_time": float64(approved),
			"name": "Alice <A>", "picture": "https://pics.example/a.png", "sid": answer["session"].(map[string]any)["id"],
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		header, _ := base64.RawURLEncoding.DecodeString(text[:strings.IndexByte(text, '.')])
		if want := `{"alg":"ES256","kid":"` + s.Keys().Newest().ID + `","typ":"JWT"}`; string(header) != want {
			t.Errorf("header %s, want %s", header, want)
		}
		time.Sleep(301 * time.Second)
		if _, err := verify(s.jwks(t), text); err == nil {
			t.Error("verifies for ever")
		}
	})
}

func TestForgedIDTokensDoNotVerify(t *testing.T) {
	s := newServer(t)
	set := s.jwks(t)
	parts := strings.Split(s.idToken(t), ".")
	encode := base64.RawURLEncoding.EncodeToString
	kid := s.Keys().Newest().ID

	public, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	jwk, _ := set.Keys[0].MarshalJSON()
	forgeries := map[string]string{
		"alg none":             encode([]byte(`{"alg":"none","kid":"`+kid+`"}`)) + "." + parts[1] + ".",
		"none, with signature": encode([]byte(`{"alg":"none","kid":"`+kid+`"}`)) + "." + parts[1] + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"a signature of zeros": parts[0] + "." + parts[1] + "." + encode(make([]byte, 64)),
		"other claims":         parts[0] + "." + encode([]byte(`{"iss":"`+issuer+`","sub":"bob","aud":"shop"}`)) + "." + parts[2],
	}
	for name, secret := range map[string][]byte{"HS256 by the public key": public, "HS256 by the JWK": jwk} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: kid}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		signed, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		forgeries[name], _ = signed.CompactSerialize()
	}
	foreign, err := newServer(t).signForeign(t, kid)
	if err != nil {
		t.Fatal(err)
	}
	forgeries["our kid, another server's key"] = foreign
	for name, text := range forgeries {
		if got, err := verify(set, text); err == nil {
			t.Errorf("%s verifies: %v", name, got)
		}
		// Nor with a verifier that leaves the choice to the token: our keys name theirs.
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256, jose.HS256, jose.HS512, jose.RS256})
		if err == nil && token.Claims(set, &map[string]any{}) == nil {
			t.Errorf("%s verifies where every algorithm is allowed", name)
		}
	}
	for _, key := range set.Keys {
		if key.Algorithm != "ES256" || key.Use != "sig" || !key.IsPublic() || !key.Valid() {
			t.Errorf("published key %+v does not say what it is for", key)
		}
	}
}

// signForeign signs with this server's key and another's key id.
func (s *server) signForeign(t *testing.T, kid string) (string, error) {
	t.Helper()
	private, err := privateKey(s.Keys().Newest().Derive)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return jwt.Signed(signer).Claims(jwt.Claims{Issuer: issuer, Subject: "alice", Audience: jwt.Audience{"shop"}}).Serialize()
}

func TestKeyRotationLosesNoToken(t *testing.T) {
	s := newServer(t)
	oldLine, newLine := login.NewKeyLine(), login.NewKeyLine()
	s.Configure(config(t, oldLine))
	early, begun := s.idToken(t), s.ticket(t, "shop")

	s.Configure(config(t, newLine, oldLine))
	set := s.jwks(t)
	if len(set.Keys) != 2 || set.Keys[0].KeyID != s.Keys().Newest().ID {
		t.Fatalf("published %d keys, the first %q; want the newest first", len(set.Keys), set.Keys[0].KeyID)
	}
	if _, err := verify(set, early); err != nil {
		t.Errorf("a token of the old key: %v", err)
	}
	late := read(t, s.redeem(t, "shop:shop:secret", begun), 200)["id_token"].(string)
	if _, err := verify(set, late); err != nil {
		t.Errorf("a token of a login that the rotation overtook: %v", err)
	}
	if _, err := verify(jose.JSONWebKeySet{Keys: set.Keys[:1]}, late); err != nil {
		t.Errorf("it is not signed by the newest key: %v", err)
	}

	s.Configure(config(t, newLine))
	if _, err := verify(s.jwks(t), early); err == nil {
		t.Error("a token of a retired key verifies")
	}
}

func TestAKeyReplacedUnderItsOldIDIsNotServedFromMemory(t *testing.T) {
	s := newServer(t)
	_, id, _ := strings.Cut(login.NewKeyLine(), " ")
	_, other, _ := strings.Cut(login.NewKeyLine(), " ")
	s.Configure(config(t, "k1 "+id))
	before := s.idToken(t)
	s.Configure(config(t, "k1 "+other))
	if _, err := verify(s.jwks(t), before); err == nil {
		t.Error("the replaced key is still published")
	}
	if _, err := verify(s.jwks(t), s.idToken(t)); err != nil {
		t.Error(err)
	}
}

func TestEveryNodeDerivesTheSameKey(t *testing.T) {
	line := login.NewKeyLine()
	a, b := newServer(t), newServer(t)
	a.Configure(config(t, line))
	b.Configure(config(t, line))
	if _, err := verify(b.jwks(t), a.idToken(t)); err != nil {
		t.Error(err)
	}
}

func TestTextsThatAreNoScalarAreSkipped(t *testing.T) {
	asked := 0
	key, err := privateKey(func(purpose string) []byte {
		asked++
		switch asked {
		case 1:
			return bytes.Repeat([]byte{0xff}, 32) // more than the order of P-256
		case 2:
			return make([]byte, 32)
		}
		if purpose != "id_token ES256 2" {
			t.Errorf("third purpose %q", purpose)
		}
		return append(make([]byte, 31), 7)
	})
	if err != nil || key == nil || asked != 3 {
		t.Errorf("got %v, %v after %d texts", key, err, asked)
	}
	if _, err := privateKey(func(string) []byte { return make([]byte, 32) }); err == nil {
		t.Error("zero is a key")
	}
}
