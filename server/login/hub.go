package login

import (
	"container/heap"
	"context"
	"errors"
	"hash/maphash"
	"runtime"
	"sync"
	"time"
)

// hub connects waiting callers with the changes of records, without a goroutine or
// a timer per waiter. Invariants:
//
//   - A topic is in its shard exactly as long as it has watches.
//   - A watch is offered values one at a time, never after it accepted one, and
//     never after stop returned to a caller outside the offer itself.
//   - A change that Notify reports after watch registered is offered to it; watch
//     reads the record after registering, so nothing falls between.
//   - Values may be offered out of order, and one that was saved before the watch
//     registered; states never go back, so a watch that accepts by state, and none of an
//     earlier one, cannot be misled.
type hub[K ~string, R any] struct {
	get      func(context.Context, K) (R, error)
	stand    func(R) R         // a record as it stands now
	due      func(R) time.Time // when the record changes by itself; zero: never
	lost     func(K) R         // what is offered when the record is gone before its time
	follow   func(K)
	unfollow func(K)
	near     bool // the table is in this process
	seed     maphash.Seed
	shards   [hubShards]hubShard[K, R]
}

const hubShards = 64

type hubShard[K ~string, R any] struct {
	mu     sync.Mutex
	topics topics[K, R]
	queue  dueQueue[K, R]
	timer  *time.Timer // nil until there was anything in queue
	armed  int64       // when timer fires, as in topic.due: with the head of queue, or before
}

// watch is as small as it is because each waiting browser has one.
type watch[R any] struct {
	to   offered[R]
	next *watch[R] // guarded by the topic's shard, as is listed
	by   watcher
	mu   sync.Mutex
	over bool

	listed bool // with its topic: it may be added again before its last removal has come
}

// offered decides about what it is offered on whichever goroutine made the change: it must
// not block and must not end its watch.
type offered[R any] interface{ Offer(now R) (accepted bool) }

// offerFunc is a function that decides.
type offerFunc[R any] func(R) (accepted bool)

// Offer calls f.
func (f offerFunc[R]) Offer(now R) bool { return f(now) }

func newHub[K ~string, R Record[K]](t Table[K, R], stand func(R) R, due func(R) time.Time, lost func(K) R) *hub[K, R] {
	h := &hub[K, R]{get: t.Get, stand: stand, due: due, lost: lost, follow: t.Follow, unfollow: t.Unfollow, seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].topics = newTopics[K, R](h.seed)
	}
	t.Notify(h.wake)
	// A table of this process has the record at hand that it has just saved.
	if t, ok := t.(interface{ NotifySaved(changed func(K, R)) }); ok {
		t.NotifySaved(h.changed)
	}
	return h
}

// load reads the record at key as it stands.
func (h *hub[K, R]) load(key K) (R, error) {
	r, err := h.get(context.Background(), key)
	return h.stand(r), err
}

func (h *hub[K, R]) shard(key K) *hubShard[K, R] {
	return &h.shards[maphash.String(h.seed, string(key))%hubShards]
}

// watch is add for a function. It returns what ends the watch.
func (h *hub[K, R]) watch(key K, by watcher, offer offerFunc[R]) (stop func(), err error) {
	w := &watch[R]{by: by, to: offer}
	if err := h.add(key, w); err != nil {
		return nil, err
	}
	return func() { h.end(key, w) }, nil
}

// add offers the record at key to w as it is now and after every change, until w accepts
// or end is called. If the record cannot be read, w is not registered. w may be added
// again when it is over.
func (h *hub[K, R]) add(key K, w *watch[R]) error {
	h.register(key, w)
	now, err := h.load(key)
	if err != nil {
		h.end(key, w)
		return err
	}
	h.offerTo(key, w, now)
	h.schedule(key, h.due(now))
	return nil
}

// end ends a watch that may be over already.
func (h *hub[K, R]) end(key K, w *watch[R]) {
	w.mu.Lock()
	over := w.over
	w.over = true
	w.mu.Unlock()
	if !over {
		h.remove(key, w)
	}
}

func (h *hub[K, R]) register(key K, w *watch[R]) {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics.get(key)
	if t == nil {
		t = s.topics.add(key)
		// Under the lock, so that a following Unfollow cannot overtake it.
		h.follow(key)
	}
	if !w.listed {
		w.next, t.first, w.listed = t.first, w, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = false
}

func (h *hub[K, R]) remove(key K, w *watch[R]) {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics.get(key)
	w.mu.Lock()
	again := !w.over
	w.mu.Unlock()
	if t == nil || again || !w.listed {
		return
	}
	w.listed = false
	for at := &t.first; *at != nil; at = &(*at).next {
		if *at == w {
			*at, w.next = w.next, nil
			break
		}
	}
	if t.first == nil {
		if t.place >= 0 {
			heap.Remove(&s.queue, t.place)
		}
		s.topics.remove(key)
		h.unfollow(key)
	}
}

// waiting appends to all who waits for the record at key now, the latest first.
func (h *hub[K, R]) waiting(all []watcher, key K) []watcher {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics.get(key); t != nil {
		for w := t.first; w != nil; w = w.next {
			all = append(all, w.by)
		}
	}
	return all
}

func (h *hub[K, R]) offerTo(key K, w *watch[R], r R) {
	w.mu.Lock()
	if w.over { // it may be about to follow anew
		w.mu.Unlock()
		return
	}
	to := w.to
	w.over = to.Offer(r)
	accepted := w.over
	w.mu.Unlock()
	if !accepted {
		return
	}
	if by, ok := to.(Watcher); ok && h.near {
		by.RingNow()
	} else if ok {
		by.Ring()
	}
	h.remove(key, w)
}

// watches appends those of the record at key to all, the latest first.
func (h *hub[K, R]) watches(all []*watch[R], key K) []*watch[R] {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics.get(key); t != nil {
		for w := t.first; w != nil; w = w.next {
			all = append(all, w)
		}
	}
	return all
}

// wake offers the record at key to everybody who watches it.
func (h *hub[K, R]) wake(key K) {
	var few [4]*watch[R]
	watches := h.watches(few[:0], key)
	if len(watches) == 0 {
		return
	}
	now, err := h.load(key)
	switch {
	case errors.Is(err, ErrNotFound):
		now = h.lost(key) // a store that failed has forgotten it
	case err != nil:
		h.schedule(key, time.Now().Add(retry))
		return
	}
	h.offer(key, watches, now)
}

// changed is wake for who knows what was saved. It may be told late: what would have changed by
// itself in the meantime may have been put off since.
func (h *hub[K, R]) changed(key K, saved R) {
	var few [4]*watch[R]
	watches := h.watches(few[:0], key)
	if len(watches) == 0 {
		return
	}
	if due := h.due(saved); !due.IsZero() && !time.Now().Before(due) {
		h.wake(key)
		return
	}
	h.offer(key, watches, h.stand(saved))
}

func (h *hub[K, R]) offer(key K, watches []*watch[R], now R) {
	for _, w := range watches {
		h.offerTo(key, w, now)
	}
	h.schedule(key, h.due(now))
	if !h.near {
		runtime.Gosched() // whoever was rung goes first: his browser's answer waits for nobody's but its own
	}
}

// retry is how soon a record that could not be read is read again.
const retry = time.Second
