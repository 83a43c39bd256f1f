//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// perProcess is how many connections one process holds: a machine of the kind that this
// is for gives a process 20,000 descriptors and no more.
const perProcess = 16_700

// design is a way to let browsers wait.
type design struct {
	name   string
	speech string
	start  func(context.Context) (*server, error)
	most   int  // how many browsers it is measured with
	signed bool // the browsers are signed in, and wait for what the site sends them
}

// fleet is a design in so many processes as its browsers need: each server has a crowd.
type fleet struct {
	design
	size    int // browsers in all
	servers []*server
	crowds  []*people
}

// designs are those of the server under test.
func (b *bench) designs(args ...string) []design {
	start := func(ctx context.Context) (*server, error) { return b.qrlatch(ctx, b.ours, 600, args...) }
	return []design{
		{"qrlatch, WeChat JSONP poll", "wechat", start, 100_000, false},
		{"qrlatch, SSE", "sse", start, 100_000, false},
		{"qrlatch, WebSocket", "ws", start, 100_000, false},
		{"qrlatch, JSONP poll", "jsonp", start, 10_000, false},
		{"qrlatch, JSON poll", "json", start, 10_000, false},
		{"qrlatch, a site's message", "ws", start, 50_000, true},
	}
}

// peers are the designs that ours is held against.
func (b *bench) peers() []design {
	program := func(name string) func(context.Context) (*server, error) {
		return func(ctx context.Context) (*server, error) { return b.peer(ctx, name) }
	}
	nchan := func(way string, workers int) func(context.Context) (*server, error) {
		return func(ctx context.Context) (*server, error) { return b.nchan(ctx, way, workers) }
	}
	all := []design{
		{"net/http, long poll", "poll", program("nethttp"), 100_000, false},
		{"Echo, long poll", "poll", program("echo"), 50_000, false},
		{"r3labs/sse, as it comes", "stream", program("r3labs"), 10_000, false},
		{"r3labs/sse, BufferSize 1", "stream", program("r3labs1"), 50_000, false},
	}
	if b.nchanHere != nil {
		return all
	}
	return append(all,
		design{"Nchan, long poll, 1 worker", "poll", nchan("longpoll", 1), 100_000, false},
		design{"Nchan, long poll, 2 workers", "poll", nchan("longpoll", 2), 50_000, false},
		design{"Nchan, EventSource, 1 worker", "stream", nchan("eventsource", 1), 50_000, false})
}

// wanted leaves out designs that nobody asked for, and of the usual sizes those that would
// only take time: of peers a thousand browsers, of the expensive ones very many.
func (b *bench) wanted(all []design, n int) []design {
	return slices.DeleteFunc(slices.Clone(all), func(d design) bool {
		usual := n <= d.most && (n > 1_000 || d.speech != "poll" && d.speech != "stream")
		return b.sizes == nil && !b.quick && !usual || b.match != nil && !b.match.MatchString(d.name)
	})
}

// fleet starts a design for n browsers.
func (b *bench) fleet(ctx context.Context, d design, n int) (*fleet, error) {
	f := &fleet{design: d, size: n}
	for range (n + perProcess - 1) / perProcess {
		s, err := d.start(ctx)
		if err != nil {
			return nil, err
		}
		c, err := b.crowd()
		if err != nil {
			return nil, err
		}
		f.servers, f.crowds = append(f.servers, s), append(f.crowds, c)
	}
	return f, nil
}

func (f *fleet) stop() {
	for i := range f.servers {
		f.crowds[i].stop()
		f.servers[i].stop()
	}
}

// share is how many of n browsers are those of server i.
func (f *fleet) share(i, n int) int {
	k := len(f.servers)
	return n/k + min(1, max(0, n%k-i))
}

// each runs do for every server at once.
func (f *fleet) each(do func(i int, s *server, c *people) error) error {
	failed := make([]error, len(f.servers))
	var all sync.WaitGroup
	for i := range f.servers {
		all.Go(func() { failed[i] = do(i, f.servers[i], f.crowds[i]) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// until is how far browsers go.
type until uint8

const (
	untilStarted until = iota // and keep their connection
	untilLeft                 // started, and are gone
	untilWaiting
)

// gather has n more browsers come. If they wait, the servers must say so too.
func (f *fleet) gather(ctx context.Context, n int, far until) error {
	return f.each(func(i int, s *server, c *people) error {
		g := Gathering{Addr: s.addr, Speech: f.speech, Block: c.block, N: f.share(i, n), Wait: far == untilWaiting, Leave: far == untilLeft}
		if err := c.call(ctx, "Gather", g, &struct{}{}); err != nil || far != untilWaiting {
			return err
		}
		return s.settled(ctx, g.N)
	})
}

func (f *fleet) wakeMany(ctx context.Context, n int) error {
	return f.each(func(i int, _ *server, c *people) error {
		return c.call(ctx, "WakeMany", f.share(i, n), &struct{}{})
	})
}

// dismiss has every browser hang up, and waits until the servers have noticed.
func (f *fleet) dismiss(ctx context.Context) error {
	return f.each(func(_ int, s *server, c *people) error {
		if err := c.call(ctx, "Dismiss", struct{}{}, &struct{}{}); err != nil {
			return err
		}
		return s.settled(ctx, 0)
	})
}

// measure adds up what the servers take.
func (f *fleet) measure(ctx context.Context) (sum sample, err error) {
	all := make([]sample, len(f.servers))
	err = f.each(func(i int, s *server, _ *people) (err error) {
		all[i], err = s.measure(ctx)
		return err
	})
	for _, one := range all {
		sum.heap += one.heap
		sum.objects += one.objects
		sum.stacks += one.stacks
		sum.goroutines += one.goroutines
		sum.files += one.files
		sum.raw += one.raw
		sum.pss += one.pss
	}
	return sum, err
}
