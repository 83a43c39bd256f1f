package login

import (
	"bufio"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strings"
	"sync"
)

// label separates the uses of a key, so that a value made for one use is worthless
// in another. Its name goes into the derivation, its number does not.
type label uint8

const (
	labelScanCode label = iota
	labelNumber
	labelTicket
	labelRedirect
	labelSession
	labelBrowser
	labelAccount
	labelBinding
	labelResume
	labelUserCode
	labelUserCodeID
	labelPasskey
	labelOutermost // see Key.Derive
)

var labels = [...]string{
	labelScanCode:   "scan code",
	labelNumber:     "number",
	labelTicket:     "ticket",
	labelRedirect:   "redirect_uri",
	labelSession:    "session id",
	labelBrowser:    "session credential",
	labelAccount:    "account number",
	labelBinding:    "binding cookie",
	labelResume:     "resume secret",
	labelUserCode:   "short code",
	labelUserCodeID: "short code hash",
	labelPasskey:    "passkey challenge",
	labelOutermost:  "outer",
}

// Key is one line of a key file: an id that may be public, and 32 secret bytes
// from which every key in use is derived by HKDF-SHA256, a label each.
type Key struct {
	ID   string
	subs *[len(labels)]sync.Pool // of *macer, by label; written once, by newKey
}

// macer is an HMAC that knows its key, to be used by one at a time. A login takes some
// twenty MACs, and to make an HMAC ready costs more than to use it.
type macer struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newKey(id string, secret []byte) (Key, error) {
	k := Key{ID: id, subs: new([len(labels)]sync.Pool)}
	for l, name := range labels {
		sub, err := hkdf.Key(sha256.New, secret, nil, "qrlatch/1 "+name, sha256.Size)
		if err != nil {
			return Key{}, fmt.Errorf("derive key: %w", err)
		}
		k.subs[l].New = func() any { return &macer{Hash: hmac.New(sha256.New, sub)} }
	}
	return k, nil
}

// mac authenticates parts. Each part goes in with its length, so that no two lists
// of parts read alike.
func (k Key) mac(l label, parts ...string) [sha256.Size]byte {
	m := k.subs[l].Get().(*macer)
	defer k.subs[l].Put(m)
	m.text = m.text[:0]
	for _, p := range parts {
		m.text = binary.BigEndian.AppendUint32(m.text, uint32(len(p)))
		m.text = append(m.text, p...)
	}
	m.Reset()
	m.Write(m.text) // a hash never fails
	m.Sum(m.sum[:0])
	return m.sum
}

// word is the first n bytes of a MAC in base64url.
func (k Key) word(n int, l label, parts ...string) string {
	var room [64]byte
	return string(k.appendWord(room[:0], n, l, parts...))
}

func (k Key) appendWord(b []byte, n int, l label, parts ...string) []byte {
	sum := k.mac(l, parts...)
	return base64.RawURLEncoding.AppendEncode(b, sum[:n])
}

// Derive returns 32 bytes for a use outside this package, such as the signing key
// of id_tokens. Equal purposes give equal bytes.
func (k Key) Derive(purpose string) []byte {
	sum := k.mac(labelOutermost, purpose)
	return sum[:]
}

// Keyring holds the keys, newest first. The newest signs; all verify. It is never
// changed after it was made.
type Keyring struct{ keys []Key }

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// ParseKeys reads a key file: lines "kid base64(32 bytes)", newest first. Blank
// lines and lines that begin with # are skipped.
func ParseKeys(r io.Reader) (Keyring, error) {
	var ring Keyring
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fields := strings.Fields(text)
		if len(fields) != 2 || !keyID.MatchString(fields[0]) {
			return Keyring{}, fmt.Errorf("line %d: want a key id ([A-Za-z0-9_-], at most 32) and base64 of 32 bytes", n)
		}
		// No part of the line goes into an error: it may be a secret.
		secret, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(secret) != 32 {
			return Keyring{}, fmt.Errorf("line %d: the second field is not base64 of 32 bytes", n)
		}
		if _, taken := ring.Key(fields[0]); taken {
			return Keyring{}, fmt.Errorf("line %d: key id %q is there twice", n, fields[0])
		}
		k, err := newKey(fields[0], secret)
		if err != nil {
			return Keyring{}, err
		}
		ring.keys = append(ring.keys, k)
	}
	if err := lines.Err(); err != nil {
		return Keyring{}, fmt.Errorf("read keys: %w", err)
	}
	if len(ring.keys) == 0 {
		return Keyring{}, errors.New("no key in it; `qrlatch keys new` prints one")
	}
	return ring, nil
}

// NewKeyLine draws a key and returns it as a line for a key file.
func NewKeyLine() string {
	var b [4 + 32]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("k%x %s", b[:4], base64.StdEncoding.EncodeToString(b[4:]))
}

// Newest returns the key that signs.
func (r Keyring) Newest() Key { return r.keys[0] }

// All returns every key, newest first.
func (r Keyring) All() []Key { return append([]Key(nil), r.keys...) }

// Key finds a key by its id.
func (r Keyring) Key(id string) (Key, bool) {
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

// oldest is the key that account numbers hang on: they must outlive rotation, so
// the last line of a key file is the one to keep.
func (r Keyring) oldest() Key { return r.keys[len(r.keys)-1] }
