//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// contestant is a fleet in a contest of rounds.
type contestant struct {
	*fleet
	p50, p90, p99 []time.Duration // of each round
	alone         []time.Duration // of publications that wake nobody
	ratio         [2][]float64    // p50 over that of the first two of this size, round by round
	flat          []float64       // p50 over that of the same design among the fewest
}

const (
	// warm is how many wakes of a row are not counted. Processes that have slept for seconds
	// are cold, all alike: their memory is out of the caches, their processor at rest. A
	// design that needs three processes for its browsers would pay that three times.
	warm = 100
	// counted is how many are, for each process.
	counted = 150
)

// wake is how long it takes from before a publication is written until the browser that
// it wakes holds the answer, while n wait. All servers, those of all sizes, are up at once,
// and take turns.
func (b *bench) wake(ctx context.Context) error {
	sizes := b.numbers([]int{10_000, 50_000}, []int{1_000})
	for _, n := range sizes {
		if processes := (n + perProcess - 1) / perProcess; n/processes < (warm+counted)*b.rounds {
			return fmt.Errorf("%d browsers are too few for %d rounds", n, b.rounds)
		}
	}
	bySize := make([][]*contestant, len(sizes))
	var all []*contestant
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for i, n := range sizes {
		for _, d := range b.contest(n) {
			c, err := b.contestant(ctx, d, n)
			if err != nil {
				return err
			}
			all, bySize[i] = append(all, c), append(bySize[i], c)
		}
	}
	for round := range b.rounds {
		for _, i := range rand.Perm(len(all)) {
			if err := all[i].round(ctx); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
		for _, contest := range bySize {
			compare(contest, bySize[0], round)
		}
	}
	for i, contest := range bySize {
		if len(contest) > 0 {
			b.print(standings(contest, sizes[i]))
		}
	}
	if len(sizes) > 1 {
		b.print(flatness(bySize[1:], sizes))
	}
	for _, c := range all {
		if err := c.nobodyElse(ctx); err != nil {
			return err
		}
	}
	return nil
}

// contest is who takes part among n: Nchan's long polls first, since all others are held
// against the first two.
func (b *bench) contest(n int) []design {
	ours := b.designs("--code-ttl", "30m") // or the later ones would be scanned off old pictures
	peers := b.peers()
	return b.wanted(append(slices.Clone(peers[min(4, len(peers)):]), append(ours[:3], ours[5], peers[0], peers[1], peers[3])...), n)
}

// contestant starts a design, and lets n browsers wait.
func (b *bench) contestant(ctx context.Context, d design, n int) (*contestant, error) {
	fmt.Fprintf(os.Stderr, "bench: wake: %s, %s browsers\n", d.name, count(n))
	f, err := b.fleet(ctx, d, n)
	if err != nil {
		return nil, err
	}
	c := &contestant{fleet: f}
	if !d.signed {
		if err := f.gather(ctx, counted*b.rounds*len(f.servers), untilStarted); err != nil { // to publish for nobody
			return nil, err
		}
	}
	if err := f.gather(ctx, n, untilWaiting); err != nil {
		return nil, err
	}
	if d.signed {
		return c, f.each(func(_ int, _ *server, c *people) error { return c.call(ctx, "SignIn", struct{}{}, &struct{}{}) })
	}
	return c, nil
}

// round wakes browsers, one at a time, of one process after the other.
func (c *contestant) round(ctx context.Context) error {
	var took, alone []time.Duration
	for _, people := range c.crowds {
		var some []time.Duration
		if err := people.call(ctx, "Wake", warm+counted, &some); err != nil {
			return err
		}
		took = append(took, some[warm:]...)
		if c.signed {
			continue // nothing is published for those who are not there
		}
		if err := people.call(ctx, "Publish", counted, &some); err != nil {
			return err
		}
		alone = append(alone, some...)
	}
	c.p50 = append(c.p50, quantile(took, 0.5))
	c.p90 = append(c.p90, quantile(took, 0.9))
	c.p99 = append(c.p99, quantile(took, 0.99))
	c.alone = append(c.alone, quantile(alone, 0.5))
	return nil
}

// compare holds a round of a contest against its first two, and against the fewest.
func compare(contest, fewest []*contestant, round int) {
	for _, c := range contest {
		for i, peer := range contest[:min(2, len(contest))] {
			c.ratio[i] = append(c.ratio[i], float64(c.p50[round])/float64(peer.p50[round]))
		}
		for _, few := range fewest {
			if few.name == c.name {
				c.flat = append(c.flat, float64(c.p50[round])/float64(few.p50[round]))
			}
		}
	}
}

func flatness(contests [][]*contestant, sizes []int) *table {
	t := &table{title: "Median wake-up among many browsers over that among " + count(sizes[0]), head: []string{"design", "browsers", "×", "of the rounds"}}
	for i, contest := range contests {
		for _, c := range contest {
			if len(c.flat) > 0 {
				t.add(c.name, count(sizes[i+1]), times(median(c.flat)), spread(c.flat, times))
			}
		}
	}
	return t
}

func standings(contest []*contestant, n int) *table {
	t := &table{
		title: fmt.Sprintf("Wake-up among %s waiting browsers, µs: medians over %d interleaved rounds of %d wakes", count(n), len(contest[0].p50), counted*len(contest[0].servers)),
		head:  []string{"design", "p50", "of the rounds", "× 1st row", "of the rounds", "× 2nd", "of the rounds", "p90", "p99", "publication alone"},
	}
	for _, c := range contest {
		second, secondRounds := "", ""
		if len(c.ratio[1]) > 0 {
			second, secondRounds = times(median(c.ratio[1])), spread(c.ratio[1], times)
		}
		t.add(c.name, micros(median(c.p50)), spread(c.p50, micros), times(median(c.ratio[0])), spread(c.ratio[0], times), second, secondRounds,
			micros(median(c.p90)), micros(median(c.p99)), alone(c))
	}
	t.note("The first %d wakes of a row are not counted.", warm)
	t.note("From before the publication is written until the browser holds the answer. p99 is mostly the scheduler's noise: do not compare it.")
	t.note("A site's message is handed on to a signed-in browser's WebSocket: it does what the peers do. The others of ours are published by a phone's scan, which checks the token and the code and changes the login.")
	t.note("“Publication alone” is the median time to the publisher's own answer when nobody waits: what the publication costs in itself.")
	return t
}

func alone(c *contestant) string {
	if c.signed {
		return ""
	}
	return micros(median(c.alone))
}

// nobodyElse holds every crowd to it that only those were woken who should have been.
func (f *fleet) nobodyElse(ctx context.Context) error {
	t, err := f.tally(ctx, 200*time.Millisecond)
	if err == nil {
		err = t.fault()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

func (f *fleet) tally(ctx context.Context, moment time.Duration) (sum Tally, err error) {
	tallies := make([]Tally, len(f.crowds))
	err = f.each(func(i int, _ *server, c *people) error { return c.call(ctx, "Tally", moment, &tallies[i]) })
	for _, t := range slices.Backward(tallies) {
		sum = t.add(sum)
	}
	return sum, err
}
