//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// everyone holds 100,000 waiting browsers of every dialect over several servers, wakes
// every second one, then the others, and holds each of them to its own answer.
func (b *bench) everyone(ctx context.Context) error {
	n := b.numbers([]int{100_000}, []int{5_000})[0]
	ours := b.designs("--code-ttl", "30m")[:5]
	byName := func(i int) design { return ours[i%len(ours)] }
	var fleets []*fleet
	defer func() {
		for _, f := range fleets {
			f.stop()
		}
	}()
	const servers = 6
	t := &table{
		title: fmt.Sprintf("%s browsers wait on %d servers; half of them are woken, then the others", count(n), servers),
		head:  []string{"dialect", "browsers", "s to come", "s to wake", "woken once", "twice", "unasked", "lost", "told of another's"},
	}
	var sum Tally
	for i := range servers {
		d := byName(i)
		size := n/servers + min(1, max(0, n%servers-i))
		fmt.Fprintf(os.Stderr, "bench: everyone: %s, %s browsers\n", d.name, count(size))
		f, err := b.fleet(ctx, d, size)
		if err != nil {
			return err
		}
		fleets = append(fleets, f)
		t.add(d.name, count(size))
		begin := time.Now()
		if err := f.gather(ctx, size, untilWaiting); err != nil {
			return err
		}
		t.rows[i] = append(t.rows[i], seconds(time.Since(begin)))
	}
	for _, f := range fleets {
		if err := f.stillWaits(ctx); err != nil {
			return err
		}
	}
	for i, f := range fleets {
		begin := time.Now()
		half := f.size / 2
		if err := f.wakeMany(ctx, half); err != nil {
			return err
		}
		took := time.Since(begin)
		middle, err := f.tally(ctx, 300*time.Millisecond)
		if err != nil {
			return err
		}
		if middle.Woken != half || middle.Waiting != f.size-half {
			return fmt.Errorf("%s: %d were to be woken: %d were, %d still wait: %w", f.name, half, middle.Woken, middle.Waiting, middle.fault())
		}
		begin = time.Now()
		if err := f.wakeMany(ctx, f.size-half); err != nil {
			return err
		}
		took += time.Since(begin)
		t.rows[i] = append(t.rows[i], seconds(took))
	}
	for i, f := range fleets {
		one, err := f.tally(ctx, 300*time.Millisecond)
		if err != nil {
			return err
		}
		t.rows[i] = append(t.rows[i], count(one.Woken), count(one.Twice), count(one.Unasked), count(one.Lost), count(one.Stranger))
		sum = sum.add(one)
	}
	t.add("in all", count(n), "", "", count(sum.Woken), count(sum.Twice), count(sum.Unasked), count(sum.Lost), count(sum.Stranger))
	t.note("JSON, JSONP and SSE answers have the login's id, which is compared; of the others, none but those whose login was scanned may hear anything.")
	b.print(t)
	if sum.Woken != n {
		return errors.Join(fmt.Errorf("%d of %d were woken", sum.Woken, n), sum.fault())
	}
	return sum.fault()
}

// stillWaits tells whether nobody of a fleet has been lost while the others came.
func (f *fleet) stillWaits(ctx context.Context) error {
	t, err := f.tally(ctx, 0)
	if err == nil && t.Waiting != f.size {
		err = fmt.Errorf("%s: %d of %d wait (%s)", f.name, t.Waiting, f.size, t.Trouble)
	}
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
