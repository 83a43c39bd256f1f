package login

import (
	"net/netip"
	"sync"
	"time"
)

// watcher is who waits for a login, in few bytes: each waiting browser has one.
type watcher struct {
	network     NetworkKey
	showsNumber bool
	binding     bool // it has the login's binding cookie
}

// watcherOf forgets all of an address that one customer of a provider can choose.
func watcherOf(h Holder, l Login) watcher {
	l.Bound = true
	return watcher{network: NetworkKeyOf(h.Addr), showsNumber: h.ShowsNumber, binding: h.Binding != "" && h.proves(l)}
}

// NetworkKey is a [NetworkPrefix] in few bytes; the zero NetworkKey: unknown.
type NetworkKey [8]byte

// NetworkKeyOf returns the key of addr's network.
func NetworkKeyOf(addr netip.Addr) (n NetworkKey) {
	switch addr = NetworkPrefix(addr).Addr(); {
	case addr.Is4():
		four := addr.As4()
		copy(n[4:], four[:]) // ::/32 has no networks that it could be taken for
	case addr.Is6():
		six := addr.As16()
		copy(n[:], six[:])
		if n == (NetworkKey{}) {
			n[7] = 1 // that of ::1
		}
	}
	return n
}

// absence is how long a browser that asks now and then may be silent. Short polls come
// every 5 s at most, and a page that is reloaded or on a bad network misses some; who was
// turned away for want of room is told to come back in 30 to 34 s. Long polls and streams
// are open waits, and come back at once. After two slots, 40 s, a code is stale anyway.
const absence = 36 * time.Second

// audience knows of which logins' browsers this process has heard within absence, and
// whether they were in two networks. It forgets by itself: two maps take turns, so it never
// holds more than the logins of twice that time.
//
// Who has a Watch is known to the hub, and mostly to nobody else as long as it waits: that is
// nearly everybody, so a hearing for each would be in both maps at most times.
//
// It is this process's own. What the others that share a store need to know of it, the crier
// tells them.
type audience struct {
	shares [64]earshot
	crier  *crier
}

// earshot is the share of some logins.
type earshot struct {
	mu        sync.Mutex
	now, then hearings
	moves     uint64 // calls of note and rest
}

// hearings are what was heard since a time, until absence after it.
type hearings struct {
	since time.Time
	of    map[packedHandle]hearing
}

// hearing is what was heard of a login, and when: a million of them are kept.
type hearing struct {
	any, able tick // of a browser, and of one that can show the number
	network   NetworkKey
	there     tick // of a browser in network
	elsewhere tick // of a browser that was in another one, before that
}

// tick is a time after the beginning of hearings, in ms; 0: never. It holds absence.
type tick uint16

func (h hearings) tick(at time.Time) tick { return tick(at.Sub(h.since)/time.Millisecond) + 1 }

// lately tells whether a tick is no longer ago than absence.
func (h hearings) lately(t tick, now time.Time) bool {
	return t != 0 && now.Sub(h.since.Add(time.Duration(t-1)*time.Millisecond)) <= absence
}

func (a *audience) share(login packedHandle) *earshot {
	return &a.shares[login[0]%byte(len(a.shares))]
}

// hear notes that a browser of the login asks for it, or has done so until now.
func (a *audience) hear(h Handle, by watcher) {
	a.crier.asks(h, by)
	a.note(h.pack(), by)
}

// note is the part of hear that is for this node.
func (a *audience) note(login packedHandle, by watcher) {
	e := a.share(login)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moves++
	now := time.Now()
	if e.now.of == nil || now.Sub(e.now.since) > absence {
		e.then, e.now = e.now, hearings{now, make(map[packedHandle]hearing)}
	}
	at, of := e.now.tick(now), e.now.of[login]
	of.any = at
	if by.showsNumber {
		of.able = at
	}
	if by.network != (NetworkKey{}) {
		if by.network != of.network {
			of.elsewhere = of.there
		}
		of.network, of.there = by.network, at
	}
	e.now.of[login] = of
}

// rest is told that by waits from now on, until note is told of it. What was heard of the
// login is forgotten if it says no more than that.
func (a *audience) rest(login packedHandle, by watcher) {
	e := a.share(login)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moves++
	of := e.now.of[login]
	if of.network == by.network && of.elsewhere == 0 && (of.able == 0 || by.showsNumber) {
		delete(e.now.of, login)
	}
}

// heard is what is known of a login within absence.
type heard struct {
	anybody   bool
	able      bool // somebody can show people the number
	network   NetworkKey
	strangers bool // they were in another network, too
}

// add adds what another node has heard.
func (h *heard) add(b Hearing) {
	h.anybody = true
	h.able = h.able || b.ShowsNumber
	switch {
	case b.Network == NetworkKey{}:
	case h.network == NetworkKey{}:
		h.network = b.Network
	default:
		h.strangers = h.strangers || b.Network != h.network
	}
}

// present is who waits for a login, appended to waits, and what was heard of others. A browser
// that begins to wait is put on the one list before it is taken off the other, and so when it
// ends: so this looks at both until nobody has moved meanwhile.
func (s *Service) present(waits []watcher, h Handle) ([]watcher, heard) {
	before, moves := s.audience.heard(h)
	for range 8 { // of a whole share of logins: one may never be still
		found := s.logins.waiting(waits, h)
		after, now := s.audience.heard(h)
		if now == moves {
			return found, after
		}
		before, moves = after, now
	}
	return s.logins.waiting(waits, h), before
}

// heard returns what is known, and how often anybody has moved in the login's share until then.
func (a *audience) heard(h Handle) (all heard, moves uint64) {
	login := h.pack()
	e := a.share(login)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, part := range [...]hearings{e.now, e.then} {
		of := part.of[login]
		all.anybody = all.anybody || part.lately(of.any, now)
		all.able = all.able || part.lately(of.able, now)
		all.strangers = all.strangers || part.lately(of.elsewhere, now)
		if !part.lately(of.there, now) {
			continue
		}
		if all.network == (NetworkKey{}) {
			all.network = of.network
		}
		all.strangers = all.strangers || of.network != all.network
	}
	return all, e.moves
}
