//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// runner is a server on which people log in, in a contest of rounds.
type runner struct {
	name string
	*server
	cost  []time.Duration // CPU of a login, in each round
	ratio []float64       // of that to the first runner's in the same round
}

// many is how many log in at a time: enough to keep the machine busy although each
// waits a moment for its poll to be one that waits.
const many = 48

// race has people log in on every runner, in turns.
func (b *bench) race(ctx context.Context, runners []*runner, how time.Duration) error {
	for _, r := range runners {
		if _, err := throng(ctx, r.addr, many, how/4); err != nil { // warms it up
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for round := range b.rounds {
		for _, i := range rand.Perm(len(runners)) {
			r := runners[i]
			before, err := r.cpu()
			if err != nil {
				return err
			}
			n, err := throng(ctx, r.addr, many, how)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			after, err := r.cpu()
			if err != nil {
				return err
			}
			r.cost = append(r.cost, (after-before)/time.Duration(max(n, 1)))
		}
		for _, r := range runners {
			r.ratio = append(r.ratio, float64(r.cost[round])/float64(runners[0].cost[round]))
		}
	}
	return nil
}

// row is a runner's line in a table.
func (r *runner) row() []string {
	cost := median(r.cost)
	return []string{r.name, micros(cost), spread(r.cost, micros), count(int64(time.Second / max(cost, 1))), times(median(r.ratio)), spread(r.ratio, times)}
}

func (b *bench) roundTime() time.Duration {
	if b.quick {
		return 500 * time.Millisecond
	}
	return 3 * time.Second
}

// login is the CPU of a server for a whole login, beside a floor: net/http that answers
// the same requests with the same bytes.
func (b *bench) login(ctx context.Context) error {
	ours, err := b.qrlatch(ctx, b.ours, 0)
	if err != nil {
		return err
	}
	recorded, err := recordLogin(ctx, ours.addr, b.dir)
	if err != nil {
		return err
	}
	floor, err := b.peer(ctx, "floor", recorded)
	if err != nil {
		return err
	}
	path, err := b.withGoQRCode(ctx)
	if err != nil {
		return err
	}
	theirs, err := b.qrlatch(ctx, path, 0)
	if err != nil {
		return err
	}
	runners := []*runner{
		{name: "floor: net/http, the same bytes", server: floor},
		{name: "qrlatch", server: ours},
		{name: "qrlatch with go-qrcode's PNG", server: theirs},
	}
	if b.beside != "" {
		other, err := b.qrlatch(ctx, b.beside, 0)
		if err != nil {
			return err
		}
		runners = append(runners, &runner{name: b.beside, server: other})
	}
	fmt.Fprintln(os.Stderr, "bench: login")
	if err := b.race(ctx, runners, b.roundTime()); err != nil {
		return err
	}
	t := &table{
		title: fmt.Sprintf("CPU of the server for a complete login (%d requests), µs: medians over %d interleaved rounds", requestsPerLogin, b.rounds),
		head:  []string{"server", "CPU", "of the rounds", "logins per CPU-second", "× floor", "of the rounds"},
	}
	for _, r := range runners {
		t.add(r.row()...)
	}
	t.note("User and system time of the server's process, %d people at a time on keep-alive connections: start, picture, poll, scan, poll, approval, ticket's page.", many)
	b.print(t)
	return nil
}

// pending is whether the cost of a login depends on how many others are under way.
func (b *bench) pending(ctx context.Context) error {
	sizes := []int{1_000, 100_000, 1_000_000}
	if b.quick {
		sizes = []int{1_000, 20_000}
	}
	var runners []*runner
	for _, n := range sizes {
		fmt.Fprintf(os.Stderr, "bench: pending: %s logins\n", count(n))
		s, err := b.qrlatch(ctx, b.ours, 0)
		if err != nil {
			return err
		}
		crowd, err := b.crowd()
		if err != nil {
			return err
		}
		if err := crowd.call(ctx, "Flood", Gathering{Addr: s.addr, Speech: "wechat", Block: crowd.block, N: n}, &struct{}{}); err != nil {
			return err
		}
		crowd.stop()
		runners = append(runners, &runner{name: count(n), server: s})
	}
	if err := b.race(ctx, runners, b.roundTime()); err != nil {
		return err
	}
	t := &table{
		title: fmt.Sprintf("CPU of a complete login while others are pending, µs: medians over %d interleaved rounds", b.rounds),
		head:  []string{"pending logins", "CPU", "of the rounds", "logins per CPU-second", "× first row", "of the rounds"},
	}
	for _, r := range runners {
		t.add(r.row()...)
	}
	b.print(t)
	return nil
}
