package redisstore

import (
	"hash/maphash"
	"sync"
	"time"
)

// following is what a node follows of one table. It is in as many parts as there are seconds
// from one safety read of a key to the next: one part is looked through every second.
type following[K ~string] struct {
	enough time.Duration // that a note is not renewed
	seed   maphash.Seed  // drawn: no two nodes read the same keys in the same second
	parts  [followParts]followPart[K]
}

const followParts = 30

// enoughBeats is following.enough, in seconds. With a round through all parts it is less
// than noteLife.
const enoughBeats = 15

type followPart[K ~string] struct {
	mu   sync.Mutex
	keys map[K]*followed
}

// followed is guarded by the mutex of its part.
type followed struct {
	read   int64  // when it was noted, in nanoseconds since 1970
	told   uint32 // counts messages, each of which has ended a note
	noted  bool   // Redis knows that this node follows the key
	asleep bool   // its watchers are being told: they will likely be gone, so do not note
}

func newFollowing[K ~string](enough time.Duration) *following[K] {
	f := &following[K]{enough: enough, seed: maphash.MakeSeed()}
	for i := range f.parts {
		f.parts[i].keys = map[K]*followed{}
	}
	return f
}

func (f *following[K]) part(key K) *followPart[K] {
	return &f.parts[maphash.String(f.seed, string(key))%followParts]
}

// old tells whether a note may need to be renewed.
func (f *following[K]) old(of *followed) bool { return time.Now().UnixNano()-of.read > int64(f.enough) }

func (f *following[K]) add(key K) {
	p := f.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[key] = &followed{}
}

func (f *following[K]) drop(key K) {
	p := f.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, key)
}

// note is a promise to note a key.
type note[K ~string] struct {
	part *followPart[K]
	of   *followed
	told uint32
}

// toNote tells whether a read of key must also note this node, as a promise to be kept.
func (f *following[K]) toNote(key K) (note[K], bool) {
	p := f.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.keys[key]
	if of == nil || of.asleep || of.noted && !f.old(of) {
		return note[K]{}, false
	}
	return note[K]{p, of, of.told}, true
}

// kept remembers that the node was noted, unless a message has ended that meanwhile.
func (n note[K]) kept() {
	n.part.mu.Lock()
	defer n.part.mu.Unlock()
	if n.of.told == n.told {
		n.of.noted, n.of.read = true, time.Now().UnixNano()
	}
}

// message calls notify for a key that has changed. The note that brought the message is gone.
// If somebody still waits after that, it calls notify once more, and the read in there notes
// the node again: it comes after the note, so no change is missed. For a key that nobody
// follows it does nothing, and reports false.
func (f *following[K]) message(key K, notify func(K)) bool {
	p := f.part(key)
	p.mu.Lock()
	of := p.keys[key]
	if of == nil {
		p.mu.Unlock()
		return false
	}
	of.told++
	of.noted, of.asleep = false, true
	p.mu.Unlock()

	notify(key)

	p.mu.Lock()
	of.asleep = false
	again := p.keys[key] == of && !of.noted
	p.mu.Unlock()
	if again {
		notify(key)
	}
	return true
}

// stale lists the keys of part i that were not noted lately; all of them if all is set. They
// are taken for not noted at all.
func (f *following[K]) stale(i int, all bool) []K {
	p := &f.parts[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	var keys []K
	for key, of := range p.keys {
		if all || f.old(of) {
			of.told++ // what is under way to note it may have been too early
			of.noted = false
			keys = append(keys, key)
		}
	}
	return keys
}
