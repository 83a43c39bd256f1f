package park

import (
	"sync"
	"time"
)

const (
	// workersPerCPU is how many goroutines stay when there is nothing to do, for restTime
	// to twice that.
	workersPerCPU = 32
	restTime      = time.Second
	// tall is as much of a stack as is always in use. The runtime halves a stack of which
	// less than a quarter is used whenever it collects garbage: of a goroutine that rests,
	// nearly all, to copy it twice again for its next request.
	tall = 8 << 10
)

// job is something to run: a connection, or the poller.
type job interface{ run() }

// workers run connections. A few of them stay for the next: a goroutine that has just begun
// has a stack which must grow, twice or more, before it has served a request. Who came to
// rest last goes first, since its stack is still in the processor's cache.
type workers struct {
	keep int

	mu      sync.Mutex
	resting []*worker
	turn    int         // counts calls of retire
	clock   *time.Timer // for the next; nil: nobody rests
	over    bool
}

// worker is a goroutine that waits for work; nil ends it.
type worker struct {
	work chan job // has room for one
	turn int      // when it came to rest
}

// run runs j on another goroutine, at once.
func (w *workers) run(j job) {
	w.mu.Lock()
	last := len(w.resting) - 1
	if last < 0 {
		w.mu.Unlock()
		go w.stay(j)
		return
	}
	next := w.resting[last]
	w.resting = w.resting[:last]
	w.mu.Unlock()
	next.work <- j
}

func (w *workers) stay(j job) {
	var ballast [tall]byte
	defer hold(&ballast)
	me := &worker{work: make(chan job, 1)}
	for j != nil {
		j.run()
		if !w.rest(me) {
			return
		}
		j = <-me.work
	}
}

// hold makes ballast be there.
//
//go:noinline
func hold(*[tall]byte) {}

// rest lets a worker wait for the next, unless enough others do.
func (w *workers) rest(me *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || len(w.resting) >= w.keep {
		return false
	}
	me.turn = w.turn
	w.resting = append(w.resting, me)
	if w.clock == nil {
		w.clock = time.AfterFunc(restTime, w.retire)
	}
	return true
}

// retire ends those who have rested for long: they are the first.
func (w *workers) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn++
	n := 0
	for n < len(w.resting) && w.resting[n].turn < w.turn-1 {
		w.resting[n].work <- nil
		n++
	}
	w.resting = append(w.resting[:0], w.resting[n:]...)
	w.clock = nil
	if len(w.resting) > 0 {
		w.clock = time.AfterFunc(restTime, w.retire)
	}
}

// close ends those who rest, and the others when they have done what they do.
func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.clock != nil {
		w.clock.Stop()
	}
	for _, one := range w.resting {
		one.work <- nil
	}
	w.resting = nil
}
