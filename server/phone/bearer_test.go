package phone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	theIssuer = "https://id.example"
	keysURL   = "https://id.example/jwks.json"
)

// The keys of the tests' issuer, which take a while to draw.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	weakRSA  = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 1024); return k })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k })
)

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	k, _ := ecdsa.GenerateKey(curve, rand.Reader)
	return k
}

// sign makes a token of any header and payload. An alg that the key does not go with is
// the caller's business: []byte signs with HS256, nil not at all.
func sign(key any, header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	switch k := key.(type) {
	case []byte:
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	case *rsa.PrivateKey:
		signature, _ = rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		r, s, _ := ecdsa.Sign(rand.Reader, k, sum[:])
		size := (k.Params().BitSize + 7) / 8
		signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// said is a good payload of now with more members, which replace those of their name; an
// empty value takes the member away.
func said(more ...string) string {
	now := time.Now().Unix()
	members := map[string]string{
		"iss": `"` + theIssuer + `"`, "sub": `"alice"`, "aud": `"qrlatch"`, "name": `"Alice"`, "picture": `"https://pics.example/a.png"`,
		"iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 300),
	}
	for i := 0; i < len(more); i += 2 {
		members[more[i]] = more[i+1]
	}
	var lines []string
	for name, value := range members {
		if value != "" {
			lines = append(lines, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(lines, ",") + "}"
}

// rs256 is a good token of the RSA key "r1".
func rs256(more ...string) string {
	return sign(rsaKey(), `{"alg":"RS256","kid":"r1"}`, said(more...))
}

func jwk(key any, kid, alg, use string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: use}
}

func jwks(keys ...jose.JSONWebKey) string {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// theKeys is what the issuer publishes.
func theKeys() string {
	return jwks(jwk(rsaKey().Public(), "r1", "RS256", "sig"), jwk(ecKey().Public(), "e1", "", ""))
}

func keySet(t testing.TB, text string) *KeySet {
	t.Helper()
	set, err := ParseKeySet([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// answers is an issuer's side of the network: a body by status 200, or what the error says.
type answers func(r *http.Request) (string, error)

// status is an answer of another status.
type status int

func (s status) Error() string { return fmt.Sprint("status ", int(s)) }

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := a(r)
	code := http.StatusOK
	if other := status(0); errors.As(err, &other) {
		code, err = int(other), nil
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: code, Header: http.Header{"Location": {"https://evil.example/"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}
