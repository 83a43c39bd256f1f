package limit

import (
	"cmp"
	"sync"
	"time"

	"github.com/patrickmn/go-cache"
)

// Guesses limits wrong tries at something that can be guessed: by person, by network
// and in all. A person with many addresses meets the first, a network with many
// accounts the second, a crowd of both the third. A right try gives back what it
// took, and no more, so that being right in between does not help to guess.
type Guesses struct {
	mu       sync.Mutex
	person   window
	network  window
	everyone window
	hit      func()
}

const (
	guessSpan         = 10 * time.Minute
	guessesPerPerson  = 5
	guessesPerNetwork = 30
)

// GuessesInAll is how many wrong tries everybody together has, in ten minutes.
const GuessesInAll = 1000

// NewGuesses allows, in any ten minutes, 5 wrong tries of a person, 30 from a network
// and 1000 in all.
func NewGuesses() *Guesses {
	of := func(count int) window { return window{count: count, tries: cache.New(guessSpan, 0)} }
	return &Guesses{person: of(guessesPerPerson), network: of(guessesPerNetwork), everyone: of(GuessesInAll)}
}

// PerNetwork allows a network so many wrong tries; 0: as many as before. It returns g.
func (g *Guesses) PerNetwork(count int) *Guesses {
	g.network.count = cmp.Or(count, g.network.count)
	return g
}

// Report makes hit be called for each try too many; nil: nobody asks. It returns g.
func (g *Guesses) Report(hit func()) *Guesses {
	g.hit = hit
	return g
}

// Take counts a try. If it is one too many, it counts nowhere, and Take returns how long
// to wait.
func (g *Guesses) Take(person, network string) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	wait = max(g.person.wait(person, now), g.network.wait(network, now), g.everyone.wait("", now))
	if wait == 0 {
		g.person.add(person, now)
		g.network.add(network, now)
		g.everyone.add("", now)
	} else if g.hit != nil {
		g.hit()
	}
	return wait
}

// Return takes one try back: it was right.
func (g *Guesses) Return(person, network string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.person.drop(person)
	g.network.drop(network)
	g.everyone.drop("")
}

// window remembers for each key when its last tries were, oldest first: a bucket that
// fills up again would let twice as many pass in one span.
type window struct {
	count   int
	tries   *cache.Cache // key: []time.Time
	cleared time.Time
}

func (w *window) of(key string) []time.Time {
	found, _ := w.tries.Get(key)
	times, _ := found.([]time.Time)
	return times
}

// wait is how long key has to wait at now.
func (w *window) wait(key string, now time.Time) time.Duration {
	times := w.of(key)
	if len(times) < w.count {
		return 0
	}
	return max(0, times[0].Add(guessSpan).Sub(now))
}

// add counts a try of a key that need not wait.
func (w *window) add(key string, now time.Time) {
	if now.Sub(w.cleared) >= guessSpan {
		w.tries.DeleteExpired() // go-cache's own janitor could not be stopped
		w.cleared = now
	}
	times := w.of(key)
	if len(times) == w.count {
		times = append(times[:0], times[1:]...) // the oldest is a span ago
	}
	w.tries.SetDefault(key, append(times, now))
}

func (w *window) drop(key string) {
	if times := w.of(key); len(times) > 0 {
		w.tries.SetDefault(key, times[:len(times)-1])
	}
}
