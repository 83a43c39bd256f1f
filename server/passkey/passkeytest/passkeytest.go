// Package passkeytest is an authenticator made of software, for tests: it does what a phone's
// own does, or what an attacker's would.
package passkeytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Authenticator has one passkey. It signs whatever it is asked to.
type Authenticator struct {
	t   testing.TB
	id  []byte
	key *ecdsa.PrivateKey

	Origin   string // as the client says it
	RPID     string
	Verifies bool   // its person, by finger, face or PIN
	Present  bool   // somebody touches it
	Format   string // of its attestation
	Key      []byte // public, as COSE writes it, that it enrols; nil: its own
}

// New returns an authenticator that behaves.
func New(t testing.TB, rpID, origin string) *Authenticator {
	t.Helper()
	a := &Authenticator{t: t, id: make([]byte, 32), Origin: origin, RPID: rpID, Verifies: true, Present: true, Format: "none"}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	_, _ = rand.Read(a.id)
	return a
}

// ID is that of its passkey.
func (a *Authenticator) ID() []byte { return bytes.Clone(a.id) }

// Create answers creation options, as RegistrationResponseJSON.
func (a *Authenticator) Create(options []byte) json.RawMessage {
	a.t.Helper()
	point, err := a.key.PublicKey.Bytes()
	a.must(err)
	// COSE: kty EC2, alg ES256, curve P-256, x, y.
	key, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	a.must(err)
	if a.Key != nil {
		key = a.Key
	}
	attested := binary.BigEndian.AppendUint16(make([]byte, 16), uint16(len(a.id))) // of no make
	attested = append(append(attested, a.id...), key...)
	object, err := webauthncbor.Marshal(map[string]any{
		"fmt": a.Format, "attStmt": map[string]any{}, "authData": a.data(0x40, attested),
	})
	a.must(err)
	return a.answer(map[string]string{"clientDataJSON": text(a.client("webauthn.create", options)), "attestationObject": text(object)})
}

// Get answers request options, as AuthenticationResponseJSON.
func (a *Authenticator) Get(options []byte) json.RawMessage {
	a.t.Helper()
	data, client := a.data(0, nil), a.client("webauthn.get", options)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte(nil), data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	a.must(err)
	return a.answer(map[string]string{
		"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature),
	})
}

func (a *Authenticator) answer(response map[string]string) json.RawMessage {
	body, err := json.Marshal(map[string]any{"id": text(a.id), "rawId": text(a.id), "type": "public-key", "response": response})
	a.must(err)
	return body
}

func (a *Authenticator) client(ceremony string, options []byte) []byte {
	var asked struct {
		Challenge string `json:"challenge"`
	}
	a.must(json.Unmarshal(options, &asked))
	client, err := json.Marshal(map[string]any{"type": ceremony, "challenge": asked.Challenge, "origin": a.Origin, "crossOrigin": false})
	a.must(err)
	return client
}

// data is what the authenticator says of itself.
func (a *Authenticator) data(flags byte, attested []byte) []byte {
	if a.Present {
		flags |= 0x01
	}
	if a.Verifies {
		flags |= 0x04
	}
	hash := sha256.Sum256([]byte(a.RPID))
	return append(append(append(hash[:], flags), 0, 0, 0, 0), attested...)
}

func (a *Authenticator) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
