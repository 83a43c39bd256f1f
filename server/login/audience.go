package login

import (
	"net/netip"
	"sync"
	"time"
)

// watcher is who waits for a login.
type watcher struct {
	network     netip.Prefix // the zero Prefix: unknown
	showsNumber bool
	binding     bool // it has the login's binding cookie
}

// watcherOf forgets all of an address that one customer of a provider can choose.
func watcherOf(h Holder, l Login) watcher {
	l.Bound = true
	return watcher{network: NetworkPrefix(h.Addr), showsNumber: h.ShowsNumber, binding: h.proves(l)}
}

// absence is how long a browser that asks now and then may be silent: short polls come
// every 5 s at most, and a page that is reloaded or on a bad network misses some. Long
// polls and streams are open waits, and come back at once.
const absence = 30 * time.Second

// audience knows of which logins' browsers this process has heard within absence. It
// forgets by itself: two maps take turns, so it never holds more than the logins of
// twice that time.
//
// It is this process's own: several that share a store must send a login's browser and
// its phone to the same one, or the phone is asked for the number more often than it
// need be.
type audience struct {
	mu        sync.Mutex
	now, then map[Handle]hearing
	turned    time.Time
}

// hearing is when a browser was heard of, and when one that can show the number was.
type hearing struct{ any, able time.Time }

// hear notes that a browser of the login asks for it, or has done so until now.
func (a *audience) hear(h Handle, able bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.now == nil || now.Sub(a.turned) > absence {
		a.then, a.now, a.turned = a.now, make(map[Handle]hearing), now
	}
	of := a.now[h]
	of.any = now
	if able {
		of.able = now
	}
	a.now[h] = of
}

// heard tells whether any browser of the login has asked for it within absence, and
// whether one has that can show people the number.
func (a *audience) heard(h Handle) (anybody, able bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for _, of := range []hearing{a.now[h], a.then[h]} {
		anybody = anybody || now.Sub(of.any) <= absence
		able = able || now.Sub(of.able) <= absence
	}
	return anybody, able
}
