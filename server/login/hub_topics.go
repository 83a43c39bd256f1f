package login

import (
	"hash/maphash"
	"iter"
)

// topic is a key that is watched. It is as small as it is because each waiting browser has one.
type topic[K ~string, R any] struct {
	key   K
	first *watch[R]    // the latest
	next  *topic[K, R] // in its chain
	due   int64        // in nanoseconds since 1970; 0: never
	place int          // in the queue; -1: not there
}

// topics finds those of a shard by their keys. They are chained: a map would take another 50
// bytes for each.
type topics[K ~string, R any] struct {
	seed   maphash.Seed
	chains []*topic[K, R] // as many as a power of two
	count  int
	spare  *topic[K, R] // out of use, chained
}

const (
	fewestChains   = 8
	topicsPerChain = 2 // on average, at most
	topicsPerBlock = 32
)

func newTopics[K ~string, R any](seed maphash.Seed) topics[K, R] {
	return topics[K, R]{seed: seed, chains: make([]*topic[K, R], fewestChains)}
}

// at is where the topic of key hangs, or would.
func (t *topics[K, R]) at(key K) **topic[K, R] {
	at := &t.chains[maphash.String(t.seed, string(key))/hubShards%uint64(len(t.chains))]
	for *at != nil && (*at).key != key {
		at = &(*at).next
	}
	return at
}

func (t *topics[K, R]) get(key K) *topic[K, R] { return *t.at(key) }

// add is for a key that is not there. Topics are made by the block: single ones would lie
// scattered among the garbage of requests, and keep its memory from being free.
func (t *topics[K, R]) add(key K) *topic[K, R] {
	if t.count == topicsPerChain*len(t.chains) {
		t.grow()
	}
	if t.spare == nil {
		block := make([]topic[K, R], topicsPerBlock)
		for i := range block {
			block[i].next, t.spare = t.spare, &block[i]
		}
	}
	n := t.spare
	t.spare = n.next
	*n = topic[K, R]{key: key, place: -1}
	*t.at(key) = n
	t.count++
	return n
}

// remove is for a key that is there.
func (t *topics[K, R]) remove(key K) {
	at := t.at(key)
	old := *at
	*at = old.next
	*old = topic[K, R]{next: t.spare}
	t.spare = old
	t.count--
}

func (t *topics[K, R]) grow() {
	old := t.chains
	t.chains = make([]*topic[K, R], 2*len(old))
	for _, n := range old {
		for n != nil {
			next := n.next
			n.next = nil
			*t.at(n.key) = n
			n = next
		}
	}
}

// keys are those of all topics.
func (t *topics[K, R]) keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for _, n := range t.chains {
			for ; n != nil; n = n.next {
				if !yield(n.key) {
					return
				}
			}
		}
	}
}
