package redisstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// calls counts what a store asks of Redis.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) observe(call string, _ time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[call]++
}

func (c *calls) sum() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.n {
		sum += n
	}
	return sum
}

// BenchmarkLogin is a whole login whose browser waits twice, each step on any node: start, wait,
// scan, wait, approve, redeem. It reports the calls of a login, the CPU time it takes in Redis,
// and here with all that the domain does.
func BenchmarkLogin(b *testing.B) {
	for _, n := range []int{1, 2, 3} {
		b.Run(fmt.Sprint(n, " nodes"), func(b *testing.B) { benchLogin(b, redistest.Start(b), n) })
	}
}

func benchLogin(b *testing.B, redis *redistest.Server, n int) {
	var count calls
	var stores []*redisstore.Store
	for range n {
		stores = append(stores, ready(b, redis.URL(), redisstore.Options{Observe: count.observe}))
	}
	all := services(b, stores...)
	before, server, own := count.sum(), cpuOf(b, redis), cpu(b)
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		who := login.Phone{Issuer: "test", Subject: strconv.FormatUint(rand.Uint64(), 36)}
		for pb.Next() {
			a := &attempt{any: func() *login.Service { return all[rand.N(len(all))] }}
			if err := a.run(b.Context(), who); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	logins := float64(b.N)
	b.ReportMetric(float64(count.sum()-before)/logins, "calls/login")
	b.ReportMetric(float64((cpuOf(b, redis)-server).Microseconds())/logins, "redis-µs/login")
	b.ReportMetric(float64((cpu(b)-own).Microseconds())/logins, "own-µs/login")
	told := int64(0)
	for _, s := range stores {
		told += s.Stats().Told
	}
	b.ReportMetric(float64(told)/logins, "messages/login")
	for name, n := range count.n {
		b.ReportMetric(float64(n)/logins, name+"/login")
	}
}

// BenchmarkCalls are single calls of 32 goroutines. A wake is the time from a change on one
// node until another has been told and has read it.
func BenchmarkCalls(b *testing.B) {
	redis := redistest.Start(b)
	s := ready(b, redis.URL(), redisstore.Options{})
	draft := func(h string) login.Login {
		return login.Login{Handle: login.Handle(h), App: "shop", KeyID: "k1", Lang: "zh_CN", RedirectURI: login.Shorten("https://shop.example/in"), State: login.Pending,
			Browser: login.Browser{UserAgent: strings.Repeat("Mozilla/5.0 ", 10)}.Kept(), Started: time.Now(), Deadline: time.Now().Add(5 * time.Minute)}
	}
	for i := range 1000 {
		if err := s.Logins.Create(b.Context(), draft(fmt.Sprint("there", i))); err != nil {
			b.Fatal(err)
		}
	}
	run := func(name string, call func(h login.Handle) error) {
		b.Run(name, func(b *testing.B) {
			server, own := cpuOf(b, redis), cpu(b)
			b.SetParallelism(16)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(login.Handle(fmt.Sprint("there", rand.N(1000)))); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64((cpuOf(b, redis)-server).Microseconds())/float64(b.N), "redis-µs/op")
			b.ReportMetric(float64((cpu(b)-own).Microseconds())/float64(b.N), "own-µs/op")
		})
	}
	run("create", func(login.Handle) error {
		return s.Logins.Create(b.Context(), draft(strconv.FormatUint(rand.Uint64(), 36)))
	})
	run("get", func(h login.Handle) error { _, err := s.Logins.Get(b.Context(), h); return err })
	run("update", func(h login.Handle) error {
		_, err := s.Logins.Update(b.Context(), h, func(l *login.Login) error { l.WrongNumbers++; return nil })
		return err
	})

	b.Run("wake", func(b *testing.B) {
		all := nodes(b, redis.URL(), 2)
		told := make(chan struct{}, 1)
		all[0].Logins.Notify(func(h login.Handle) {
			_, _ = all[0].Logins.Get(b.Context(), h)
			all[0].Logins.Unfollow(h)
			told <- struct{}{}
		})
		all[0].create("woken")
		for b.Loop() {
			b.StopTimer()
			all[0].follow("woken")
			b.StartTimer()
			all[1].change("woken")
			<-told
		}
	})
}

// cpu is the time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf is the time that a server has used.
func cpuOf(b *testing.B, s *redistest.Server) time.Duration {
	var sum float64
	for line := range bytes.Lines([]byte(s.Must("INFO", "cpu"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += seconds
		}
	}
	return time.Duration(sum * float64(time.Second))
}
