package phone

import (
	"crypto/sha256"
	"sync"
	"time"

	"qrlatch/server/login"
)

const (
	verdictsAtOnce = 10_000  // of each kind
	knownAtOnce    = 100_000 // hashes of tokens that were good
	sweepEvery     = 30 * time.Second
)

// tokenHash stands for a token: none is kept.
type tokenHash [sha256.Size]byte

// verdict is what the endpoint said of a token.
type verdict struct {
	who   login.Identity
	err   error // ErrBadToken or nil
	until time.Time
}

// verdicts are those that still hold, and which tokens were good when they were last asked
// about. Tokens can be made up, but not good ones: so the refused have a place of their
// own, and a flood of them makes nobody forgotten. Where there are too many of a kind, any
// one is forgotten. What holds no more is gone 30 s later.
type verdicts struct {
	mu       sync.Mutex // guards the rest
	good     map[tokenHash]verdict
	refused  map[tokenHash]verdict
	known    map[tokenHash]struct{}
	sweeping bool
}

func newVerdicts() *verdicts {
	return &verdicts{good: map[tokenHash]verdict{}, refused: map[tokenHash]verdict{}, known: map[tokenHash]struct{}{}}
}

// of returns the verdict on a token, if there is one that holds.
func (v *verdicts) of(hash tokenHash) (found verdict, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if found, ok = v.good[hash]; !ok {
		found, ok = v.refused[hash]
	}
	return found, ok && time.Now().Before(found.until)
}

// wasGood tells whether the token was, when it was last asked about.
func (v *verdicts) wasGood(hash tokenHash) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.known[hash]
	return ok
}

func (v *verdicts) add(hash tokenHash, said verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if said.err == nil {
		delete(v.refused, hash)
		addTo(v.good, hash, said, verdictsAtOnce)
		addTo(v.known, hash, struct{}{}, knownAtOnce)
	} else {
		delete(v.good, hash)
		delete(v.known, hash)
		addTo(v.refused, hash, said, verdictsAtOnce)
	}
	if !v.sweeping {
		v.sweeping = true
		time.AfterFunc(sweepEvery, v.sweep)
	}
}

// addTo adds to a map that is never larger than most.
func addTo[V any](m map[tokenHash]V, hash tokenHash, value V, most int) {
	if _, there := m[hash]; !there && len(m) >= most {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[hash] = value
}

// sweep forgets what holds no more, and comes again as long as there is something left.
func (v *verdicts) sweep() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	for _, m := range []map[tokenHash]verdict{v.good, v.refused} {
		for hash, old := range m {
			if !now.Before(old.until) {
				delete(m, hash)
			}
		}
	}
	if v.sweeping = len(v.good)+len(v.refused) > 0; v.sweeping {
		time.AfterFunc(sweepEvery, v.sweep)
	}
}
