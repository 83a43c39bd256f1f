package nodes_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/redistest"
)

// Each of three nodes is stopped and started again, while people log in without a pause, in
// every dialect. Nobody fails, and nobody who waits is left without an answer.
func TestNobodyNoticesARollingRestart(t *testing.T) {
	const clients = 24
	redis := redistest.Start(t)
	program := build(t, redis.URL(), clients)
	var nodes []*process
	b := &balancer{addrs: make([]string, 3)}
	for i := range b.addrs {
		nodes = append(nodes, program.start(t))
		b.put(i, nodes[i].addr)
	}
	var logins, cuts atomic.Int64
	enough, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	all := ways()
	for i := range clients {
		people.Go(func() {
			way, person, in := all[i%len(all)], fmt.Sprint("person-", i), 0
			for enough.Err() == nil && !t.Failed() {
				a := newAttempt(way, b, person)
				// People take a moment for each step: most of the time, most browsers wait.
				ok, err := a.run(t.Context(), func(string) { rest(enough, rand.N(300*time.Millisecond)) })
				if err != nil || !ok {
					t.Errorf("in: %v, %v", ok, err)
					return
				}
				in++
				logins.Add(1)
				cuts.Add(a.cuts.Load())
			}
			a := newAttempt(way, b, person)
			if n, err := a.sessions(t.Context()); n != in || err != nil {
				t.Errorf("%s: %d sessions after %d logins; %v", way.name, n, in, err)
			}
		})
	}
	more := func() {
		was := logins.Load()
		eventually(t, "people log in", func() bool { return logins.Load() >= was+clients || t.Failed() })
	}
	for i := range nodes {
		more()
		b.put(i, "")
		if took := nodes[i].stop(t); took > 10*time.Second {
			t.Errorf("a node was there for %s after SIGTERM", took)
		} else {
			t.Logf("a node has ended after %s", took)
		}
		more()
		nodes[i] = program.start(t)
		b.put(i, nodes[i].addr)
	}
	more()
	stop()
	people.Wait()
	if n := cuts.Load(); n > 0 {
		t.Errorf("%d connections were cut", n)
	}
	t.Logf("%d logins, %d connections refused and tried elsewhere", logins.Load(), b.refused.Load())
}
