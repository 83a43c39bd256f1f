package limit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLinesKeepTheirOrderAmongMany holds lines against one slice for each topic. A few chains
// have most of the topics.
func TestLinesKeepTheirOrderAmongMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	all, want, places := newLines(), map[topic][]*Place{}, 0
	check := func() {
		t.Helper()
		for of, line := range want {
			if got := slices.Collect(all.line(of)); !slices.Equal(got, line) || all.length(of) != len(line) {
				t.Fatalf("%d: %d places, want %d in this order", of, len(got), len(line))
			}
		}
		if all.places != places {
			t.Fatalf("%d places are counted, want %d", all.places, places)
		}
	}
	for range 2000 {
		of := topic(random.IntN(20)*waiterShards + random.IntN(20)<<20)
		if line := want[of]; len(line) > 0 && random.IntN(3) == 0 {
			at := random.IntN(len(line))
			all.remove(line[at])
			want[of] = slices.Delete(line, at, at+1)
			places--
			continue
		}
		p := &Place{topic: of}
		all.add(p)
		want[of] = append(want[of], p)
		if places++; places%50 == 0 {
			check()
		}
	}
	check()
	if n := len(all.chains); n*perChain < places || n > places {
		t.Errorf("%d chains for %d places", n, places)
	}
	for of, line := range want {
		for _, p := range line {
			all.remove(p)
			if p.lined || p.next != nil {
				t.Fatal("who has left is in the line")
			}
		}
		want[of], places = nil, places-len(line)
	}
	check()
}

// rung counts.
type rung int

func (r *rung) Ring() { *r++ }

func TestAPlaceHasOneBell(t *testing.T) {
	w := NewWaiters(WaiterLimits{PerLogin: 1})
	var first, second rung
	p, _ := enter(w, Waiter{Topic: "login"})
	p.Ring() // nobody hears it
	p.Hang(&first)
	p.Hang(&second)
	p.Ring()
	other, _ := enter(w, Waiter{Topic: "login"})
	if first != 2 || second != 0 || !p.Lost() {
		t.Errorf("the first rang %d times and the second %d; lost: %v", first, second, p.Lost())
	}
	if p.Held() {
		t.Error("it was admitted, and is held")
	}
	p.Leave()
	other.Leave()
}
