//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// benchURL is what all nodes are called.
const benchURL = "http://login.bench"

// travellers are so many at a time that two cores are busy: what little there is to do would
// else cost more, the thinner it is spread.
const travellers = 2 * many

// installation is so many nodes on a Redis of their own.
type installation struct {
	size  int
	redis *redis
	nodes []*server
	idle  usage // in a second
}

// journey is people who log in on an installation.
type journey struct {
	*installation
	stays bool // each of them on one node: what it costs that there are several, and no more
	cost  []usage
}

func (j *journey) name() string {
	if j.stays {
		return fmt.Sprintf("%d, each person on one", j.size)
	}
	return fmt.Sprint(j.size)
}

// usage is what an installation has used so far, or for one login.
type usage struct{ commands, in, out, nodes, redis float64 }

// per is what was used since before, less what nobody's login costs, shared by n.
func (u usage) per(n float64, before, idle usage, seconds float64) usage {
	share := func(now, was, idle float64) float64 { return (now - was - idle*seconds) / n }
	return usage{
		share(u.commands, before.commands, idle.commands), share(u.in, before.in, idle.in), share(u.out, before.out, idle.out),
		share(u.nodes, before.nodes, idle.nodes), share(u.redis, before.redis, idle.redis),
	}
}

// install starts a Redis and so many nodes.
func (b *bench) install(ctx context.Context, size int) (*installation, error) {
	r, err := b.redis(ctx)
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(b.dir, "keys")
	if _, err := os.Stat(keys); err != nil {
		line, err := exec.CommandContext(ctx, b.ours, "keys", "new").Output()
		if err := errors.Join(err, os.WriteFile(keys, line, 0o600)); err != nil {
			return nil, err
		}
	}
	i := &installation{size: size, redis: r}
	for range size {
		s, err := b.qrlatch(ctx, b.ours, 0, "--store", "redis://"+r.addr, "--key-file", keys, "--public-url", benchURL)
		if err != nil {
			return nil, err
		}
		i.nodes = append(i.nodes, s)
	}
	return i, nil
}

// used is what the installation has used since it began. CPU is in µs.
func (i *installation) used() (u usage, err error) {
	stats, err := i.redis.info("stats")
	if err != nil {
		return u, err
	}
	for name, to := range map[string]*float64{
		"total_commands_processed": &u.commands, "total_net_input_bytes": &u.in, "total_net_output_bytes": &u.out,
	} {
		if *to, err = readInfo(stats, name); err != nil {
			return u, err
		}
	}
	var pids []int
	for _, s := range i.nodes {
		pids = append(pids, s.pids()...)
	}
	nodes, err := cpuOf(pids)
	u.nodes = float64(nodes.Microseconds())
	redis, failed := cpuOf([]int{i.redis.Process.Pid})
	u.redis = float64(redis.Microseconds())
	return u, errors.Join(err, failed)
}

// over measures what do costs for each of the logins that it reports.
func (i *installation) over(do func() (logins int, err error)) (usage, error) {
	before, err := i.used()
	if err != nil {
		return before, err
	}
	begin := time.Now()
	n, err := do()
	if err != nil {
		return before, err
	}
	after, err := i.used()
	return after.per(float64(max(n, 1)), before, i.idle, time.Since(begin).Seconds()), err
}

// logIn has people log in for a time.
func (j *journey) logIn(ctx context.Context, how time.Duration) (int, error) {
	return gather(ctx, travellers, how, func(ctx context.Context, number int) (guest, error) {
		nodes := j.nodes
		if j.stays {
			nodes = nodes[number%len(nodes):][:1]
		}
		return newTraveller(ctx, nodes, number)
	})
}

// nodes is whether the cost of a login depends on how many nodes there are.
func (b *bench) nodes(ctx context.Context) error {
	var all []*journey
	for _, size := range []int{1, 2, 3} {
		i, err := b.install(ctx, size)
		if err != nil {
			return err
		}
		if size > 1 {
			all = append(all, &journey{installation: i, stays: true})
		}
		all = append(all, &journey{installation: i})
		if _, err := all[len(all)-1].logIn(ctx, b.roundTime()/2); err != nil { // warms it up
			return fmt.Errorf("%d nodes: %w", size, err)
		}
	}
	for _, j := range all {
		if j.stays {
			continue // it is the next one's installation
		}
		rest := b.roundTime()
		idle, err := j.over(func() (int, error) { return 1, pause(ctx, rest) })
		if err != nil {
			return err
		}
		j.idle = idle.per(rest.Seconds(), usage{}, usage{}, 0)
	}
	fmt.Fprintln(os.Stderr, "bench: nodes")
	for range b.rounds {
		for _, n := range rand.Perm(len(all)) {
			cost, err := all[n].over(func() (int, error) { return all[n].logIn(ctx, b.roundTime()) })
			if err != nil {
				return fmt.Errorf("%s nodes: %w", all[n].name(), err)
			}
			all[n].cost = append(all[n].cost, cost)
		}
	}
	b.printNodes(all)
	return nil
}

func (b *bench) printNodes(all []*journey) {
	t := &table{
		title: fmt.Sprintf("A complete login over nodes that share a Redis: medians over %d interleaved rounds, × one node", b.rounds),
		head:  []string{"nodes", "Redis commands", "×", "bytes to Redis", "×", "bytes from Redis", "×", "CPU of nodes, µs", "×", "CPU of Redis, µs", "×"},
	}
	columns := []func(usage) float64{
		func(u usage) float64 { return u.commands }, func(u usage) float64 { return u.in }, func(u usage) float64 { return u.out },
		func(u usage) float64 { return u.nodes }, func(u usage) float64 { return u.redis },
	}
	for _, i := range all {
		row := []string{i.name()}
		for c, column := range columns {
			var costs, ratios []float64
			for round := range i.cost {
				costs = append(costs, column(i.cost[round]))
				ratios = append(ratios, column(i.cost[round])/column(all[0].cost[round]))
			}
			write := func(v float64) string { return count(int64(v + 0.5)) }
			if c == 0 {
				write = func(v float64) string { return fmt.Sprintf("%.1f", v) }
			}
			row = append(row, write(median(costs)), times(median(ratios)))
		}
		t.add(row...)
	}
	var idle []string
	for _, j := range all {
		if !j.stays {
			idle = append(idle, fmt.Sprintf("%.1f", j.idle.commands))
		}
	}
	t.note("JSON: start, poll, scan, poll, approval, redemption, %d people at a time, each request on the next node unless said otherwise. Commands that scripts run count too; idle nodes' own, %s a second, do not.",
		travellers, strings.Join(idle, ", "))
	b.print(t)
}
