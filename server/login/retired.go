package login

import (
	"slices"
	"time"
)

// This file ends what hangs on a key that is in the ring no more: whoever stole it could
// derive every secret of its logins and sessions.

// stateAt is the state of [Login.At], and says as well that a login whose key is gone has expired.
func (s *Service) stateAt(l *Login, now time.Time) State {
	if l.State != 0 && !l.State.Final() && !s.holds(l.KeyID) {
		return Expired
	}
	return l.stateAt(now)
}

// sessionAt is [Session.At], and says as well that a session whose key is gone has ended.
func (s *Service) sessionAt(v Session, now time.Time) Session {
	if v = v.At(now); v.Ended == Active && !s.holds(v.KeyID) {
		v.Ended = SignedOut
	}
	return v
}

func (s *Service) holds(key string) bool {
	_, ok := s.Keys().Key(key)
	return ok
}

// retire tells everybody who waits, if a key of before is gone.
func (s *Service) retire(before *Config) {
	if before == nil || !slices.ContainsFunc(before.Keys.keys, func(k Key) bool { return !s.holds(k.ID) }) {
		return
	}
	s.logins.wakeAll()
	s.sessions.wakeAll()
}

// wakeAll wakes every topic, soon: a store that is slow must not hold up its caller.
func (h *hub[K, R]) wakeAll() {
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		keys := slices.Collect(s.topics.keys())
		s.mu.Unlock()
		if len(keys) == 0 {
			continue
		}
		go func() {
			for _, key := range keys {
				h.wake(key)
			}
		}()
	}
}
