package limit

import "iter"

// lines has everybody who stands in the line of a topic. The places themselves are chained,
// by their topics: a map would take another 36 bytes for each.
type lines struct {
	chains []*Place // as many as a power of two; who came later is behind
	places int
}

const (
	fewestChains = 8
	perChain     = 2 // on average, at most
)

func newLines() lines { return lines{chains: make([]*Place, fewestChains)} }

// chain is for a topic of the shard: those have their lowest bits in common.
func (l *lines) chain(t topic) **Place {
	return &l.chains[t/waiterShards%topic(len(l.chains))]
}

// line is who waits for a topic, the oldest first. They are few.
func (l *lines) line(t topic) iter.Seq[*Place] {
	return func(yield func(*Place) bool) {
		for p := *l.chain(t); p != nil; p = p.next {
			if p.topic == t && !yield(p) {
				return
			}
		}
	}
}

// add puts p at the end of the line for its topic.
func (l *lines) add(p *Place) {
	if l.places == perChain*len(l.chains) {
		l.grow()
	}
	l.places++
	l.link(p)
}

func (l *lines) link(p *Place) {
	at := l.chain(p.topic)
	for *at != nil {
		at = &(*at).next
	}
	*at, p.next, p.lined = p, nil, true
}

func (l *lines) grow() {
	chains := l.chains
	l.chains = make([]*Place, 2*len(chains))
	for _, p := range chains {
		for p != nil {
			next := p.next
			l.link(p)
			p = next
		}
	}
}

// remove is for a p that is in its line.
func (l *lines) remove(p *Place) {
	at := l.chain(p.topic)
	for *at != p {
		at = &(*at).next
	}
	*at, p.next, p.lined = p.next, nil, false
	l.places--
}

func (l *lines) length(t topic) (n int) {
	for range l.line(t) {
		n++
	}
	return n
}

// replaceableBy finds who must make room for p: the oldest from its address, else the
// oldest of those who have least to do with the login, if that is less than p has.
// What has a proof makes room only for what has it too: the same browser.
func (l *lines) replaceableBy(p *Place) (found *Place) {
	const never = bound + 3
	least := never
	for v := range l.line(p.topic) {
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
