package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

// Whatever is not what was sealed, byte for byte, opens nothing.
func FuzzSealed(f *testing.F) {
	keys, a := ring(f, login.NewKeyLine()), passkeytest.New(f, host, origin)
	sealed := mustEnrol(f, keys, alice, a)
	for _, seed := range []string{sealed, "", ".", sealed[1:], sealed[:40], strings.ToUpper(sealed), sealed + "=", sealed + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := party().Enrolled(keys, alice, text); ok != (text == sealed) {
			t.Errorf("%q: %v", text, ok)
		}
		if _, ok := party().Enrolled(keys, bob, text); ok {
			t.Errorf("%q is Bob's", text)
		}
	})
}

// No assertion approves but one that signs the challenge, and no enrolment breaks anything.
// The bytes are encoded here, or hardly any change of them would get as far as CBOR.
func FuzzAnswers(f *testing.F) {
	a := passkeytest.New(f, host, origin)
	keys := ring(f, login.NewKeyLine())
	sealed := mustEnrol(f, keys, alice, a)
	challenge := []byte(strings.Repeat("a", 32))
	demo := party()
	demo.AnySignIn = true
	options, err := demo.Creation(keys, signedIn(alice))
	if err != nil {
		f.Fatal(err)
	}
	another, made := parts(f, a.Get(written(f, party().Request([]byte("another"))))), parts(f, a.Create(written(f, options)))
	key := made["attestationObject"][len(made["attestationObject"])-77:] // of P-256, at the end
	f.Add(another["clientDataJSON"], another["authenticatorData"], another["signature"], made["attestationObject"], key)
	f.Add([]byte("{}"), []byte{}, []byte{}, []byte{0xa0}, []byte{0xa3, 1, 3, 3, 0x39, 1, 0})
	f.Fuzz(func(t *testing.T, client, data, signature, object, key []byte) {
		assertion := answer(t, a, map[string][]byte{"clientDataJSON": client, "authenticatorData": data, "signature": signature})
		if err := party().Verify(keys, alice, challenge, login.Passkey{Credential: sealed, Assertion: assertion}); !errors.Is(err, login.ErrPasskeyRefused) {
			t.Errorf("%s: %v", assertion, err)
		}
		options, err := demo.Creation(keys, signedIn(alice))
		if err != nil {
			t.Fatal(err)
		}
		forger := passkeytest.New(t, host, origin)
		forger.Key = key
		withKey := forger.Create(written(t, options))
		withObject := answer(t, forger, map[string][]byte{"clientDataJSON": parts(t, withKey)["clientDataJSON"], "attestationObject": object})
		for _, attestation := range [][]byte{withKey, withObject} {
			sealed, _, err := demo.Enrol(keys, signedIn(alice), attestation)
			if _, ok := demo.Enrolled(keys, alice, sealed); ok != (err == nil) || err != nil && !errors.Is(err, passkey.ErrInvalid) {
				t.Errorf("%s: enrolled %v, %v", attestation, ok, err)
			}
		}
	})
}

// parts are the bytes of an authenticator's answer, by their names.
func parts(t testing.TB, of []byte) map[string][]byte {
	t.Helper()
	var said struct{ Response map[string]string }
	if err := json.Unmarshal(of, &said); err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for name, text := range said.Response {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = b
	}
	return found
}

// answer is one of a's credential, with parts that are somebody's.
func answer(t testing.TB, a *passkeytest.Authenticator, of map[string][]byte) []byte {
	t.Helper()
	response := map[string]string{}
	for name, b := range of {
		response[name] = base64.RawURLEncoding.EncodeToString(b)
	}
	id := base64.RawURLEncoding.EncodeToString(a.ID())
	return written(t, map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response})
}
