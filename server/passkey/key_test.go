package passkey_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

// A key that its owner has made at home costs as much at each try as he likes.
func TestOnlyKeysThatWereAskedForAreEnrolled(t *testing.T) {
	keys := ring(t, login.NewKeyLine())
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		b[0] |= 0x80
		return b
	}
	rsa := func(alg, bytes int, exponent ...byte) map[int]any {
		return map[int]any{1: 3, 3: alg, -1: random(bytes), -2: exponent}
	}
	ec := func(alg, curve int, c elliptic.Curve) map[int]any {
		private, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point) / 2
		return map[int]any{1: 2, 3: alg, -1: curve, -2: point[1 : 1+half], -3: point[1+half:]}
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key  map[int]any
		want error
	}{
		"ES256":                  {ec(-7, 1, elliptic.P256()), nil},
		"EdDSA":                  {map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(edwards)}, nil},
		"RS256 of 2048 bits":     {rsa(-257, 256, 1, 0, 1), nil},
		"RS256 of 4096 bits":     {rsa(-257, 512, 1, 0, 1), nil},
		"RS256 of 4104 bits":     {rsa(-257, 513, 1, 0, 1), passkey.ErrKey},
		"RS256 of 13,600 bits":   {rsa(-257, 1700, 1, 0, 1), passkey.ErrKey},
		"RS256 of 2040 bits":     {rsa(-257, 255, 1, 0, 1), passkey.ErrKey},
		"RS256, its exponent 3":  {rsa(-257, 256, 3), passkey.ErrKey},
		"RS256, a long exponent": {rsa(-257, 256, 1, 0, 0, 0, 0, 0, 1), passkey.ErrKey},
		"RS512":                  {rsa(-259, 256, 1, 0, 1), passkey.ErrInvalid},
		"ES384":                  {ec(-35, 2, elliptic.P384()), passkey.ErrInvalid},
		"no key at all":          {map[int]any{}, passkey.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			a := passkeytest.New(t, host, origin)
			if a.Key, err = webauthncbor.Marshal(tc.key); err != nil {
				t.Fatal(err)
			}
			_, err := enrol(t, party(), keys, signedIn(alice), a)
			if !errors.Is(err, tc.want) || tc.want != nil && !errors.Is(err, passkey.ErrInvalid) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
