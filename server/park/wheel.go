package park

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Tick is how late an alarm may be.
	Tick = 50 * time.Millisecond
	// buckets times Tick is 25.6 s: most alarms are within one turn.
	buckets = 512
	// wheelShards lets setting an alarm seldom wait for another.
	wheelShards = 16
)

// wheel holds everybody's alarm: a hashed timing wheel (Varghese and Lauck, 1987). To set
// or move an alarm costs the same however many there are, and each turn looks once at
// those that are more than a turn away.
type wheel struct {
	began  time.Time
	count  atomic.Int64
	first  chan struct{} // has room for one; told when somebody comes to an empty wheel
	shards [wheelShards]wheelShard
}

type wheelShard struct {
	mu      sync.Mutex
	passed  int64 // the last tick that was dealt with
	buckets [buckets]*parked
}

// start makes the wheel turn, and calls each with each tick, until closed. It stands still
// while nobody is in it.
func (w *wheel) start(each func(), closed <-chan struct{}) {
	w.began, w.first = time.Now(), make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-w.first:
			case <-closed:
				return
			}
			clock := time.NewTimer(w.untilNext())
			for w.count.Load() > 0 {
				select {
				case <-clock.C:
					w.turn(w.tickAt(time.Now()))
					each()
					clock.Reset(w.untilNext())
				case <-closed:
					clock.Stop()
					return
				}
			}
			clock.Stop()
		}
	}()
}

// tickAt is the number of the tick at or before t.
func (w *wheel) tickAt(t time.Time) int64 { return int64(t.Sub(w.began) / Tick) }

// untilNext is the time until the next tick.
func (w *wheel) untilNext() time.Duration { return Tick - time.Since(w.began)%Tick }

func (w *wheel) shard(p *parked) *wheelShard { return &w.shards[p.place] }

// set puts p's alarm to the first tick that is not before t. It counts from now: t may have
// been read from a wall clock that was set since.
func (w *wheel) set(p *parked, t time.Time) {
	s := w.shard(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.due == 0 && w.count.Add(1) == 1 {
		select {
		case w.first <- struct{}{}:
		default:
		}
	}
	s.unlink(p)
	now := time.Now()
	s.link(p, max(w.tickAt(now.Add(t.Sub(now)+Tick-1)), s.passed+1))
}

// remove takes p's alarm back.
func (w *wheel) remove(p *parked) {
	s := w.shard(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.due != 0 {
		w.count.Add(-1)
	}
	s.unlink(p)
}

func (s *wheelShard) link(p *parked, due int64) {
	p.due = due
	first := &s.buckets[due%buckets]
	if p.next = *first; p.next != nil {
		p.next.prev = p
	}
	*first = p
}

func (s *wheelShard) unlink(p *parked) {
	if p.due == 0 {
		return
	}
	if p.next != nil {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		s.buckets[p.due%buckets] = p.next
	}
	p.next, p.prev, p.due = nil, nil, 0
}

// turn sets off every alarm up to the tick now.
func (w *wheel) turn(now int64) {
	for i := range w.shards {
		w.shards[i].turn(now)
	}
}

// turn tells of an alarm under the lock: once set has returned, the alarm before it is
// not told of any more. Whoever has gone off is put an hour away, because a parked
// connection is always in the wheel.
func (s *wheelShard) turn(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := max(s.passed+1, now-buckets+1) // after a pause, one turn sees everybody
	s.passed = now
	for at := from; at <= now; at++ {
		for p := s.buckets[at%buckets]; p != nil; {
			next := p.next
			if p.due <= now {
				s.unlink(p)
				s.link(p, now+int64(farAway/Tick))
				p.post(timeUp)
			}
			p = next
		}
	}
}

// all lists everybody who is parked.
func (w *wheel) all() (everybody []*parked) {
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for _, p := range s.buckets {
			for ; p != nil; p = p.next {
				everybody = append(everybody, p)
			}
		}
		s.mu.Unlock()
	}
	return everybody
}
