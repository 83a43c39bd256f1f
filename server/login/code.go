package login

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"
)

// CodeLetters is how many letters a–z a scan code has.
const CodeLetters = codeLen

// skew is how long before its slot a code is taken: clocks of nodes differ.
const skew = 5 * time.Second

// Code returns the scan code that l shows at now, and how long it stays the newest.
// A login that is not pending has none.
func (s *Service) Code(l Login, now time.Time) (code string, fresh time.Duration, ok bool) {
	key, ok := s.Keys().Key(l.KeyID)
	if !ok || l.stateAt(now) != Pending {
		return "", 0, false
	}
	ttl := s.config.Load().CodeTTL
	slot := slotAt(l, now, ttl)
	fresh = l.Started.Add(time.Duration(slot+1) * ttl).Sub(now)
	return scanCode(l.Handle, codeMAC(key, l.Handle, slot)), fresh, true
}

// slotAt counts slots from the start of the login.
func slotAt(l Login, now time.Time, ttl time.Duration) int {
	return max(0, int(now.Sub(l.Started)/ttl))
}

func codeMAC(key Key, h Handle, slot int) (short [codeHash]byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(slot))
	mac := key.mac(labelScanCode, string(h), string(n[:]))
	copy(short[:], mac[:])
	return short
}

// SlotCode is a scan code and how long it is to be shown.
type SlotCode struct {
	Code string
	For  time.Duration
}

// CodesAhead returns the codes that the login of h has yet to show, at most so many,
// beginning with the current one: for pictures that no script renews. From then on the
// login takes them before their slots, and asks for the number with every code that is
// out of its slot, whatever the app's rule: nothing else tells a late viewer from a
// relay. ErrNotFound for a login that shows none.
func (s *Service) CodesAhead(ctx context.Context, h Holder, most int) ([]SlotCode, error) {
	l, err := s.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	now, ttl := time.Now(), s.config.Load().CodeTTL
	key, ok := s.Keys().Key(l.KeyID)
	if !ok || l.State != Pending {
		return nil, ErrNotFound
	}
	first := slotAt(l, now, ttl)
	last := min(slotAt(l, l.Deadline.Add(-1), ttl), first+most-1)
	if last > l.Ahead {
		if _, err := s.store.Logins.Update(ctx, l.Handle, func(l *Login) error {
			l.Ahead = max(l.Ahead, last)
			return nil
		}); err != nil {
			return nil, wrap("show codes ahead", err)
		}
	}
	codes := make([]SlotCode, 0, last-first+1)
	for slot := first; slot <= last; slot++ {
		end := l.Started.Add(time.Duration(slot+1) * ttl)
		codes = append(codes, SlotCode{scanCode(l.Handle, codeMAC(key, l.Handle, slot)), end.Sub(now)})
		now = end
	}
	return codes, nil
}

// sight is a recognised text of a picture.
type sight struct {
	handle Handle
	bound  bool // it was the login id: a client drew the QR itself
	stale  bool // older than the slot before the current one
	early  bool // of a slot yet to come
	typed  bool // it was the short code
}

// recognise finds the login whose code text is, at the time when the phone saw it.
func (s *Service) recognise(ctx context.Context, text string, seen time.Time) (sight, Login, error) {
	text = lastSegment(text)
	if id, ok := parseID(text); ok {
		l, err := s.find(ctx, Holder{ID: text})
		if errors.Is(err, ErrNotFound) {
			// It may be bound already: then the phone that scanned it may do so again.
			if l, err = s.logins.load(id.handle()); err == nil && l.ID != id.hash() {
				err = ErrNotFound
			}
		}
		// A picture drawn from the id never changes: it is as old as the first slot's, or
		// an attacker could keep his from ever going stale by drawing it himself.
		stale := slotAt(l, seen, s.config.Load().CodeTTL) > 1
		return sight{handle: id.handle(), bound: true, stale: stale}, l, err
	}
	handle, mac, ok := parseScanCode(text)
	if !ok {
		return sight{}, Login{}, ErrNotFound
	}
	l, err := s.logins.load(handle)
	if err != nil {
		return sight{}, Login{}, err
	}
	key, ok := s.Keys().Key(l.KeyID)
	if !ok {
		return sight{}, Login{}, ErrNotFound
	}
	ttl := s.config.Load().CodeTTL
	// Newest first: that is what nearly everybody scans.
	for slot := max(l.Ahead, slotAt(l, time.Now().Add(skew), ttl)); slot >= 0; slot-- {
		if want := codeMAC(key, handle, slot); subtle.ConstantTimeCompare(mac[:], want[:]) == 1 {
			return sight{
				handle: handle,
				stale:  slot < slotAt(l, seen, ttl)-1,
				early:  slot > slotAt(l, seen.Add(skew), ttl),
			}, l, nil
		}
	}
	return sight{}, Login{}, ErrNotFound
}

// Look returns the login behind a scanned text and changes nothing: what a page
// that was merely opened may show. ErrNotFound stands for every code that is not of
// a login, or of one that has expired.
func (s *Service) Look(ctx context.Context, text string) (Login, error) {
	_, l, err := s.recognise(ctx, text, time.Now())
	if err == nil && l.State == Expired {
		err = ErrNotFound
	}
	if err != nil {
		return Login{}, err
	}
	return l, nil
}
