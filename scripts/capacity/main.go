// Capacity says what a number of logins a day asks of nodes, Redis and network, and which of them
// is used up first:
//
//	go run ./scripts/capacity -logins 1e6 -peak 3 -nodes 2
//
// It plays a day of people who come, wait, scan or do not, and multiplies with what steps of a
// login were measured to cost. docs/capacity.md has the figures and where they are from.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) (err error) {
	var in inputs
	var f fleet
	flags := flag.NewFlagSet("capacity", flag.ContinueOnError)
	flags.SetOutput(out)
	number := func(to *float64, name string, value float64, usage string) { flags.Float64Var(to, name, value, usage) }
	seconds := func(to *float64, name string, value time.Duration, usage string) {
		*to = value.Seconds()
		flags.Func(name, fmt.Sprintf("%s (default %s)", usage, value), func(text string) error {
			d, err := time.ParseDuration(text)
			*to = d.Seconds()
			return err
		})
	}
	number(&in.logins, "logins", 1e6, "logins started in a day")
	number(&in.peak, "peak", 3, "the busiest moment over the mean")
	number(&in.never, "never", 0.3, "share of logins that nobody scans; their browsers wait until the end")
	number(&in.deny, "deny", 0.01, "share of scanned logins that are denied")
	number(&in.pages, "pages", 1, "share of logins that WeChat's page collects, which leave a push ticket; the others are redeemed by their site")
	number(&in.spread, "spread", 0.8, "sigma of the logarithm of how long people take")
	seconds(&in.scan, "scan", 15*time.Second, "median time until a code is scanned")
	seconds(&in.decide, "decide", 5*time.Second, "median time until the person has decided")
	seconds(&in.loginTTL, "login-ttl", 5*time.Minute, "as of the server")
	seconds(&in.codeTTL, "code-ttl", 20*time.Second, "as of the server")
	seconds(&in.ticketTTL, "ticket-ttl", time.Minute, "as of the server")
	seconds(&in.sessionTTL, "session-ttl", 12*time.Hour, "as of the server")
	var hold float64
	seconds(&hold, "poll-hold", 25*time.Second, "as of the server, or a page's wait")
	words := flags.String("dialect", "wechat", "how browsers wait: wechat, json, jsonp, sse, ws, taobao, or asking (JSON without wait)")
	flags.IntVar(&f.nodes, "nodes", 2, "nodes")
	number(&f.cores, "cores", 2, "cores of a node")
	number(&f.redisMemory, "redis-memory", 1e9, "bytes of Redis, of all shards together")
	flags.IntVar(&f.shards, "shards", 1, "primaries of a Redis Cluster")
	number(&f.gbits, "gbits", 1, "Gbit/s of the network of a node, or of a Redis")
	number(&f.page, "page", 17e3, "bytes of the page that a browser loads before it starts, with its files")
	number(&f.handshake, "handshake", 0, "µs of a node for TLS, of a login; 0: a proxy does it")
	number(&f.nofile, "nofile", 1<<20, "descriptors of a node")
	number(&f.waiters, "waiters", 200_000, "limits.waiters; 0: none")
	number(&f.logins, "limit-logins", 1e6, "limits.logins")
	seed := flags.Uint64("seed", 1, "draws another day")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q?", flags.Arg(0))
	}
	if in.dialect, err = dialectOf(*words, hold); err != nil {
		return err
	}
	in.people = int(min(max(in.logins, 1), 1e6))
	if err := errors.Join(in.check(), f.check()); err != nil {
		return err
	}
	d := simulate(in, *seed)
	report(out, in, f, d)
	return nil
}

func (f fleet) check() error {
	if f.nodes < 1 || f.shards < 1 || !(f.cores > 0 && f.redisMemory > 0 && f.gbits > 0 && f.nofile > 0 && f.logins > 0) ||
		f.page < 0 || f.handshake < 0 || f.waiters < 0 {
		return errors.New("there is at least something of all that carries the load")
	}
	return nil
}

// report writes two tables of Markdown.
func report(out io.Writer, in inputs, f fleet, d *day) {
	mean, peak := loadOf(d, in, f, series.mean), loadOf(d, in, f, series.busiest)
	percent := func(v float64) string { return strconv.FormatFloat(100*v/d.started, 'f', 1, 64) + " %" }
	fmt.Fprintf(out, "%s logins a day: %s redeemed, %s denied, %s expired\n\n", figure(in.logins), percent(d.redeemed), percent(d.denied), percent(d.expired))
	row := func(name string, of func(load) float64) {
		fmt.Fprintf(out, "| %s | %s | %s |\n", name, figure(of(mean)), figure(of(peak)))
	}
	fmt.Fprint(out, "| | mean | busiest 10 min |\n| --- | ---: | ---: |\n")
	row("logins started, /s", func(l load) float64 { return l.starts })
	row("browsers that wait", func(l load) float64 { return l.waiting })
	row("logins in Redis", func(l load) float64 { return l.live })
	row("polls without news, /s", func(l load) float64 { return l.polls })
	row("pictures, /s", func(l load) float64 { return l.pictures })
	row("Redis commands, /s", func(l load) float64 { return l.total.commands })
	row("Redis CPU, cores", func(l load) float64 { return l.total.redisCPU / 1e6 })
	row("Redis network, Mbit/s", func(l load) float64 { return l.total.redis * 8 / 1e6 })
	row("CPU of all nodes, cores", func(l load) float64 { return l.total.nodeCPU / 1e6 })
	row("HTTP, Mbit/s", func(l load) float64 { return l.total.http * 8 / 1e6 })
	row("memory of all nodes for who waits, MB", func(l load) float64 { return l.waiting * in.dialect.memory / 1e6 })
	for i, name := range []string{"logins", "sessions", "push tickets"} {
		row("Redis memory: "+name+", MB", func(l load) float64 {
			logins, sessions, push := l.redisBytes()
			return []float64{logins, sessions, push}[i] / 1e6
		})
	}
	fmt.Fprintf(out, "\n| %d nodes, Redis × %d | used | of | used up at, logins a day | then |\n| --- | ---: | ---: | ---: | --- |\n", f.nodes, f.shards)
	bounds := f.bounds(peak, in)
	slices.SortStableFunc(bounds, func(a, b bound) int { return cmp.Compare(b.share(), a.share()) })
	for _, b := range bounds {
		with := func(v float64) string { return strings.TrimSpace(figure(v) + " " + b.unit) }
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", b.name, with(b.used), with(b.have), millions(in.logins/b.share()), b.then)
	}
}

// millions writes a number of logins.
func millions(v float64) string { return figure(v/1e6) + " M" }

// figure writes a number with three digits that mean something.
func figure(v float64) string {
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if rounded, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(rounded, 'f', -1, 64)
	}
	whole, part, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part != "" {
		whole += "." + part
	}
	return whole
}
