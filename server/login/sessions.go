package login

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// sessionID derives the one session that can come of a ticket. If the mark that it
// was redeemed is ever lost, a second redemption gives the same session.
func sessionID(key Key, ticket string) SessionID {
	return SessionID(key.word(sessionBytes, labelSession, ticket))
}

// opened is the mark of a login whose session was handed out. The dialects' marks begin at
// the other end, and refusalTold's end before it; the bits after it say who has set it.
const opened Mark = refusalTold << refusalsTold

// unopened tells whether the session of a redeemed login may still be made, since the store
// failed before it could be handed out. It must not bring back one that was ended: of
// a session that was saved, the record is there for as long as its tombstone lasts, or its
// life, from Redeemed on. Half of that is left for a caller that is slow.
func (s *Service) unopened(l *Login, now time.Time) bool {
	return l.Told&opened == 0 && now.Before(l.Redeemed.Add(min(tombstone, s.config.Load().SessionTTL)/2))
}

// openSession hands out the session of a redeemed login, as ErrRedeemed says at most once,
// except to its own browser, which is given cookies as well. Only a redeemed login may come
// here, with its key. Invariants:
//
//   - A session is saved only for a login that is not marked as opened, and not too long
//     after it was redeemed; see unopened. So none is saved after it was handed out.
//   - The mark comes last, and of all callers on all nodes one sets it. Whoever does not come
//     that far may try again, and finds what is there already.
//
// If what became of the mark itself cannot be found out, it counts as handed out: so it is
// with an answer that the site never gets.
func (s *Service) openSession(ctx context.Context, key Key, id SessionID, l *Login, browser bool) (Session, error) {
	v, err := s.makeSession(ctx, key, id, l, browser)
	if err != nil {
		return Session{}, wrap("open session", err)
	}
	if v.Ended != Active { // and its push ticket may have been saved after that
		return Session{}, errors.Join(ErrRefused, s.end(ctx, id, v.Ended, EventSignOut))
	}
	if l.Told&opened != 0 {
		return v, nil
	}
	if l.Push { // the session's own ticket takes the place of the one handed out meanwhile
		if err := s.store.Push.Delete(ctx, l.Renewed); err != nil {
			return Session{}, wrap("drop push ticket", err)
		}
	}
	if app, ok := s.App(l.App); ok && app.OneSession {
		if err := s.endOthers(ctx, v); err != nil {
			return Session{}, err
		}
	}
	switch err := s.markOpened(ctx, l.Handle); {
	case err == nil, browser && errors.Is(err, ErrRedeemed):
		return v, nil
	case errors.Is(err, ErrRefused):
		// A thief who came between redemption and creation found no session to end.
		return Session{}, errors.Join(ErrRefused, s.end(ctx, id, Voided, EventSignOut))
	default:
		return Session{}, wrap("hand out session", err)
	}
}

// markOpened lets one of all callers hand out the session. The mark is this caller's own, by
// which it knows it when the answer was lost, whether the store asks again or this does: nobody
// else could. Of who has not written it yet, it is somebody's who has drawn the same.
func (s *Service) markOpened(ctx context.Context, h Handle) (err error) {
	mine := opened | Mark(rand.Uint32())&^(opened<<1-1)
	written := false
	for range 3 {
		_, err = s.store.Logins.Update(ctx, h, func(now *Login) error {
			switch {
			case now.Void:
				return ErrRefused
			case now.Told&opened == 0:
				now.Told |= mine
				written = true
				return nil
			case written && now.Told&^(opened-1) == mine:
				return errUnchanged
			}
			return ErrRedeemed
		})
		switch {
		case err == nil, errors.Is(err, errUnchanged):
			return nil
		case errors.Is(err, ErrNotFound):
			return ErrRefused
		case errors.Is(err, ErrRedeemed), errors.Is(err, ErrRefused):
			return err
		}
	}
	return err
}

// makeSession returns the session of a redeemed login, and saves it unless that has been done
// or must not be done any more. A push ticket is a cookie: for what a site redeems, nobody would
// ever have it.
func (s *Service) makeSession(ctx context.Context, key Key, id SessionID, l *Login, browser bool) (Session, error) {
	// The push ticket comes first: a session that exists has had its own, and saving it
	// again would bring back one that was used.
	v, err := s.sessions.load(id)
	if !errors.Is(err, ErrNotFound) {
		return v, err
	}
	if !s.unopened(l, time.Now()) {
		return Session{}, ErrRefused
	}
	v = Session{
		ID: id, KeyID: l.KeyID, Login: l.Handle, App: l.App, Browser: l.Browser,
		Phone: l.Phone, Profile: l.Profile, AuthTime: l.Approved,
		Created: l.Redeemed, LastSeen: l.Redeemed, Expires: l.Redeemed.Add(s.config.Load().SessionTTL),
	}
	if browser {
		if err := s.savePush(ctx, key, v); err != nil {
			return Session{}, err
		}
	}
	err = s.store.Sessions.Create(ctx, v)
	if errors.Is(err, ErrExists) {
		return s.sessions.load(id)
	}
	return v, err
}

// endOthers ends all but the latest of a subject's sessions at an app, be that one
// new or not: of several sign-ins at once, whoever lists last sees them all, and
// everybody agrees on which is the latest.
func (s *Service) endOthers(ctx context.Context, fresh Session) error {
	all, err := s.store.Sessions.Owned(ctx, fresh.Phone)
	all = slices.DeleteFunc(all, func(v Session) bool { return v.App != fresh.App || v.Ended != Active })
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for i := range len(all) - 1 {
		err = errors.Join(err, s.end(ctx, all[i].ID, Elsewhere, EventSignOut))
	}
	return wrap("end earlier sessions", err)
}

// Credentials derives what the browser of a session holds. It returns ErrNotFound
// when the session's key has been retired.
func (s *Service) Credentials(v Session) (Credentials, error) {
	c, ok := credentials(s.Keys(), v)
	if !ok {
		return Credentials{}, ErrNotFound
	}
	return c, nil
}

// Authenticate returns the session whose browser presents p, ended or not: the
// caller tells it apart by Ended. All of p must be right, else ErrNotFound.
func (s *Service) Authenticate(ctx context.Context, p Presented) (Session, error) {
	if !wellFormed(p.SID, 2*sessionBytes) {
		return Session{}, ErrNotFound
	}
	v, err := s.store.Sessions.Get(ctx, SessionID(p.SID[:len(p.SID)/2]))
	if err != nil {
		return Session{}, err
	}
	if c, ok := credentials(s.Keys(), v); !ok || !c.matches(p) {
		return Session{}, ErrNotFound
	}
	return v.At(time.Now()), nil
}

// Touch notes that a session's browser was heard of, at most once a minute.
func (s *Service) Touch(ctx context.Context, v Session) error {
	if time.Since(v.LastSeen) < time.Minute {
		return nil
	}
	_, err := s.store.Sessions.Update(ctx, v.ID, func(v *Session) error {
		v.LastSeen = time.Now()
		return nil
	})
	return wrap("touch session", err)
}

// WaitEnded returns the session once it has ended, or as it is when ctx ends.
func (s *Service) WaitEnded(ctx context.Context, id SessionID) (Session, error) {
	fired := make(chan Session, 1)
	stop, err := s.WatchSession(id, func(v Session) { fired <- v })
	if err != nil {
		return Session{}, err
	}
	defer stop()
	select {
	case v := <-fired:
		return v, nil
	case <-ctx.Done():
		return s.sessions.load(id)
	}
}

// SessionOf returns the active session id of app. Ended ones and those of other
// apps give ErrNotFound.
func (s *Service) SessionOf(ctx context.Context, app, id string) (Session, error) {
	v, err := s.activeSession(ctx, id, func(v Session) bool { return v.App == app })
	if err == nil && !s.holds(v.KeyID) {
		return Session{}, ErrNotFound
	}
	return v, err
}

// SignOut ends the session id of app, as its browser asks.
func (s *Service) SignOut(ctx context.Context, app, id string) error {
	return s.signOut(ctx, app, id, Event{Name: EventSignOut})
}

// SignOutBySite ends the session id of app, as app itself asks.
func (s *Service) SignOutBySite(ctx context.Context, app, id string) error {
	return s.signOut(ctx, app, id, Event{Name: EventSignOut, BySite: true})
}

func (s *Service) signOut(ctx context.Context, app, id string, told Event) error {
	v, err := s.activeSession(ctx, id, func(v Session) bool { return v.App == app })
	if err != nil {
		return err
	}
	return s.endAs(ctx, v.ID, SignedOut, told)
}

// SignOutByPhone ends the session id of the phone who.
func (s *Service) SignOutByPhone(ctx context.Context, who Phone, id string) error {
	v, err := s.activeSession(ctx, id, func(v Session) bool { return v.Phone == who })
	if err != nil {
		return err
	}
	return s.end(ctx, v.ID, ByPhone, EventSignOut)
}

// activeSession finds those whose key is gone as well: they can be ended for good, in case
// the key comes back.
func (s *Service) activeSession(ctx context.Context, id string, mine func(Session) bool) (Session, error) {
	if !wellFormed(id, sessionBytes) {
		return Session{}, ErrNotFound
	}
	v, err := s.store.Sessions.Get(ctx, SessionID(id))
	if err != nil {
		return Session{}, err
	}
	if v = v.At(time.Now()); v.Ended != Active || !mine(v) {
		return Session{}, ErrNotFound
	}
	return v, nil
}

// SessionsOf lists the active sessions of a phone, the newest first.
func (s *Service) SessionsOf(ctx context.Context, who Phone) ([]Session, error) {
	all, err := s.store.Sessions.Owned(ctx, who)
	if err != nil {
		return nil, wrap("list sessions", err)
	}
	now := time.Now()
	all = slices.DeleteFunc(all, func(v Session) bool { return s.sessionAt(v, now).Ended != Active })
	slices.SortFunc(all, func(a, b Session) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// end ends a session with its push ticket, and keeps it for a while so that its
// browser can be told why. A session that has ended keeps its first reason. name is the
// event that is told if this has ended it.
func (s *Service) end(ctx context.Context, id SessionID, why Ending, name EventName) error {
	return s.endAs(ctx, id, why, Event{Name: name})
}

// endAs is end with more to say in the event.
func (s *Service) endAs(ctx context.Context, id SessionID, why Ending, told Event) error {
	v, err := s.store.Sessions.Update(ctx, id, func(v *Session) error {
		if v.Ended != Active {
			return errUnchanged
		}
		v.Ended = why
		if last := time.Now().Add(tombstone); last.Before(v.Expires) {
			v.Expires = last
		}
		return nil
	})
	switch {
	case err == nil:
		s.tell(ctx, func() Event { return sessionEvent(told, v) })
	case errors.Is(err, ErrNotFound):
		return nil
	case !errors.Is(err, errUnchanged):
		return wrap("end session", err)
	}
	// Even if it had ended: its ticket may have been saved after that.
	return s.endPush(ctx, v.Phone, func(t PushTicket) bool { return t.Session == id })
}
