package phone

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// KeySource yields the keys of one issuer: a [KeySet] or [RemoteKeys].
type KeySource interface {
	// algorithms are those that a token may name. They come from our configuration and
	// never from a token: whoever could choose would choose "none", or HS256 with a
	// public key as the secret.
	algorithms() []jose.SignatureAlgorithm
	// current returns the keys, and an error if there are none at the moment.
	current(context.Context) (*KeySet, error)
	// newer returns keys for a token whose key is not in set: set itself if there can be
	// no others now, and an error if that cannot be found out.
	newer(ctx context.Context, set *KeySet) (*KeySet, error)
}

const (
	maxKeys       = 100  // of a set: each of them may have to be tried
	minRSA        = 2048 // bits
	maxRSA        = 8192 // bits; more would only cost our time
	minSecret     = 32   // bytes (RFC 7518, section 3.2)
	unusableInSet = "no key for signatures that can be used here: want RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519, public keys only"
)

var asymmetric = [...]jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// KeySet is the keys of an issuer at some time: public ones, or one shared secret. It
// never changes.
type KeySet struct {
	public []jose.JSONWebKey
	secret []byte
}

// NewSecret returns the one key of an issuer that signs with HS256.
func NewSecret(secret []byte) (*KeySet, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("want at least %d bytes", minSecret)
	}
	return &KeySet{secret: slices.Clone(secret)}, nil
}

// ParseKeySet reads a JWK Set (RFC 7517) and leaves out what is not for signatures, too
// weak, or of a kind that is not known here. One key at least must be left.
func ParseKeySet(text []byte) (*KeySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil, errors.New(`want a JWK Set: a JSON object with a list "keys"`)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	s := &KeySet{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		var more struct {
			Operations []string `json:"key_ops"`
		}
		if json.Unmarshal(raw, &key) != nil || json.Unmarshal(raw, &more) != nil {
			continue
		}
		forSignatures := (key.Use == "" || key.Use == "sig") && (more.Operations == nil || slices.Contains(more.Operations, "verify"))
		if forSignatures && slices.ContainsFunc(asymmetric[:], func(a jose.SignatureAlgorithm) bool { return verifies(key, a) }) {
			s.public = append(s.public, key)
		}
	}
	if len(s.public) == 0 {
		return nil, errors.New(unusableInSet)
	}
	return s, nil
}

// verifies tells whether a signature by algorithm can be checked with key.
func verifies(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return bits >= minRSA && bits <= maxRSA && (algorithm[:2] == "RS" || algorithm[:2] == "PS")
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() && algorithm == jose.ES256 ||
			k.Curve == elliptic.P384() && algorithm == jose.ES384 ||
			k.Curve == elliptic.P521() && algorithm == jose.ES512
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && algorithm == jose.EdDSA
	}
	return false
}

func (s *KeySet) algorithms() []jose.SignatureAlgorithm {
	if s.secret != nil {
		return []jose.SignatureAlgorithm{jose.HS256}
	}
	return asymmetric[:]
}

func (s *KeySet) current(context.Context) (*KeySet, error)        { return s, nil }
func (s *KeySet) newer(context.Context, *KeySet) (*KeySet, error) { return s, nil }

var errUnknownKey = fmt.Errorf("%w: no such key", ErrBadToken)

// verify returns the payload of a token that one of the keys has signed. errUnknownKey
// means that another set of keys may have it: a token without a key id does not say.
func (s *KeySet) verify(token *jose.JSONWebSignature) ([]byte, error) {
	if s.secret != nil {
		payload, err := token.Verify(s.secret)
		if err != nil {
			return nil, refused("wrong signature")
		}
		return payload, nil
	}
	header := token.Signatures[0].Protected
	known := false
	for _, key := range s.public {
		if header.KeyID != "" && header.KeyID != key.KeyID {
			continue
		}
		known = header.KeyID != ""
		if !verifies(key, jose.SignatureAlgorithm(header.Algorithm)) {
			continue
		}
		if payload, err := token.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	if known {
		return nil, refused("wrong signature, or a key of another algorithm")
	}
	return nil, errUnknownKey
}
