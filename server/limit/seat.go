package limit

import (
	"context"
	"net/netip"
	"time"

	"qrlatch/server/login"
)

// Patience is how long a waiter that met a limit is held, at least: a client that was
// answered sooner would come back sooner, and so the more often the more it is limited.
const Patience = 5 * time.Second

// Seat is a Place for a request that waits on a goroutine of its own. As a context it
// ends with the request, and when the place must be given up; where there was no place
// in the first place, it has ended already.
type Seat struct {
	context.Context
	Verdict Verdict

	request context.Context
	cancel  context.CancelFunc
	place   Place
	came    time.Time
}

// Sit lets v wait as long as ctx, unless the Verdict is another. Every Seat must be left.
func (w *Waiters) Sit(ctx context.Context, v Waiter) *Seat {
	s := &Seat{request: ctx, came: time.Now()}
	s.Context, s.cancel = context.WithCancel(ctx)
	v.Bell = s
	if s.Verdict = w.Enter(&s.place, v); s.Verdict != Admitted {
		s.cancel()
	}
	return s
}

// Ring ends the context: the place was taken.
func (s *Seat) Ring() { s.cancel() }

// Lost tells that the place was taken, or never given, while the request goes on.
func (s *Seat) Lost() bool { return s.Err() != nil && s.request.Err() == nil }

// Linger holds a request that has lost its place for what is left of its Patience, but
// not one that was turned away.
func (s *Seat) Linger() {
	if s.Lost() && s.Verdict != TurnedAway {
		Pause(s.request, time.Until(s.came.Add(Patience)))
	}
}

// Leave gives the place up. It may be called on nil.
func (s *Seat) Leave() {
	if s != nil {
		s.cancel()
		s.place.Leave()
	}
}

// Pause holds an answer back for d, or until ctx ends, such as that of a client which would
// come back at once. Of too many at an address it holds no more, and reports that.
func (w *Waiters) Pause(ctx context.Context, addr netip.Addr, d time.Duration) (held bool) {
	if w != nil {
		network := login.NetworkKeyOf(addr)
		if !w.hold(network) {
			return false
		}
		defer w.leave(network, true)
	}
	Pause(ctx, d)
	return true
}

// Pause waits for d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
