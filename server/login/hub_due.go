package login

import (
	"container/heap"
	"time"
)

// dueQueue is a heap of topics, the earliest first.
type dueQueue[K ~string, R any] []*topic[K, R]

func (q dueQueue[K, R]) Len() int           { return len(q) }
func (q dueQueue[K, R]) Less(i, j int) bool { return q[i].due < q[j].due }
func (q dueQueue[K, R]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *dueQueue[K, R]) Push(x any) {
	t := x.(*topic[K, R])
	t.place = len(*q)
	*q = append(*q, t)
}

func (q *dueQueue[K, R]) Pop() any {
	old := *q
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	*q = old[:last]
	t.place = -1
	return t
}

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

// arm has the timer of a locked shard fire with the head of its queue. One that fires
// before stays as it is: most of what is due changes by itself never, but is over by then. One
// that should have fired is late, since the clock was set.
func (h *hub[K, R]) arm(s *hubShard[K, R]) {
	if len(s.queue) == 0 {
		return
	}
	head, now := s.queue[0].due, time.Now().UnixNano()
	if now < s.armed && s.armed <= head {
		return
	}
	s.armed = head
	wait := time.Duration(head - now)
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
	s.armed = 0
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
