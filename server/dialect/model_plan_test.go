package dialect_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// step is one thing that happens. Its number gives it a microsecond of its own, so
// that no two causes ever fall on one moment.
type step struct {
	number int
	after  time.Duration
	what   string
	who, n int
}

func (s step) String() string {
	return fmt.Sprintf("%2d: %9v later %s(%d, %d)", s.number, s.after, s.what, s.who, s.n)
}

// plan draws the steps of one interleaving.
func plan(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 1))
	deeds := []string{
		"join", "join", "join", "join", "join", "drop", "dropScan", "scan", "scan", "scan", "scanID", "scanFuture", "scanForeign",
		"approve", "approve", "approve", "approve", "wrong", "wrong", "deny", "redeem", "redeem", "redeem", "replay", "replay", "picture",
	}
	steps := []step{{number: 1, after: 0, what: "join", who: 0, n: r.IntN(len(habits))}}
	for i := range 12 + r.IntN(24) {
		longest := []int{2_000, 2_000, 2_000, 30_000, 30_000, 90_000}[r.IntN(6)]
		s := step{number: i + 2, what: deeds[r.IntN(len(deeds))], n: r.IntN(1 << 16)}
		s.after = time.Duration(r.IntN(longest)) * time.Millisecond
		s.who = r.IntN(4) / 3 // mostly the first phone
		steps = append(steps, s)
	}
	return append(steps, step{number: len(steps) + 1, after: time.Duration(r.IntN(500)) * time.Second, what: "replay"})
}

// shrink leaves out every step without which the interleaving fails as well.
func shrink(t *testing.T, steps []step) []step {
	for i := len(steps) - 1; i >= 0; i-- {
		fewer := append(append([]step(nil), steps[:i]...), steps[i+1:]...)
		if i < len(steps)-1 {
			fewer[i].after += steps[i].after
		}
		if interleave(t, fewer, tally{}) != nil {
			steps = fewer
		}
	}
	return steps
}

// kept is what -model.keep leaves of steps, at the times that they had.
func kept(t *testing.T, steps []step) (left []step) {
	if *modelKeep == "" {
		return steps
	}
	var idle time.Duration
	for _, s := range steps {
		idle += s.after
		for _, n := range strings.Split(*modelKeep, ",") {
			if n == strconv.Itoa(s.number) {
				s.after, idle = idle, 0
				left = append(left, s)
			}
		}
	}
	if len(left) == 0 {
		t.Fatalf("-model.keep=%s leaves nothing", *modelKeep)
	}
	return left
}

func list(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}
