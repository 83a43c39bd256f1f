package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"
)

// savePush keeps the push ticket that a new session's credentials hold.
func (s *Service) savePush(ctx context.Context, key Key, v Session) error {
	return wrap("save push ticket", s.createPush(ctx, firstPushTicket(key, v.ID), v))
}

func (s *Service) createPush(ctx context.Context, ticket string, v Session) error {
	err := s.store.Push.Create(ctx, PushTicket{
		ID: pushID(ticket), Secret: hashSecret(ticket), Session: v.ID,
		App: v.App, Phone: v.Phone, Profile: v.Profile, Expires: time.Now().Add(pushTicketLife),
		KeyID: v.KeyID, Browser: v.Browser,
	})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// StartPush begins a login that the phone is asked about without a scan. ticket is
// what the browser was left from an earlier session; uin is the account it asks
// for. It is used up; the caller hands next to the browser instead. ErrNotFound
// means that the ticket is not good for uin, ErrTooMany that this person was asked
// three times in ten minutes: the ticket survives that.
func (s *Service) StartPush(ctx context.Context, ticket, uin string, r Request) (id ID, next string, err error) {
	began := time.Now()
	t, err := s.pushTicket(ctx, ticket, uin)
	if err != nil {
		return "", "", err
	}
	r.App = t.App
	l, id, err := s.draft(r)
	if err != nil {
		return "", "", err
	}
	next = newPushTicket()
	l.become(Scanned)
	l.Scanned, l.Push, l.Renewed, l.Phone, l.Profile = l.Started, true, pushID(next), t.Phone, t.Profile
	if app, ok := s.App(t.App); ok {
		l.Risk = s.pushRisk(t, l)
		l.NumberRequired = app.Number == NumberAlways || app.Number == NumberOnRisk && l.Risk != 0
	}
	if err := s.checkBlock(ctx, t.Phone, r.Browser.Addr); err != nil {
		return "", "", err
	}
	if err := s.prompt(ctx, l); err != nil {
		return "", "", err
	}
	// Of two that present the ticket, one gets a login.
	if err := s.spendPush(ctx, t); err != nil {
		return "", "", errors.Join(err, s.store.Logins.Delete(ctx, l.Handle))
	}
	s.tellLogin(ctx, EventPush, &l)
	s.step(&Step{Name: StepStart, Result: StepDone, Login: l, Dialect: r.Dialect, Began: began})
	err = s.createPush(ctx, next, Session{
		ID: t.Session, App: t.App, Phone: t.Phone, Profile: t.Profile, KeyID: t.KeyID, Browser: t.Browser,
	})
	return id, next, wrap("renew push ticket", err)
}

// pushRisk looks at who uses a ticket. The phone is not there yet, and nobody can have
// waited for a login that is new: what can be compared is where the browser was when it
// was given the ticket's session, and a thief of its cookies is elsewhere.
func (s *Service) pushRisk(t PushTicket, l Login) (r Risk) {
	if apart := s.config.Load().Apart; apart != nil && apart(l.Browser.Addr, t.Browser.Addr) {
		r |= RiskPlace
	}
	return r
}

func (s *Service) pushTicket(ctx context.Context, ticket, uin string) (PushTicket, error) {
	if !wellFormed(ticket, handleBytes+secretBytes) {
		return PushTicket{}, ErrNotFound
	}
	t, err := s.store.Push.Get(ctx, pushID(ticket))
	if err != nil {
		return PushTicket{}, err
	}
	sum := hashSecret(ticket)
	if subtle.ConstantTimeCompare(sum[:], t.Secret[:]) != 1 || uin != decimal(accountNumber(s.Keys(), t.App, t.Phone)) ||
		!s.holds(t.KeyID) {
		return PushTicket{}, ErrNotFound
	}
	return t, nil
}

// prompt saves a push login unless its phone has been asked often enough: a stolen
// ticket must not wear a person down (MFA fatigue). It counts after saving, its own
// included, so that of many at once too many never stay.
func (s *Service) prompt(ctx context.Context, l Login) error {
	if err := s.store.Logins.Create(ctx, l); err != nil {
		return wrap("start push login", err)
	}
	all, err := s.store.Logins.Owned(ctx, l.Phone)
	asked := 0
	for _, other := range all {
		if other.Push && time.Since(other.Started) < pushWindow {
			asked++
		}
	}
	if err == nil && asked > maxPrompts {
		err = ErrTooMany
	}
	if err != nil {
		err = errors.Join(wrap("count prompts", err), s.store.Logins.Delete(ctx, l.Handle))
	}
	return err
}

// spendPush makes exactly one of several callers go on.
func (s *Service) spendPush(ctx context.Context, t PushTicket) error {
	_, err := s.store.Push.Update(ctx, t.ID, func(now *PushTicket) error {
		if now.Secret == (HashedSecret{}) {
			return ErrNotFound
		}
		now.Secret = HashedSecret{}
		return nil
	})
	if err != nil {
		return err
	}
	return s.store.Push.Delete(ctx, t.ID)
}

func newPushTicket() string {
	var b [handleBytes + secretBytes]byte
	_, _ = rand.Read(b[:])
	return encode(b[:])
}

// pushID is the public part of a well-formed ticket.
func pushID(ticket string) PushID { return PushID(ticket[:handleLen]) }

// endPush forgets those push tickets of a phone that match.
func (s *Service) endPush(ctx context.Context, who Phone, match func(PushTicket) bool) error {
	all, err := s.store.Push.Owned(ctx, who)
	for _, t := range all {
		if match(t) {
			err = errors.Join(err, s.store.Push.Delete(ctx, t.ID))
		}
	}
	return wrap("end push tickets", err)
}
