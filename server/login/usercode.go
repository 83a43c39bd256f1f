package login

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"time"
	"unicode"
)

// This file serves people whose camera cannot scan: a short code that they type on the
// phone (RFC 8628, section 6.1). Its 34 bits stop nobody who may try as fast as he can
// compute, so a store holds only a keyed hash of it, tries are limited, and whoever
// typed one must repeat the number too.

const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ" // without vowels they make no words
	userCodeLen     = 8
	// userCodeDraws is how often a code is drawn anew because another login has it. With
	// a million under way one draw in 25,000 meets another.
	userCodeDraws = 8
)

// UserCodeID is the keyed hash of a short code.
type UserCodeID string

// UserCode leads from a short code to its login.
type UserCode struct {
	ID      UserCodeID
	Login   Handle
	Expires time.Time
}

// Key makes UserCode a [Record].
func (c UserCode) Key() UserCodeID { return c.ID }

// Owner is nobody.
func (c UserCode) Owner() Phone { return Phone{} }

// ExpiresAt is when the login it leads to can be forgotten, had nobody scanned it.
func (c UserCode) ExpiresAt() time.Time { return c.Expires }

// Guesses limits how often short codes may be tried. Only wrong ones count in the end.
// Both methods are given the person, [Phone.Key], and the [Network] that a try came from.
type Guesses interface {
	// Take counts a try, or says how long to wait for one.
	Take(person, network string) (wait time.Duration)
	// Return takes back one try, which was not wrong.
	Return(person, network string)
}

// LimitGuesses has g limit the tries of short codes; without it they have no limit. Call
// it before anything is scanned.
func (s *Service) LimitGuesses(g Guesses) { s.guesses = g }

// UserCode returns the short code that l shows at now. Only a pending login has one, and
// only if it was asked for.
func (s *Service) UserCode(l Login, now time.Time) (code string, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || l.UserCode == 0 || l.stateAt(now) != Pending {
		return "", false
	}
	code = drawUserCode(key, l.Handle, l.UserCode)
	return code[:userCodeLen/2] + "-" + code[userCodeLen/2:], true
}

// drawUserCode derives a code, so that every poll on every node shows the same. To who
// has no key it is as random as the handle.
func drawUserCode(key Key, h Handle, draw int) string {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(draw))
	mac := key.mac(labelUserCode, string(h), string(n[:]))
	// Of 128 bits 34 are used: no code is likelier than another by more than 1 in 2^93.
	hi, lo := binary.BigEndian.Uint64(mac[:]), binary.BigEndian.Uint64(mac[8:])
	var out [userCodeLen]byte
	for i := range out {
		var rem uint64
		hi, rem = hi/uint64(len(userCodeLetters)), hi%uint64(len(userCodeLetters))
		lo, rem = bits.Div64(rem, lo, uint64(len(userCodeLetters)))
		out[i] = userCodeLetters[rem]
	}
	return string(out[:])
}

func userCodeID(key Key, code string) UserCodeID {
	return UserCodeID(key.word(secretBytes, labelUserCodeID, code))
}

// saveUserCode gives l a short code that no other login has.
func (s *Service) saveUserCode(ctx context.Context, l *Login) (UserCodeID, error) {
	key, ok := s.Keys().Key(l.KeyID)
	if !ok {
		return "", ErrNotFound
	}
	for l.UserCode = 1; l.UserCode <= userCodeDraws; l.UserCode++ {
		id := userCodeID(key, drawUserCode(key, l.Handle, l.UserCode))
		err := s.store.UserCodes.Create(ctx, UserCode{ID: id, Login: l.Handle, Expires: l.ExpiresAt()})
		if !errors.Is(err, ErrExists) {
			return id, wrap("save short code", err)
		}
	}
	return "", wrap("save short code", ErrExists)
}

// parseUserCode reads a short code as people type it and as keyboards mend it: in any
// case, with whatever spaces and dashes, with the wide letters of Chinese and Japanese
// keyboards. What holds any other letter is no short code, and no guess at one.
func parseUserCode(text string) (code string, ok bool) {
	var b strings.Builder
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!' // the wide forms are in the order of ASCII
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		switch {
		case unicode.In(r, unicode.White_Space, unicode.Dash, unicode.Cf):
			continue
		case b.Len() == userCodeLen || !strings.ContainsRune(userCodeLetters, r):
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == userCodeLen
}

// typed finds the login of a short code for the phone that typed it. A code of a login
// that another phone has scanned is as wrong as any other.
func (s *Service) typed(ctx context.Context, who Identity, code string) (Login, error) {
	person, network := who.Key(), Network(who.Addr.Unmap())
	if s.guesses != nil {
		// It counts before it is looked up, or many at once would all pass.
		if wait := s.guesses.Take(person, network); wait > 0 {
			return Login{}, &RetryError{Err: ErrTooManyCodes, After: wait}
		}
	}
	l, err := s.findTyped(ctx, who.Phone, code)
	if s.guesses != nil && !errors.Is(err, ErrNotFound) {
		s.guesses.Return(person, network)
	}
	return l, err
}

func (s *Service) findTyped(ctx context.Context, who Phone, code string) (Login, error) {
	for _, key := range s.Keys().All() {
		found, err := s.store.UserCodes.Get(ctx, userCodeID(key, code))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return Login{}, err
		}
		l, err := s.logins.load(found.Login)
		switch {
		case err != nil:
			return Login{}, err
		case l.State == Pending, l.Typed && l.Phone == who && l.State != Expired:
			return l, nil
		}
		return Login{}, ErrNotFound
	}
	return Login{}, ErrNotFound
}
