package memstore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// These are the five that most browsers send.
var userAgents = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1.1 Mobile/15E148 Safari/604.1",
}

// pending is a login as Service.Start makes it: what comes of a request is a text of its
// own, what comes of the configuration is shared.
func pending(i int, deadline time.Time) login.Login {
	var secret [27]byte
	_, _ = rand.Read(secret[:])
	id := base64.RawURLEncoding.EncodeToString(secret[:])
	l := login.Login{
		Handle: login.Handle(id[:12]), KeyID: "k0f3a91bc", App: "shop",
		RedirectURI: login.Shorten("https://shop.example.com/cgi-bin/mmwebwx-bin/webwxnewloginpage"),
		SiteState:   fmt.Sprintf("%032x", secret[:16]), Lang: strings.Clone("zh_CN"),
		Browser: login.Browser{
			Addr:      netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}),
			UserAgent: userAgents[i%len(userAgents)],
		}.Kept(),
		State: login.Pending, Started: time.Now(), Deadline: deadline,
	}
	_, _ = rand.Read(l.ID[:])
	_, _ = rand.Read(l.Binding[:])
	return l
}

// heap is what is in use once everything dead is swept.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// BenchmarkPendingLogin tells what a login costs that waits to be scanned: its record,
// its key and its part of the map, in bytes of heap.
func BenchmarkPendingLogin(b *testing.B) {
	const logins = 100_000
	b.ReportAllocs()
	for b.Loop() {
		table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
		deadline, before := time.Now().Add(time.Hour), heap()
		for i := range logins {
			if err := table.Create(context.Background(), pending(i, deadline)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/logins, "B/login")
		runtime.KeepAlive(table)
	}
}

// BenchmarkGetWhileCleaning reads from a million logins of which half have expired, with
// and without the janitor at work on all shards in a row. How long the slowest read takes is
// above all noise of a shared machine: hence several rounds, and as long a time without the
// janitor in each of them.
func BenchmarkGetWhileCleaning(b *testing.B) {
	const logins, rounds = 1_000_000, 5
	times := make([]time.Duration, 0, 10_000_000)
	var idle, cleaning []latency
	var shards []time.Duration
	for b.Loop() {
		table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
		live := fill(b, table, logins/2, time.Now().Add(time.Hour))
		for range rounds {
			end := time.Now().Add(3 * time.Second)
			fill(b, table, logins/2, end.Add(-2*time.Minute)) // a login is kept 2 minutes longer
			runtime.GC()
			time.Sleep(time.Until(end.Add(time.Millisecond)))
			var all time.Duration
			cleaning = append(cleaning, reads(b, table, live, times, func() {
				start := time.Now()
				for i := range shardCount {
					before := time.Now()
					table.clean(i)
					shards = append(shards, time.Since(before))
				}
				all = time.Since(start)
			}))
			idle = append(idle, reads(b, table, live, times, func() { time.Sleep(all) }))
			if table.count.Load() != logins/2 {
				b.Fatalf("%d are left", table.count.Load())
			}
		}
	}
	slices.Sort(shards)
	b.Logf("a shard is cleaned in %v, p90 %v; its writers wait so long, and nobody else", shards[len(shards)/2], shards[len(shards)*9/10])
	report(b, "no janitor", idle)
	report(b, "cleaning", cleaning)
}

func report(b *testing.B, name string, rounds []latency) {
	of := func(what func(latency) time.Duration) []time.Duration {
		all := make([]time.Duration, len(rounds))
		for i, l := range rounds {
			all[i] = what(l)
		}
		slices.Sort(all)
		return all
	}
	p50 := of(func(l latency) time.Duration { return l.p50 })
	p999 := of(func(l latency) time.Duration { return l.p999 })
	worst := of(func(l latency) time.Duration { return l.max })
	mid := len(rounds) / 2
	b.Logf("%-10s of %d rounds: p50 best %v median %v, p99.9 best %v median %v, longest best %v median %v",
		name, len(rounds), p50[0], p50[mid], p999[0], p999[mid], worst[0], worst[mid])
}

type latency struct{ p50, p999, max time.Duration }

// fill creates n logins with a deadline.
func fill(b *testing.B, t *loginTable, n int, deadline time.Time) (handles []login.Handle) {
	b.Helper()
	for i := range n {
		l := pending(i, deadline)
		if err := t.Create(context.Background(), l); err != nil {
			b.Fatal(err)
		}
		handles = append(handles, l.Handle)
	}
	return handles
}

// reads times reads of live records for as long as during runs.
func reads(b *testing.B, t *loginTable, live []login.Handle, took []time.Duration, during func()) latency {
	over := make(chan struct{})
	go func() { during(); close(over) }()
	for i := 0; ; i++ {
		select {
		case <-over:
			slices.Sort(took)
			return latency{took[len(took)/2], took[len(took)*999/1000], took[len(took)-1]}
		default:
		}
		key, start := live[i*7919%len(live)], time.Now()
		_, err := t.Get(context.Background(), key)
		took = append(took, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
	}
}

type loginTable = table[login.Handle, login.Login]

func BenchmarkTable(b *testing.B) {
	ctx, deadline := context.Background(), time.Now().Add(time.Hour)
	table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
	l := pending(7, deadline)
	if err := table.Create(ctx, l); err != nil {
		b.Fatal(err)
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = table.Get(ctx, l.Handle)
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = table.Update(ctx, l.Handle, func(l *login.Login) error { l.Told++; return nil })
		}
	})
}
