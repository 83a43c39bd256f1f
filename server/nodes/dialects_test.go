package nodes_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// farAway is how long a poll waits where nobody is to hear of anything by coming back.
const farAway = time.Minute

// A login is started on one node, watched on another, scanned on a third and redeemed on a
// fourth, in every dialect; and then with every request on any node.
func TestALoginGoesOverManyNodesInEveryDialect(t *testing.T) {
	w := newWorld(t, redistest.Start(t).URL(), 4, farAway, redisstore.Options{})
	all := w.alive()
	var mu sync.Mutex
	var waits []time.Duration // from a deed on one node until a browser on another has heard
	t.Run("every", func(t *testing.T) {
		for i, way := range ways() {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				for round := range 6 {
					var d door = untroubled{newAnywhere(w, uint64(10*i+round))}
					if round < 4 {
						at := func(n int) *node { return all[(round+n)%len(all)] }
						d = fixed{toStart: at(0), toWatch: at(1), toLook: at(1), toScan: at(2), toRedeem: at(3)}
					}
					a := newAttempt(way, d, fmt.Sprintf("person-%d-%d", i, round))
					start := time.Now()
					a.mustBeIn(t, func(state string) {
						if state != "pending" && way.waits {
							mu.Lock()
							defer mu.Unlock()
							waits = append(waits, time.Since(start))
						}
						start = time.Now()
					})
				}
			})
		}
	})
	slices.Sort(waits)
	if len(waits) == 0 {
		return // it has failed
	}
	t.Logf("a browser hears on another node after %s, at most %s", waits[len(waits)/2], waits[len(waits)-1])
	// What is not told is found out by reading again, after 15 s.
	if half := waits[len(waits)/2]; half > 10*time.Second {
		t.Errorf("half of all browsers hear after %s: they were not told", half)
	}
}

// mustBeIn runs an attempt that nothing keeps from success: its browser has heard every state
// once, and there is one session.
func (a *attempt) mustBeIn(t *testing.T, at func(state string)) {
	t.Helper()
	in, err := a.run(t.Context(), at)
	if err != nil || !in {
		t.Fatalf("in: %v, %v", in, err)
	}
	want := []string{"scanned", "approved", "redeemed"}
	want = want[:slices.Index(want, a.last)+1]
	if !slices.Equal(a.heard, want) {
		t.Errorf("%s: the browser has heard %q, want %q", a.name, a.heard, want)
	}
	a.mustHave(t, 1)
}

// mustHave checks how many sessions there are.
func (a *attempt) mustHave(t *testing.T, want int) {
	t.Helper()
	if n, err := a.sessions(t.Context()); n != want || err != nil {
		t.Errorf("%s: %d sessions, want %d; %v", a.name, n, want, err)
	}
}
