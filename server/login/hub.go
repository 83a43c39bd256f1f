package login

import (
	"container/heap"
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
//   - Values may be offered out of order; states never go back, so a watch that
//     accepts by state cannot be misled.
type hub[K ~string, R any] struct {
	load     func(K) (R, error)
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
	timer  *time.Timer // fires for the head of queue; nil until there was one
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

func newHub[K ~string, R Record[K]](t Table[K, R], load func(K) (R, error), due func(R) time.Time, lost func(K) R) *hub[K, R] {
	h := &hub[K, R]{load: load, due: due, lost: lost, follow: t.Follow, unfollow: t.Unfollow, seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].topics = newTopics[K, R](h.seed)
	}
	t.Notify(h.wake)
	return h
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

// waiting lists who waits for the record at key now, the latest first.
func (h *hub[K, R]) waiting(key K) (all []watcher) {
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

// wake offers the record at key to everybody who watches it.
func (h *hub[K, R]) wake(key K) {
	s := h.shard(key)
	s.mu.Lock()
	var few [4]*watch[R]
	watches := few[:0]
	if t := s.topics.get(key); t != nil {
		for w := t.first; w != nil; w = w.next {
			watches = append(watches, w)
		}
	}
	s.mu.Unlock()
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

// schedule makes the shard's timer wake key at due, if anybody still watches it. It
// never puts a due time off: due may come of a read that is older than a change which
// brought the time forward. To wake too early only costs a read.
func (h *hub[K, R]) schedule(key K, due time.Time) {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, at := s.topics.get(key), int64(0)
	if !due.IsZero() {
		at = due.UnixNano()
	}
	if t == nil || at != 0 && t.due != 0 && at >= t.due {
		return
	}
	t.due = at
	switch {
	case at == 0:
		if t.place >= 0 {
			heap.Remove(&s.queue, t.place)
		}
	case t.place >= 0:
		heap.Fix(&s.queue, t.place)
	default:
		heap.Push(&s.queue, t)
	}
	h.arm(s)
}

// arm sets the timer of a locked shard to the head of its queue.
func (h *hub[K, R]) arm(s *hubShard[K, R]) {
	if len(s.queue) == 0 {
		if s.timer != nil {
			s.timer.Stop()
		}
		return
	}
	wait := time.Until(time.Unix(0, s.queue[0].due))
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, func() { h.expire(s) })
		return
	}
	s.timer.Reset(wait)
}

// expire wakes every topic whose time has come. A woken topic that is still
// watched is scheduled anew by wake.
func (h *hub[K, R]) expire(s *hubShard[K, R]) {
	s.mu.Lock()
	now := time.Now().UnixNano()
	var keys []K
	for len(s.queue) > 0 && s.queue[0].due <= now {
		t := heap.Pop(&s.queue).(*topic[K, R])
		t.due = 0
		keys = append(keys, t.key)
	}
	h.arm(s)
	s.mu.Unlock()
	for _, key := range keys {
		go h.wake(key) // one that the store lets wait holds up no other
	}
}
