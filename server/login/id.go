package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"math/bits"
	"strings"
)

// Handle names a login in public: 72 random bits as 12 letters of base64url. It
// opens nothing. The phone knows a login by it.
type Handle string

const (
	handleBytes = 9
	handleLen   = 12 // handleBytes in base64url
	secretBytes = 18 // 144 bits: SECURITY requirement 2 asks for 128
	codeHash    = 7  // 56 bits of keyed hash beside the 72 of the handle
	codeLen     = 28 // letters a–z that hold 128 bits
)

// HashedSecret is the SHA-256 of a secret: all that a [Store] sees of it.
type HashedSecret [sha256.Size]byte

// ID is a login id: the handle and the secret of the browser that started the
// login. Whoever presents it may collect the login. On the wire it is 36 letters
// of base64url; WeChat calls it uuid.
type ID string

func newID() (ID, Handle) {
	var b [handleBytes + secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	id := ID(encode(b[:]))
	return id, id.handle()
}

// packedHandle is a Handle in few bytes.
type packedHandle [handleBytes]byte

// pack is for a Handle of ours. Any other gives the zero packedHandle.
func (h Handle) pack() (p packedHandle) {
	_, _ = appendDecoded(p[:0], string(h), handleBytes) // into p, which has the room
	return p
}

func (p packedHandle) handle() Handle { return Handle(encode(p[:])) }

// IDSecret is what an ID holds beside its handle, for whoever keeps thousands of them.
type IDSecret [secretBytes]byte

// Secret is for an ID under which a login was found. Any other gives the zero IDSecret.
func (id ID) Secret() (s IDSecret) {
	if len(id) > handleLen {
		_, _ = appendDecoded(s[:0], string(id[handleLen:]), secretBytes) // into s, which has the room
	}
	return s
}

// ID returns the id whose secret s is. A handle fills its letters, so an ID is both one
// after the other.
func (h Handle) ID(s IDSecret) ID { return ID(string(h) + encode(s[:])) }

// handle returns the public part. Call it on well-formed ids only.
func (id ID) handle() Handle { return Handle(id[:handleLen]) }

func (id ID) hash() HashedSecret { return sha256.Sum256(append(make([]byte, 0, 64), id...)) }

func parseID(text string) (ID, bool) {
	return ID(text), wellFormed(text, handleBytes+secretBytes)
}

// parseHandle refuses whatever cannot be a handle before it reaches a store.
func parseHandle(text string) (Handle, bool) {
	return Handle(text), wellFormed(text, handleBytes)
}

func encode(b []byte) string {
	var room [64]byte
	return string(base64.RawURLEncoding.AppendEncode(room[:0], b))
}

// wellFormed tells whether text is n bytes in canonical base64url.
func wellFormed(text string, n int) bool {
	var room [resumeLen]byte
	_, ok := appendDecoded(room[:0], text, n)
	return ok
}

// decode reads exactly n bytes of canonical base64url.
func decode(text string, n int) ([]byte, bool) { return appendDecoded(nil, text, n) }

func appendDecoded(b []byte, text string, n int) ([]byte, bool) {
	canonical := base64.RawURLEncoding.Strict()
	if len(text) != canonical.EncodedLen(n) {
		return nil, false
	}
	b, err := canonical.AppendDecode(b, []byte(text))
	return b, err == nil && len(b) == n // it skips over line ends
}

// scanCode writes handle and keyed hash as 28 lower-case letters. Lower case keeps
// every QR encoder in byte mode, so that all our symbols have one size and layout.
func scanCode(h Handle, mac [codeHash]byte) string {
	var room [handleBytes]byte
	raw, _ := appendDecoded(room[:0], string(h), handleBytes)
	var hi, lo uint64
	for _, b := range raw[:8] {
		hi = hi<<8 | uint64(b)
	}
	lo = uint64(raw[8])
	for _, b := range mac {
		lo = lo<<8 | uint64(b)
	}
	var out [codeLen]byte
	for i := codeLen - 1; i >= 0; i-- {
		var rem uint64
		hi, rem = hi/26, hi%26
		lo, rem = bits.Div64(rem, lo, 26)
		out[i] = 'a' + byte(rem)
	}
	return string(out[:])
}

// parseScanCode is the inverse of scanCode.
func parseScanCode(text string) (h Handle, mac [codeHash]byte, ok bool) {
	if len(text) != codeLen {
		return "", mac, false
	}
	var hi, lo uint64
	for i := range len(text) {
		if text[i] < 'a' || text[i] > 'z' {
			return "", mac, false
		}
		over, high := bits.Mul64(hi, 26)
		carry, low := bits.Mul64(lo, 26)
		low, c := bits.Add64(low, uint64(text[i]-'a'), 0)
		high, c = bits.Add64(high, carry, c)
		if over+c != 0 {
			return "", mac, false // more than 128 bits: not one of ours
		}
		hi, lo = high, low
	}
	var room [handleBytes]byte
	raw := room[:0]
	for shift := 56; shift >= 0; shift -= 8 {
		raw = append(raw, byte(hi>>shift))
	}
	raw = append(raw, byte(lo>>56))
	for i := range mac {
		mac[i] = byte(lo >> (48 - 8*i))
	}
	return Handle(encode(raw)), mac, true
}

// lastSegment takes the part of a scanned text that may be a code: a phone may
// hand in the whole URL of the QR or only its end.
func lastSegment(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "#")
	text, _, _ = strings.Cut(text, "?")
	return text[strings.LastIndexByte(text, '/')+1:]
}
