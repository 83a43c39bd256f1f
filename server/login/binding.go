package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
)

// NewBinding returns the value of a binding cookie: 128 random bits and our MAC, so
// that nobody can plant a value of his own in a browser.
func (s *Service) NewBinding() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	word := encode(b[:])
	return word + s.bindingMAC(s.Keys().Newest(), word)
}

// KnowsBinding tells whether value is a binding cookie of ours. One that was sent is
// used again: a second login in the same cookie jar must not cut off the first.
func (s *Service) KnowsBinding(value string) bool { return s.bindingHolds(value) }

func (s *Service) bindingHolds(value string) bool {
	const word = 22 // 16 bytes in base64url
	if len(value) < word {
		return false
	}
	for _, key := range s.Keys().All() {
		if hmac.Equal([]byte(value[word:]), []byte(s.bindingMAC(key, value[:word]))) {
			return true
		}
	}
	return false
}

func (s *Service) bindingMAC(key Key, word string) string {
	return key.word(16, labelBinding, word)
}

// HoldsBinding tells whether h has the binding cookie of the browser that started l,
// which nobody has who only learned the login id.
func (h Holder) HoldsBinding(l Login) bool {
	binding := hashSecret(h.Binding)
	return l.Binding != HashedSecret{} && subtle.ConstantTimeCompare(binding[:], l.Binding[:]) == 1
}
