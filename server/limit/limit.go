// Package limit counts how often somebody does something.
package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// PerMinute gives every key a bucket of so many a minute. It is safe for concurrent
// use; nil allows everything.
//
// A bucket is one number, as in the generic cell rate algorithm (GCRA): the time at which
// it will be full again. One that is full need not be kept, so each shard has two maps that
// take turns: nothing is ever searched for what has expired, and no request waits for that.
// With golang.org/x/time/rate and go-cache a bucket took 230 bytes, and everybody waited while
// a million of them were cleared.
type PerMinute struct {
	begun  time.Time     // what is counted from: a clock that is set back locks nobody out
	every  time.Duration // one drop comes
	full   time.Duration // an empty bucket is full again
	hit    func()
	seed   maphash.Seed
	shards [limitShards]buckets
}

const limitShards = 16

type buckets struct {
	mu        sync.Mutex
	now, then map[uint64]int64 // by the key's hash: when it is full, in nanoseconds since begun
	turned    int64
}

// NewPerMinute returns nil, which allows everything, for a count of 0. A bucket that
// is full holds a minute's worth.
func NewPerMinute(count int) *PerMinute { return New(count, count) }

// New is NewPerMinute with buckets that hold burst.
func New(count, burst int) *PerMinute {
	if count <= 0 {
		return nil
	}
	every := time.Minute / time.Duration(count)
	return &PerMinute{begun: time.Now(), every: every, full: every * time.Duration(burst), seed: maphash.MakeSeed()}
}

// Report makes hit be called for each one too many; nil: nobody asks. It returns l.
func (l *PerMinute) Report(hit func()) *PerMinute {
	if l != nil {
		l.hit = hit
	}
	return l
}

// Take counts one more of key. If it is one too many, it returns how long to wait,
// and the refused one does not push the next further away.
func (l *PerMinute) Take(key string) (wait time.Duration) {
	if wait = l.ask(key, true); wait > 0 && l.hit != nil {
		l.hit()
	}
	return wait
}

// Wait is how long one more of key would have to wait. It counts nothing, and tells nobody.
func (l *PerMinute) Wait(key string) time.Duration { return l.ask(key, false) }

func (l *PerMinute) ask(key string, take bool) (wait time.Duration) {
	if l == nil {
		return 0
	}
	hash := maphash.String(l.seed, key)
	b := &l.shards[hash%limitShards]
	b.mu.Lock()
	defer b.mu.Unlock()
	now := int64(time.Since(l.begun))
	if b.now == nil || now-b.turned > int64(l.full) {
		b.then, b.now, b.turned = b.now, make(map[uint64]int64), now
	}
	after := max(b.now[hash], b.then[hash], now) + int64(l.every)
	if wait = time.Duration(after - now - int64(l.full)); wait > 0 {
		return wait
	}
	if take {
		b.now[hash] = after
	}
	return 0
}
