package limit

import (
	"sync/atomic"

	"qrlatch/server/login"
)

// Place is a waiter's, among all that wait. It must not be moved. The zero Place is none.
type Place struct {
	waiters  *Waiters
	topic    topic
	yield    Yielder
	next     *Place // in the line of its topic; guarded by the topic's shard, as is lined
	network  login.NetworkKey
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
)

// Lost tells whether the place was taken by another, or never given.
func (p *Place) Lost() bool { return p.fate.Load()&lost != 0 }

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
			s.keep(p.topic, s.lines[p.topic].without(p))
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

// line is who waits for one topic: the oldest, who knows the next. They are few.
type line struct{ oldest *Place }

func (l line) length() (n int) {
	for v := l.oldest; v != nil; v = v.next {
		n++
	}
	return n
}

// replaceableBy finds who must make room for p: the oldest from its address, else the
// oldest of those who have least to do with the login, if that is less than p has.
// What has a proof makes room only for what has it too: the same browser.
func (l line) replaceableBy(p *Place) (found *Place) {
	const never = bound + 3
	least := never
	for v := l.oldest; v != nil; v = v.next {
		rank := never
		switch {
		case v.network == p.network && v.standing <= p.standing:
			rank = 0
		case v.standing < p.standing, p.standing == bound:
			rank = 1 + v.standing
		}
		if rank < least {
			found, least = v, rank
		}
	}
	return found
}

// with returns the line with p at its end, without the line without p.
func (l line) with(p *Place) line {
	end := &l.oldest
	for *end != nil {
		end = &(*end).next
	}
	*end, p.lined = p, true
	return l
}

func (l line) without(p *Place) line {
	for at := &l.oldest; *at != nil; at = &(*at).next {
		if *at == p {
			*at, p.next, p.lined = p.next, nil, false
			break
		}
	}
	return l
}
