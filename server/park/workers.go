package park

import (
	"sync/atomic"
	"time"
)

const (
	// workersPerCPU is how many goroutines stay, for restTime, when there is nothing to do.
	workersPerCPU = 16
	restTime      = time.Second
	// tall is as much of a stack as is always in use. The runtime halves a stack of which
	// less than a quarter is used whenever it collects garbage: of a goroutine that rests,
	// nearly all, to copy it twice again for its next request.
	tall = 8 << 10
)

// workers run connections. A few of them stay for the next: a goroutine that has just begun
// has a stack which must grow, twice or more, before it has served a request.
type workers struct {
	work   chan *parked
	closed <-chan struct{}
	keep   int64
	idle   atomic.Int64
}

// run runs p on another goroutine, at once.
func (w *workers) run(p *parked) {
	select {
	case w.work <- p:
	default:
		go w.stay(p)
	}
}

func (w *workers) stay(p *parked) {
	var ballast [tall]byte
	defer hold(&ballast)
	rest := time.NewTimer(restTime)
	defer rest.Stop()
	for p != nil {
		p.run()
		p = w.next(rest)
	}
}

// hold makes ballast be there.
//
//go:noinline
func hold(*[tall]byte) {}

// next is nil if nothing comes, or enough others wait for it already.
func (w *workers) next(rest *time.Timer) (p *parked) {
	defer w.idle.Add(-1)
	if w.idle.Add(1) > w.keep {
		return nil
	}
	rest.Reset(restTime)
	select {
	case p = <-w.work:
	case <-rest.C:
	case <-w.closed:
	}
	return p
}
