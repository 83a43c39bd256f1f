package passkey_test

import (
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
func FuzzAnswers(f *testing.F) {
	keys, a := ring(f, login.NewKeyLine()), passkeytest.New(f, host, origin)
	sealed := mustEnrol(f, keys, alice, a)
	challenge := []byte(strings.Repeat("a", 32))
	options, err := party().Creation(keys, signedIn(alice))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(a.Get(written(f, party().Request([]byte("another"))))), string(a.Create(written(f, options))), "", "{}", "null", "[", `{"id":"","response":null}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := party().Verify(keys, alice, challenge, login.Passkey{Credential: sealed, Assertion: []byte(text)})
		if !errors.Is(err, login.ErrPasskeyRefused) {
			t.Errorf("%q: %v", text, err)
		}
		demo := party()
		demo.AnySignIn = true
		if _, _, err := demo.Enrol(keys, login.Identity{Phone: alice}, []byte(text)); err != nil && !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
