package login

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// skew is how long before its slot a code is taken: clocks of nodes differ.
const skew = 5 * time.Second

// maxWrongNumbers is how many wrong numbers deny a login.
const maxWrongNumbers = 3

// Code returns the scan code that l shows at now, and how long it stays the newest.
// A login that is not pending has none.
func (s *Service) Code(l Login, now time.Time) (code string, fresh time.Duration, ok bool) {
	key, ok := s.Keys().Key(l.KeyID)
	if !ok || l.At(now).State != Pending {
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

func codeMAC(key Key, h Handle, slot int) []byte {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(slot))
	return key.mac(labelScanCode, string(h), string(n[:]))[:codeHash]
}

// sight is a recognised text of a picture.
type sight struct {
	handle Handle
	bound  bool // it was the login id: a client drew the QR itself
	stale  bool // older than the slot before the current one
}

// recognise finds the login whose code text is, at the time when the phone saw it.
func (s *Service) recognise(ctx context.Context, text string, seen time.Time) (sight, Login, error) {
	text = lastSegment(text)
	if id, ok := parseID(text); ok {
		l, err := s.Get(ctx, Holder{ID: text})
		if errors.Is(err, ErrNotFound) {
			// It may be bound already: then the phone that scanned it may do so again.
			if l, err = s.load(id.handle()); err == nil && l.ID != id.hash() {
				err = ErrNotFound
			}
		}
		return sight{handle: id.handle(), bound: true}, l, err
	}
	handle, mac, ok := parseScanCode(text)
	if !ok {
		return sight{}, Login{}, ErrNotFound
	}
	l, err := s.load(handle)
	if err != nil {
		return sight{}, Login{}, err
	}
	key, ok := s.Keys().Key(l.KeyID)
	if !ok {
		return sight{}, Login{}, ErrNotFound
	}
	ttl := s.config.Load().CodeTTL
	// Newest first: that is what nearly everybody scans.
	for slot := slotAt(l, time.Now().Add(skew), ttl); slot >= 0; slot-- {
		if subtle.ConstantTimeCompare(mac, codeMAC(key, handle, slot)) == 1 {
			return sight{handle: handle, stale: slot < slotAt(l, seen, ttl)-1}, l, nil
		}
	}
	return sight{}, Login{}, ErrNotFound
}

// Look returns the login behind a scanned text and changes nothing: what a page
// that was merely opened may show. ErrNotFound stands for every code that is not of
// a live login.
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

// Scan gives the login behind a scanned text to a phone. text is what the QR says,
// or the end of it. seen is when the phone opened it, zero for now: signing in
// first does not make a fresh code stale. The same phone may scan again, which
// changes nothing; another one gets ErrTaken. A code that is unknown or dead gives
// ErrNotFound.
func (s *Service) Scan(ctx context.Context, who Identity, text string, seen time.Time) (Login, error) {
	if seen.IsZero() || seen.After(time.Now()) {
		seen = time.Now()
	}
	sight, _, err := s.recognise(ctx, text, seen)
	if err != nil {
		return Login{}, err
	}
	l, err := s.store.Logins.Update(ctx, sight.handle, func(l *Login) error {
		now := time.Now()
		app, ok := s.App(l.App)
		if !ok || l.At(now).State == Expired {
			return ErrNotFound
		}
		if l.Phone != (Phone{}) {
			if l.Phone != who.Phone {
				return ErrTaken
			}
			return ErrDecided // seen before: nothing to change
		}
		if !l.become(Scanned) {
			return ErrNotFound
		}
		l.Phone, l.Profile, l.Scanned = who.Phone, who.Profile, now
		l.Bound = sight.bound && !app.UnboundScan
		l.NumberRequired = app.Number == NumberAlways || app.Number == NumberOnRisk && sight.stale
		if least := now.Add(decision); least.After(l.Deadline) {
			l.Deadline = least
		}
		return nil
	})
	if errors.Is(err, ErrDecided) {
		err = nil
	}
	return l.At(time.Now()), wrap("scan", err)
}

// Number returns the two digits that the browser shows after a scan that needs
// them; ok is false while the login needs none.
func (s *Service) Number(l Login) (digits string, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || !l.NumberRequired || l.State != Scanned {
		return "", false
	}
	n := binary.BigEndian.Uint32(key.mac(labelNumber, string(l.Handle)))
	return strconv.Itoa(int(10 + n%90)), true
}

// Approve says yes. number is needed only if the login asks for it: a wrong one
// gives ErrWrongNumber, and the third denies the login. Approving again is harmless.
// ErrNotYours, ErrDecided and ErrExpired as they say.
func (s *Service) Approve(ctx context.Context, who Phone, h string, number string) (Login, error) {
	wrong := false // what the last run of the change saw
	l, err := s.decide(ctx, who, h, func(l *Login) error {
		wrong = false
		switch l.State {
		case Approved, Redeemed:
			return errUnchanged
		case Denied:
			return ErrDecided
		case Pending, Expired:
			return ErrNotFound // decide lets neither come here
		case Scanned:
		}
		if want, asked := s.Number(*l); asked && subtle.ConstantTimeCompare([]byte(want), []byte(number)) != 1 {
			wrong = true
			if l.WrongNumbers++; l.WrongNumbers >= maxWrongNumbers {
				l.deny()
			}
			return nil
		}
		now := time.Now()
		l.become(Approved)
		l.Approved, l.Deadline = now, now.Add(s.config.Load().TicketTTL)
		l.Nonce = newNonce()
		return nil
	})
	if err == nil && wrong {
		err = ErrWrongNumber
	}
	return l, wrap("approve", err)
}

// Deny says no. Denying again is harmless.
func (s *Service) Deny(ctx context.Context, who Phone, h string) (Login, error) {
	l, err := s.decide(ctx, who, h, func(l *Login) error {
		switch l.State {
		case Denied:
			return errUnchanged
		case Approved, Redeemed:
			return ErrDecided
		case Pending, Expired:
			return ErrNotFound // decide lets neither come here
		case Scanned:
		}
		l.deny()
		return nil
	})
	if err == nil && l.Push {
		// A person who says no to a prompt is not to be asked by that browser again.
		err = s.endPush(ctx, l.Phone, func(t PushTicket) bool { return t.App == l.App })
	}
	return l, wrap("deny", err)
}

func (l *Login) deny() {
	l.become(Denied)
	l.Deadline = time.Now()
}

var errUnchanged = errors.New("nothing to change")

// decide runs change on a login that who has scanned and that has not expired.
func (s *Service) decide(ctx context.Context, who Phone, h string, change func(*Login) error) (Login, error) {
	handle, ok := parseHandle(h)
	if !ok {
		return Login{}, ErrNotFound
	}
	l, err := s.store.Logins.Update(ctx, handle, func(l *Login) error {
		if l.Phone == (Phone{}) {
			return ErrNotFound
		}
		if l.Phone != who {
			return ErrNotYours
		}
		if l.At(time.Now()).State == Expired {
			return ErrExpired
		}
		return change(l)
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return l.At(time.Now()), err
}

// Scanned returns a login that who has scanned, by its handle.
func (s *Service) Scanned(ctx context.Context, who Phone, h string) (Login, error) {
	handle, ok := parseHandle(h)
	if !ok {
		return Login{}, ErrNotFound
	}
	l, err := s.load(handle)
	if err == nil && l.Phone != who {
		err = ErrNotFound
		if l.Phone != (Phone{}) {
			err = ErrNotYours
		}
	}
	if err != nil {
		return Login{}, err
	}
	return l, ctx.Err()
}

// WaitScanned returns the login once its state is not since, or as it is when ctx
// ends.
func (s *Service) WaitScanned(ctx context.Context, who Phone, h string, since State) (Login, error) {
	l, err := s.Scanned(ctx, who, h)
	if err != nil || l.State != since || l.State.Final() {
		return l, err
	}
	fired := make(chan Login, 1)
	stop, err := s.logins.watch(l.Handle, func(now Login) bool {
		if now.State == since {
			return false
		}
		fired <- now
		return true
	})
	if err != nil {
		return Login{}, err
	}
	defer stop()
	select {
	case l = <-fired:
	case <-ctx.Done():
	}
	return l, nil
}

// Undecided lists, newest first, what who has scanned and not decided, and the
// push logins that wait for an answer.
func (s *Service) Undecided(ctx context.Context, who Phone) ([]Login, error) {
	all, err := s.store.Logins.Owned(ctx, who)
	if err != nil {
		return nil, wrap("list scans", err)
	}
	now := time.Now()
	all = slices.DeleteFunc(all, func(l Login) bool { return l.At(now).State != Scanned })
	slices.SortFunc(all, func(a, b Login) int { return b.Scanned.Compare(a.Scanned) })
	return all, nil
}

// wrap says what failed; nil stays nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
