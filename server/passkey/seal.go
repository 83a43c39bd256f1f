package passkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qrlatch/server/login"
)

// Life is how long an enrolled passkey may be used: as long as browsers keep a cookie.
const Life = 400 * 24 * time.Hour

const (
	sealedFor = "passkey credential" // what the key is derived for
	// maxSealed fits into a cookie. A credential's id has at most 1023 bytes.
	maxSealed = 3500
)

// credential is what has to be known of an enrolled passkey.
type credential struct {
	ID  []byte `json:"id"`
	Key []byte `json:"key"` // public, as COSE writes it
	At  int64  `json:"at"`  // when it was enrolled, unix seconds
}

// seal writes c for its phone to keep: the id of the newest key, which stands in front, a
// nonce and the credential under that key. Whose it is goes under the seal as well.
func (r *RelyingParty) seal(keys login.Keyring, who login.Phone, c credential) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("seal passkey: %w", err)
	}
	key := keys.Newest()
	aead, err := cipherOf(key)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: see crypto/rand
	return key.ID + "." + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, r.owner(who))), nil
}

// open reads what seal wrote for the same phone, by any key in use. Its error is
// ErrPasskeyUnknown, whatever is wrong.
func (r *RelyingParty) open(keys login.Keyring, who login.Phone, sealed string, now time.Time) (credential, error) {
	unknown := func(why string) (credential, error) {
		return credential{}, fmt.Errorf("%w: %s", login.ErrPasskeyUnknown, why)
	}
	id, body, _ := strings.Cut(sealed, ".")
	key, known := keys.Key(id)
	if !known || len(sealed) > maxSealed || strings.ContainsAny(body, "\r\n") { // which base64 skips
		return unknown("by no key in use, or malformed")
	}
	aead, err := cipherOf(key)
	if err != nil {
		return credential{}, err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) < aead.NonceSize() {
		return unknown("malformed")
	}
	nonce := raw[:aead.NonceSize()]
	plain, err := aead.Open(nil, nonce, raw[len(nonce):], r.owner(who))
	if err != nil {
		return unknown("altered, or of another phone")
	}
	var c credential
	if json.Unmarshal(plain, &c) != nil {
		return unknown("malformed")
	}
	if !now.Before(time.Unix(c.At, 0).Add(Life)) {
		return unknown("too old")
	}
	return c, nil
}

// Enrolled returns the id of the credential that was sealed for who; ok is false if it is
// not good, or not any more.
func (r *RelyingParty) Enrolled(keys login.Keyring, who login.Phone, sealed string) (id []byte, ok bool) {
	c, err := r.open(keys, who, sealed, time.Now())
	return c.ID, err == nil
}

// owner is what a credential belongs to, each part with its length.
func (r *RelyingParty) owner(who login.Phone) []byte {
	var b []byte
	for _, part := range []string{r.ID, who.Issuer, who.Subject} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

func cipherOf(key login.Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key.Derive(sealedFor))
	if err != nil {
		return nil, fmt.Errorf("passkey cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("passkey cipher: %w", err)
	}
	return aead, nil
}
