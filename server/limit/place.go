package limit

import (
	"net/netip"
	"sync/atomic"
)

// Place is a waiter's, among all that wait.
type Place struct {
	waiters  *Waiters
	topic    topic
	network  netip.Prefix
	yield    func()
	dialect  Dialect
	standing standing
	held     bool
	left     atomic.Bool

	lined      bool // in the line of its topic; guarded, as its neighbours, by the topic's shard
	next, prev *Place
}

// Leave gives the place up. It may be called more than once, and on nil.
func (p *Place) Leave() {
	if p == nil || p.left.Swap(true) {
		return
	}
	w := p.waiters
	if !p.held {
		w.count[p.dialect].Add(-1)
		s := w.topicShard(p.topic)
		s.mu.Lock()
		if p.lined {
			l := s.lines[p.topic]
			l.remove(p)
			if l.length == 0 {
				delete(s.lines, p.topic)
			} else {
				s.lines[p.topic] = l
			}
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

// line is who waits for one topic, the oldest first.
type line struct {
	oldest, newest *Place
	length         int
}

// replaceableBy finds who must make room for p: the oldest from its address, else the
// oldest of those who have least to do with the login, if that is less than p has.
// What has a proof makes room only for what has it too: the same browser.
func (l *line) replaceableBy(p *Place) (found *Place) {
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

func (l *line) add(p *Place) {
	if l.newest == nil {
		l.oldest = p
	} else {
		l.newest.next, p.prev = p, l.newest
	}
	l.newest = p
	l.length++
	p.lined = true
}

func (l *line) remove(p *Place) {
	if p.prev == nil {
		l.oldest = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.newest = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.next, p.prev, p.lined = nil, nil, false
	l.length--
}
