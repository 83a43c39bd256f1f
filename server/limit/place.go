package limit

import (
	"sync/atomic"

	"qrlatch/server/login"
)

// Place is a waiter's, among all that wait. It must not be moved. The zero Place is none.
type Place struct {
	waiters  *Waiters
	topic    topic
	next     *Place // in the chain of its topic; guarded by the topic's shard, as is lined
	network  login.NetworkKey
	bell     login.Bell // once it is hung
	fate     atomic.Uint32
	dialect  Dialect
	standing standing
	held     bool
	lined    bool
}

// What becomes of a Place.
const (
	left uint32 = 1 << iota
	lost
	hung // its bell
)

// Hang gives the waiter its bell, unless it has one: there is but one in its life. It is not
// for more than one goroutine at a time.
func (p *Place) Hang(b login.Bell) {
	if p.fate.Load()&hung == 0 {
		p.bell = b
		p.fate.Or(hung)
	}
}

// Ring rings the waiter's bell, if it has one. Whoever takes the place does, perhaps just
// after Leave, and so may anybody who has news for the waiter.
func (p *Place) Ring() {
	if p.fate.Load()&hung != 0 {
		p.bell.Ring()
	}
}

// RingNow is Ring for a caller who holds no lock, if the bell knows a quicker way then.
func (p *Place) RingNow() {
	if p.fate.Load()&hung == 0 {
		return
	}
	if quick, ok := p.bell.(interface{ RingNow() }); ok {
		quick.RingNow()
		return
	}
	p.bell.Ring()
}

// Lost tells whether the place was taken by another, or never given.
func (p *Place) Lost() bool { return p.fate.Load()&lost != 0 }

// Held tells whether there was none to be had, from the beginning.
func (p *Place) Held() bool { return p.held }

// Leave gives the place up. It may be called more than once, and where there is none.
func (p *Place) Leave() {
	w := p.waiters
	if w == nil || p.fate.Or(left)&left != 0 {
		return
	}
	if !p.held {
		w.count[p.dialect].Add(-1)
		s := w.topicShard(p.topic)
		s.mu.Lock()
		if p.lined {
			s.lines.remove(p)
		}
		s.mu.Unlock()
	}
	w.leave(p.network, p.held)
}

// standing is how much a waiter has to do with what it waits for.
type standing uint8

const (
	stranger standing = iota // knows the id: perhaps out of a photograph
	home                     // at the address where it began
	bound                    // has proved it
)

func standingOf(v Waiter) standing {
	switch {
	case v.Bound:
		return bound
	case v.Home:
		return home
	}
	return stranger
}
