package limit

import (
	"sync"
	"time"

	"github.com/patrickmn/go-cache"
)

// Wrong limits wrong tries at something by one key, in any ten minutes. A right try gives
// back what it took, and no more. [Guesses] is the same by several keys.
type Wrong struct {
	mu    sync.Mutex
	tries window
	hit   func()
}

// NewWrong allows so many wrong tries of each key, and calls hit for each one too many;
// nil: nobody asks.
func NewWrong(count int, hit func()) *Wrong {
	return &Wrong{tries: window{count: count, tries: cache.New(guessSpan, 0)}, hit: hit}
}

// Take counts a try. If it is one too many, it does not count, and Take returns how long
// to wait.
func (w *Wrong) Take(key string) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if wait = w.tries.wait(key, now); wait == 0 {
		w.tries.add(key, now)
	} else if w.hit != nil {
		w.hit()
	}
	return wait
}

// Return takes one try back: it was right.
func (w *Wrong) Return(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries.drop(key)
}
