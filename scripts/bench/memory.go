//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// memory is what a server takes for each browser: that waits, that keeps a connection
// after a request or after a poll, that has started a login and not come back.
func (b *bench) memory(ctx context.Context) error {
	sizes := b.numbers([]int{1_000, 10_000, 50_000, 100_000}, []int{500, 2_000})
	ours, peers := b.designs()[:5], b.peers()
	waiters := &table{title: "Memory of the server for each waiting browser, bytes", head: []string{"design", "browsers", "processes", "heap + stacks", "objects", "PSS", "PSS before", "× first", "goroutines"}}
	idle := &table{title: "Memory of the server for each idle keep-alive connection, bytes", head: []string{"design", "connections", "heap + stacks", "objects", "PSS", "PSS before"}}
	records := &table{title: "Memory of the server for each login, without a connection, bytes", head: []string{"design", "logins", "heap + stacks", "objects", "PSS", "PSS before"}}
	waiters.note("Above an idle, warmed-up server, after two forced collections; of ours with its login. PSS is after free memory was given back, “before” is as it stood.")
	waiters.note("Objects are what of the heap is not free space within its spans: of few browsers, that space is most of it.")
	waiters.note("× first is PSS over that of the first row of as many browsers.")
	idle.note("Of ours with the login that began on the connection.")
	defer func() { // what was measured before an error is worth something
		b.print(waiters)
		b.print(idle)
		b.print(records)
	}()
	for _, n := range sizes {
		var least float64
		for _, d := range b.wanted(append(slices.Clone(ours), peers...), n) {
			fmt.Fprintf(os.Stderr, "bench: memory: %s, %s browsers\n", d.name, count(n))
			pss, err := b.waiters(ctx, d, n, least, waiters, idle)
			if err != nil {
				return err
			}
			if least == 0 {
				least = pss
			}
		}
		for _, d := range b.wanted([]design{ours[0], peers[0]}, 2*n) {
			if err := b.idle(ctx, d, n, d.name == ours[0].name, idle, records); err != nil {
				return err
			}
		}
	}
	return nil
}

// warmed is a fleet that has served a few and has rested.
func (b *bench) warmed(ctx context.Context, d design, n int) (*fleet, sample, error) {
	f, err := b.fleet(ctx, d, n)
	if err != nil {
		return nil, sample{}, err
	}
	if err := f.gather(ctx, min(n, 200*len(f.servers)), untilWaiting); err != nil {
		return f, sample{}, err
	}
	if err := f.dismiss(ctx); err != nil {
		return f, sample{}, err
	}
	base, err := f.measure(ctx)
	return f, base, err
}

// waiters measures n who wait, and then, unless they have streams, what is left of each
// once all of them were answered. It returns the PSS of one who waits.
func (b *bench) waiters(ctx context.Context, d design, n int, least float64, waiters, idle *table) (pss float64, err error) {
	f, base, err := b.warmed(ctx, d, n)
	if f != nil {
		defer f.stop()
	}
	if err != nil {
		return 0, err
	}
	if err := f.gather(ctx, n, untilWaiting); err != nil {
		return 0, err
	}
	now, err := f.measure(ctx)
	if err != nil {
		return 0, err
	}
	each := now.above(base, n)
	ratio := "1.00"
	if least > 0 {
		ratio = times(float64(each.pss) / least)
	}
	waiters.add(d.name, count(n), count(len(f.servers)), inGo(each.inUse(), f), inGo(each.objects, f), count(each.pss), count(each.raw), ratio, times(float64(now.goroutines-base.goroutines)/float64(n)))
	if speeches()[d.speech].framing != responses || n > 50_000 {
		return float64(each.pss), nil
	}
	if err := f.wakeMany(ctx, n); err != nil {
		return 0, err
	}
	after, err := f.measureOpen(ctx)
	left := after.above(base, n)
	idle.add(d.name+", answered", count(n), inGo(left.inUse(), f), inGo(left.objects, f), count(left.pss), count(left.raw))
	return float64(each.pss), err
}

// idle measures n connections after one POST, and, if there are logins, those alone.
func (b *bench) idle(ctx context.Context, d design, n int, logins bool, idle, records *table) error {
	f, base, err := b.warmed(ctx, d, n)
	if f != nil {
		defer f.stop()
	}
	if err != nil {
		return err
	}
	if logins {
		if err := f.gather(ctx, n, untilLeft); err != nil {
			return err
		}
		alone, err := f.measure(ctx)
		if err != nil {
			return err
		}
		each := alone.above(base, n)
		records.add("qrlatch", count(n), inGo(each.inUse(), f), inGo(each.objects, f), count(each.pss), count(each.raw))
		base = alone
	}
	if err := f.gather(ctx, n, untilStarted); err != nil {
		return err
	}
	now, err := f.measureOpen(ctx)
	each := now.above(base, n)
	idle.add(strings.Split(d.name, ",")[0]+", after a POST", count(n), inGo(each.inUse(), f), inGo(each.objects, f), count(each.pss), count(each.raw))
	return err
}

// idleGrace is how long a connection may idle until ours parks it, with a little to spare.
const idleGrace = 1500 * time.Millisecond

// measureOpen measures, if no browser's connection has been closed: servers close those
// that are idle for long.
func (f *fleet) measureOpen(ctx context.Context) (sample, error) {
	time.Sleep(idleGrace)
	now, err := f.measure(ctx)
	if err != nil {
		return now, err
	}
	t, err := f.tally(ctx, 0)
	if err == nil && t.Closed > 0 {
		err = fmt.Errorf("%s: %d idle connections were closed before they could be measured (%s)", f.name, t.Closed, t.Trouble)
	}
	return now, err
}

// above is what each of n has added.
func (s sample) above(base sample, n int) sample {
	k := int64(n)
	return sample{heap: (s.heap - base.heap) / k, stacks: (s.stacks - base.stacks) / k, objects: (s.objects - base.objects) / k, raw: (s.raw - base.raw) / k, pss: (s.pss - base.pss) / k}
}

// inGo is what Go's runtime says of so many bytes: nothing, of a server that is not written in Go.
func inGo(bytes int64, f *fleet) string {
	if f.servers[0].nginx {
		return ""
	}
	return count(bytes)
}
