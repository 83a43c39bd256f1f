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

// maxWrongNumbers is how many wrong numbers deny a login.
const maxWrongNumbers = 3

// Scan gives the login behind a scanned or typed text to a phone. text is what the QR
// says, or the end of it, or a short code, which always needs the number. seen is when
// the phone opened it, zero for now: signing in first does not make a fresh code stale.
// The same phone may scan again, which changes nothing; another one gets ErrTaken, or
// with a short code ErrNotFound. ErrBlocked: see Disown. A code that is unknown or dead
// gives ErrNotFound. A RetryError of ErrTooManyCodes: see LimitGuesses.
func (s *Service) Scan(ctx context.Context, who Identity, text string, seen time.Time) (Login, error) {
	began := time.Now()
	if seen.IsZero() || seen.After(began) {
		seen = began
	}
	sight, found, err := s.sighted(ctx, who, text, seen)
	if err != nil {
		return Login{}, err
	}
	if err := s.checkBlock(ctx, who.Phone, found.Browser.Addr); err != nil {
		return Login{}, err
	}
	risk := s.risk(ctx, sight, who, found, seen)
	l, err := s.store.Logins.Update(ctx, sight.handle, func(l *Login) error {
		now := time.Now()
		app, ok := s.App(l.App)
		if !ok || s.stateAt(l, now) == Expired {
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
		l.Typed, l.Risk = sight.typed, risk
		l.NumberRequired = sight.typed || app.Number == NumberAlways || app.Number == NumberOnRisk && risk != 0 ||
			l.Ahead > 0 && (sight.stale || sight.early)
		if least := now.Add(decision); least.After(l.Deadline) {
			l.Deadline = least
		}
		return nil
	})
	switch {
	case err == nil:
		s.tellFrom(who.Addr, func() Event {
			e := loginEvent(EventScan, &l)
			e.Unbound = sight.bound && !l.Bound
			return e
		})
		s.step(&Step{Name: StepScan, Result: StepDone, Login: l, Began: began})
	case errors.Is(err, ErrDecided):
		err = nil
	}
	l.State = l.stateAt(time.Now())
	return l, wrap("scan", err)
}

// sighted finds what a phone has scanned, or what was typed on it. [Service.Look] finds
// no short code: whoever opens addresses could guess them there, and nobody would count.
func (s *Service) sighted(ctx context.Context, who Identity, text string, seen time.Time) (sight, Login, error) {
	code, short := parseUserCode(text)
	if !short {
		return s.recognise(ctx, text, seen)
	}
	l, err := s.typed(ctx, who, code)
	return sight{handle: l.Handle, typed: true}, l, err
}

// Number returns the two digits that the browser shows after a scan that needs
// them; ok is false while the login needs none.
func (s *Service) Number(l Login) (digits string, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || !l.NumberRequired || l.State != Scanned {
		return "", false
	}
	mac := key.mac(labelNumber, string(l.Handle))
	n := binary.BigEndian.Uint32(mac[:])
	return strconv.Itoa(int(10 + n%90)), true
}

// approve is ApproveWith of somebody who has been verified by a passkey, or has not. There
// is no other way to an approved login.
func (s *Service) approve(ctx context.Context, who Phone, h, number string, verified bool) (Login, error) {
	began := time.Now()
	wrong := false // what the last run of the change saw
	l, saved, err := s.decide(ctx, who, h, func(l *Login) error {
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
		if _, ok := s.Keys().Key(l.KeyID); !ok {
			return ErrNotFound // neither its number nor its ticket can be made any more
		}
		if _, ok := s.App(l.App); !ok {
			return ErrNotFound // nobody knows any more what it asks for, and it may come back
		}
		if s.asksPasskey(*l) && !verified {
			return ErrPasskeyRequired // before the number: it costs no try of it
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
	switch {
	case saved && wrong:
		s.tellLogin(ctx, EventWrongNumber, &l)
		s.step(&Step{Name: StepApprove, Result: StepWrongNumber, Login: l, Began: began})
	case saved:
		s.tellLogin(ctx, EventApprove, &l)
		s.step(&Step{Name: StepApprove, Result: StepDone, Login: l, Began: began})
	}
	if err == nil && wrong {
		err = errors.Join(ErrWrongNumber, s.afterNo(ctx, l))
	}
	return l, wrap("approve", err)
}

// Deny says no. Denying again is harmless.
func (s *Service) Deny(ctx context.Context, who Phone, h string) (Login, error) {
	began := time.Now()
	l, saved, err := s.decide(ctx, who, h, func(l *Login) error {
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
	if saved {
		s.tellLogin(ctx, EventDeny, &l)
		s.step(&Step{Name: StepDeny, Result: StepDone, Login: l, Began: began})
	}
	if err == nil {
		err = s.afterNo(ctx, l)
	}
	return l, wrap("deny", err)
}

// afterNo keeps a person who said no to a prompt from being asked at that site again.
func (s *Service) afterNo(ctx context.Context, l Login) error {
	if !l.Push || l.State != Denied {
		return nil
	}
	return s.endPush(ctx, l.Phone, func(t PushTicket) bool { return t.App == l.App })
}

func (l *Login) deny() {
	l.become(Denied)
	l.Deadline = time.Now()
}

var errUnchanged = errors.New("nothing to change")

// decide runs change on a login that who has scanned and that has not expired, and
// tells whether anything was saved.
func (s *Service) decide(ctx context.Context, who Phone, h string, change func(*Login) error) (l Login, saved bool, err error) {
	handle, ok := parseHandle(h)
	if !ok {
		return Login{}, false, ErrNotFound
	}
	l, err = s.store.Logins.Update(ctx, handle, func(l *Login) error {
		if l.Phone == (Phone{}) {
			return ErrNotFound
		}
		if l.Phone != who {
			return ErrNotYours
		}
		if l.stateAt(time.Now()) == Expired {
			return ErrExpired
		}
		return change(l)
	})
	saved = err == nil
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	l.State = l.stateAt(time.Now())
	return l, saved, err
}

// Scanned returns a login that who has scanned, by its handle.
func (s *Service) Scanned(_ context.Context, who Phone, h string) (Login, error) {
	handle, ok := parseHandle(h)
	if !ok {
		return Login{}, ErrNotFound
	}
	l, err := s.logins.load(handle)
	switch {
	case err != nil:
		return Login{}, err
	case l.Phone == (Phone{}):
		return Login{}, ErrNotFound
	case l.Phone != who:
		return Login{}, ErrNotYours
	}
	return l, nil
}

// WaitScanned returns the login once its state is not since, or as it is when ctx
// ends.
func (s *Service) WaitScanned(ctx context.Context, who Phone, h string, since State) (Login, error) {
	l, err := s.Scanned(ctx, who, h)
	if err != nil || l.State != since || l.State.Final() {
		return l, err
	}
	fired := make(chan Login, 1)
	stop, err := s.logins.watch(l.Handle, watcher{}, func(now Login) bool {
		if now.State <= since { // or it was saved before, and is offered late
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
	all = slices.DeleteFunc(all, func(l Login) bool { return s.stateAt(&l, now) != Scanned })
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
