//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// step is a part of a login, taken by every person once.
type step struct {
	name string
	at   int // how many take it at a time
	who  func(number int) bool
	do   func(*walker) error
	cost []usage
	http []float64 // bytes, both ways, without TLS and TCP
	kept []float64 // by which Redis has grown
}

// walker takes the steps one by one: the browser on one node, its phone and its site on another.
type walker struct {
	person
	said string // what the browser heard last
	scan string // the phone's name for the login
}

func anyone(int) bool          { return true }
func bySite(number int) bool   { return number%2 == 0 }
func byItself(number int) bool { return number%2 == 1 }

// atATime is how many take a step at a time if somebody has to wait meanwhile.
const atATime = 32

func walk() []*step {
	return []*step{
		{name: "start", at: atATime, who: anyone, do: func(w *walker) error {
			body, err := w.front.ask(startLogin(&w.browser, w.host))
			if err != nil {
				return err
			}
			return w.began(body)
		}},
		{name: "picture", at: atATime, who: anyone, do: func(w *walker) error {
			return w.get("/qrcode/"+w.id+".png", "image", "PNG")
		}},
		{name: "question answered at once", at: atATime, who: anyone, do: func(w *walker) error {
			return w.get("/v1/logins/"+w.id, "empty", `"pending"`)
		}},
		{name: "the same again", at: atATime, who: anyone, do: func(w *walker) error {
			return w.get("/v1/logins/"+w.id, "empty", `"pending"`)
		}},
		{name: "poll that runs out", at: phones, who: anyone, do: func(w *walker) error {
			return w.get("/v1/logins/"+w.id+"?since=pending&wait=1", "empty", `"pending"`)
		}},
		{name: "another", at: phones, who: anyone, do: func(w *walker) error {
			return w.get("/v1/logins/"+w.id+"?since=pending&wait=1", "empty", `"pending"`)
		}},
		{name: "scan, and the poll that hears", at: atATime, who: anyone, do: func(w *walker) error {
			said, done, err := w.heard(1, scan(&w.browser, w.host))
			w.scan = between(string(done), `"id":"`, `"`)
			if err == nil && (!strings.Contains(said, "window.code=201") || w.scan == "") {
				err = fmt.Errorf("after the scan the poll said %.80q", said)
			}
			return err
		}},
		{name: "approval, and the poll that hears", at: atATime, who: anyone, do: func(w *walker) (err error) {
			w.said, _, err = w.heard(0, phoneSays(&w.browser, w.host, "/v1/scans/"+w.scan+"/approve", "{}"))
			return err
		}},
		{name: "redemption by the site", at: atATime, who: bySite, do: func(w *walker) error {
			ticket, err := url.QueryUnescape(between(w.said, "ticket=", "&"))
			if err != nil {
				return err
			}
			_, err = w.phone.ask(siteSays(w.host, "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`))
			return err
		}},
		{name: "redemption by WeChat's page", at: atATime, who: byItself, do: func(w *walker) error {
			return w.get(ticketPage+"?"+between(w.said, ticketPage+"?", `"`)+"&fun=new", "empty", "<ret>0</ret>")
		}},
	}
}

// get asks as the browser, and wants words in the answer.
func (w *walker) get(target, dest, words string) error {
	body, err := w.front.ask(request(&w.browser, w.host, "GET", target, dest, ""))
	if err == nil && !bytes.Contains(body, []byte(words)) {
		err = fmt.Errorf("%s was answered %.80q", target, body)
	}
	return err
}

// steps is what each step of a login costs Redis and the network, and what it leaves there.
// Phones are on another node than browsers, so each wake-up travels: the worst case, and what
// many nodes come to. Each round has nodes and a Redis of its own, where nobody was before.
func (b *bench) steps(ctx context.Context) error {
	all := walk()
	var left string
	for range b.rounds {
		fmt.Fprintln(os.Stderr, "bench: steps")
		var err error
		if left, err = b.walkOnce(ctx, all); err != nil {
			return err
		}
	}
	t := &table{
		title: fmt.Sprintf("Steps of a login, its browser and its phone at two nodes with a Redis: medians over %d rounds of %s people", b.rounds, count(phones)),
		head:  []string{"step", "Redis commands", "bytes to Redis", "bytes from Redis", "kept in Redis, bytes", "HTTP, bytes", "CPU of nodes, µs", "CPU of Redis, µs"},
	}
	whole := func(v float64) string { return count(int64(v + 0.5)) }
	for _, s := range all {
		of := func(column func(usage) float64) float64 {
			var costs []float64
			for _, u := range s.cost {
				costs = append(costs, column(u))
			}
			return median(costs)
		}
		t.add(s.name, fmt.Sprintf("%.1f", of(func(u usage) float64 { return u.commands })), whole(of(func(u usage) float64 { return u.in })),
			whole(of(func(u usage) float64 { return u.out })), whole(median(s.kept)), whole(median(s.http)),
			whole(of(func(u usage) float64 { return u.nodes })), whole(of(func(u usage) float64 { return u.redis })))
	}
	t.note("Kept is used_memory; each person is a new one. CPU is in ticks of 10 ms, 10 µs each here, of nodes that have just begun: the parts login and nodes know better.")
	b.print(t)
	b.printCensus(left)
	return nil
}

// walkOnce is a round. It returns the census of Redis at its end.
func (b *bench) walkOnce(ctx context.Context, all []*step) (left string, err error) {
	i, err := b.install(ctx, 2)
	if err != nil {
		return "", err
	}
	defer i.stop()
	var bytes atomic.Int64
	people := make([]*walker, phones)
	for n := range people {
		w := &walker{person: person{browser: browser{number: n}, host: strings.TrimPrefix(benchURL, "http://")}}
		for k, l := range []**link{&w.front, &w.phone} {
			if *l, err = dial(ctx, i.nodes[k].addr, n); err != nil {
				return "", err
			}
			defer (*l).Close()
			(*l).record = func(request, answer []byte) { bytes.Add(int64(len(request) + len(answer))) }
		}
		people[n] = w
	}
	idle, err := i.over(func() (int, error) { return 1, pause(ctx, 2*time.Second) })
	if err != nil {
		return "", err
	}
	i.idle = idle.per(2, usage{}, usage{}, 0)
	for _, s := range all {
		before, err := i.redis.memory()
		if err != nil {
			return "", err
		}
		bytes.Store(0)
		took := 0
		cost, err := i.over(func() (int, error) { took, err = s.take(people); return took, err })
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		after, err := i.redis.memory()
		if err != nil {
			return "", err
		}
		s.cost = append(s.cost, cost)
		s.http = append(s.http, float64(bytes.Load())/float64(took))
		s.kept = append(s.kept, (after-before)/float64(took))
	}
	return i.redis.census()
}

// take has all whose step it is take it, and returns how many they were.
func (s *step) take(people []*walker) (took int, err error) {
	turns := make(chan struct{}, s.at)
	failed := make([]error, len(people))
	var all sync.WaitGroup
	for n, w := range people {
		if !s.who(n) {
			continue
		}
		took++
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			failed[n] = s.do(w)
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return took, err
		}
	}
	return took, nil
}

// memory is what Redis has in use.
func (r *redis) memory() (float64, error) {
	text, err := r.info("memory")
	if err != nil {
		return 0, err
	}
	return readInfo(text, "used_memory")
}

// census tells of each kind of key: its name, how many there are and how many bytes they take,
// by MEMORY USAGE, which leaves out the table of what expires.
func (r *redis) census() (string, error) {
	const script = `
local n, bytes, text = {}, {}, ''
for _, key in ipairs(redis.call('KEYS', '*')) do
	local kind = string.gsub(key, '{[^}]*}', '*')
	n[kind] = (n[kind] or 0) + 1
	bytes[kind] = (bytes[kind] or 0) + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')
end
for kind in pairs(n) do text = text .. kind .. ' ' .. n[kind] .. ' ' .. bytes[kind] .. string.char(10) end
return text`
	return r.ask(`EVAL "` + strings.ReplaceAll(script, "\n", " ") + `" 0`)
}

// printCensus prints what there is many of.
func (b *bench) printCensus(text string) {
	t := &table{title: "What these logins have left in Redis, by key", head: []string{"key", "keys", "bytes each"}}
	for _, line := range slices.Sorted(strings.Lines(text)) {
		var kind string
		var n, bytes int
		if _, err := fmt.Sscan(line, &kind, &n, &bytes); err == nil && n >= phones/10 {
			t.add(kind, count(n), count(bytes/n))
		}
	}
	b.print(t)
}

// stop ends an installation before the part ends.
func (i *installation) stop() {
	for _, s := range i.nodes {
		s.stop()
	}
	i.redis.stop()
}
