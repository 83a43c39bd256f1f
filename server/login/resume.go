package login

import (
	"context"
	"crypto/hmac"
	"errors"
	"time"
)

// This file serves connections that outlive their login: an approved login's browser
// gets a secret with which a connection that was cut goes on, be that before the ticket
// was redeemed or during the session that came of it.

// resumeLen is the handle and the session id, which find the records, and a MAC over
// both, which opens them: 144 bits.
const resumeLen = handleBytes + sessionBytes + secretBytes

// SessionIDOf returns the id of the session that an approved login leads to, or that a
// redeemed one has led to. ok is false in any other state.
func (s *Service) SessionIDOf(l Login) (id SessionID, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || l.State != Approved && l.State != Redeemed {
		return "", false
	}
	return sessionID(key, ticket(key, &l)), true
}

// ResumeSecret derives what opens a connection of l's browser again. ok is false unless
// l is approved or redeemed.
func (s *Service) ResumeSecret(l Login) (secret string, ok bool) {
	id, ok := s.SessionIDOf(l)
	if !ok {
		return "", false
	}
	key, _ := s.Keys().Key(l.KeyID)
	return string(l.Handle) + string(id) + resumeMAC(key, l.Handle, id), true
}

func resumeMAC(key Key, h Handle, id SessionID) string {
	return key.word(secretBytes, labelResume, string(h), string(id))
}

// parseResume believes nothing that it did not derive itself. It reads no record, so
// guessing costs a store nothing.
func (s *Service) parseResume(secret string) (h Handle, id SessionID, ok bool) {
	if !wellFormed(secret, resumeLen) {
		return "", "", false
	}
	const idLen = sessionBytes * 4 / 3
	h, id = Handle(secret[:handleLen]), SessionID(secret[handleLen:handleLen+idLen])
	for _, key := range s.Keys().All() {
		if hmac.Equal([]byte(secret[handleLen+idLen:]), []byte(resumeMAC(key, h, id))) {
			return h, id, true
		}
	}
	return "", "", false
}

// Resumed is where a connection goes on.
type Resumed struct {
	ID      SessionID
	App     string
	Session Session // the zero Session until it has begun
	Login   Login   // only until the session has begun
}

// Begun tells whether there is a session yet.
func (r Resumed) Begun() bool { return r.Session.ID != "" }

// Resume finds what secret belongs to: the session, ended or not, or before that its
// login. ErrNotFound stands for secrets that are none and for all that is forgotten.
func (s *Service) Resume(ctx context.Context, secret string) (Resumed, error) {
	h, id, ok := s.parseResume(secret)
	if !ok {
		return Resumed{}, ErrNotFound
	}
	v, err := s.store.Sessions.Get(ctx, id)
	if err == nil {
		return Resumed{ID: id, App: v.App, Session: s.sessionAt(v, time.Now())}, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return Resumed{}, wrap("resume", err)
	}
	l, err := s.store.Logins.Get(ctx, h)
	if err != nil {
		return Resumed{}, wrap("resume", err)
	}
	l.State = s.stateAt(&l, time.Now())
	return Resumed{ID: id, App: l.App, Login: l}, nil
}

// WatchResumed is Watch for the holder of a resume secret.
func (s *Service) WatchResumed(secret string, since State, fire func(Login, error)) (stop func(), err error) {
	h, _, ok := s.parseResume(secret)
	if !ok {
		return nil, ErrNotFound
	}
	return s.logins.watch(h, watcher{}, func(now Login) bool {
		if now.State <= since {
			return false
		}
		fire(now, nil)
		return true
	})
}

// WatchSession calls fire once, as soon as the session has ended: perhaps before
// WatchSession returns. Of fire and stop holds what is said at Watch. ErrNotFound means
// that the session has not begun, or is forgotten.
func (s *Service) WatchSession(id SessionID, fire func(Session)) (stop func(), err error) {
	return s.sessions.watch(id, watcher{}, func(v Session) bool {
		if v.Ended == Active {
			return false
		}
		fire(v)
		return true
	})
}
