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
	ratio         [2][]float64    // p50 over that of the first two contestants, round by round
}

// wake is how long it takes from before a publication is written until the browser that
// it wakes holds the answer, while n wait. All servers are up at once, and take turns.
func (b *bench) wake(ctx context.Context) error {
	wakes := 150
	if b.quick {
		wakes = 50
	}
	sizes := b.numbers([]int{10_000, 50_000}, []int{1_000})
	least := map[string]time.Duration{} // p50 of each design among the fewest
	flat := &table{title: fmt.Sprintf("Median wake-up among many browsers over that among %s", count(sizes[0])), head: []string{"design", "browsers", "×"}}
	for i, n := range sizes {
		contest, err := b.wakeAmong(ctx, n, wakes)
		if err != nil {
			return err
		}
		for _, c := range contest {
			if i == 0 {
				least[c.name] = median(c.p50)
			} else if few := least[c.name]; few > 0 {
				flat.add(c.name, count(n), times(float64(median(c.p50))/float64(few)))
			}
		}
	}
	b.print(flat)
	return nil
}

// wakeAmong is the contest among n.
func (b *bench) wakeAmong(ctx context.Context, n, wakes int) (contest []*contestant, err error) {
	ours := b.designs("--code-ttl", "30m") // or the later ones would be scanned off old pictures
	peers := b.peers()
	// Nchan's long polls first: all others are held against the first of them.
	all := b.wanted(append(slices.Clone(peers[min(4, len(peers)):]), append(ours[:3], ours[5], peers[0], peers[1], peers[3])...), n)
	defer func() {
		for _, c := range contest {
			c.stop()
		}
	}()
	for _, d := range all {
		fmt.Fprintf(os.Stderr, "bench: wake: %s, %s browsers\n", d.name, count(n))
		f, err := b.fleet(ctx, d, n)
		if err != nil {
			return nil, err
		}
		contest = append(contest, &contestant{fleet: f})
		if !d.signed {
			if err := f.gather(ctx, wakes*b.rounds, untilStarted); err != nil { // to publish for nobody
				return nil, err
			}
		}
		if err := f.gather(ctx, n, untilWaiting); err != nil {
			return nil, err
		}
		if d.signed {
			if err := f.each(func(_ int, _ *server, c *people) error { return c.call(ctx, "SignIn", struct{}{}, &struct{}{}) }); err != nil {
				return nil, err
			}
		}
	}
	for round := range b.rounds {
		for _, i := range rand.Perm(len(contest)) {
			if err := contest[i].round(ctx, wakes); err != nil {
				return nil, fmt.Errorf("%s: %w", contest[i].name, err)
			}
		}
		for _, c := range contest {
			for i, peer := range contest[:min(2, len(contest))] {
				c.ratio[i] = append(c.ratio[i], float64(c.p50[round])/float64(peer.p50[round]))
			}
		}
	}
	b.print(standings(contest, n, wakes))
	for _, c := range contest {
		if err := c.nobodyElse(ctx); err != nil {
			return nil, err
		}
	}
	return contest, nil
}

// round wakes so many browsers, one at a time.
func (c *contestant) round(ctx context.Context, wakes int) error {
	var took, alone []time.Duration
	for i, people := range c.crowds {
		var some []time.Duration
		if err := people.call(ctx, "Wake", c.share(i, wakes), &some); err != nil {
			return err
		}
		took = append(took, some...)
		if err := people.call(ctx, "Publish", c.share(i, wakes), &some); err != nil {
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

func standings(contest []*contestant, n, wakes int) *table {
	t := &table{
		title: fmt.Sprintf("Wake-up among %s waiting browsers, µs: medians over %d interleaved rounds of %d wakes", count(n), len(contest[0].p50), wakes),
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
	t.note("From before the publication is written until the browser holds the answer. p99 is mostly the scheduler's noise: do not compare it.")
	t.note("A site's message is handed on to a signed-in browser's WebSocket: it does what the peers do. The others of ours are published by a phone's scan, which checks the token and the code and changes the login.")
	t.note("“Publication alone” is the median time to the publisher's own answer when nobody waits: what the publication costs in itself.")
	return t
}

func alone(c *contestant) string {
	if c.signed {
		return "" // nothing is published for those who are not there
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
