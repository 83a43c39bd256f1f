package login_test

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// crowd is a Service on the memory store with so many logins that wait to be scanned.
type crowd struct {
	*login.Service
	b  *testing.B
	ua int
}

func newCrowd(b *testing.B, waiting int) *crowd {
	store := memstore.New(memstore.Options{})
	b.Cleanup(store.Close)
	c := &crowd{b: b, Service: login.NewService(store.Store, login.Config{
		Keys: keyring(b, keyLine("k1", 1)), LoginTTL: time.Hour,
		Apps: []login.App{{ID: "shop", RedirectURIs: []string{"https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"}}},
	})}
	for range waiting {
		c.start()
	}
	return c
}

func (c *crowd) must(err error) {
	if err != nil {
		c.b.Helper()
		c.b.Fatal(err)
	}
}

func (c *crowd) start() (login.Holder, login.Login) {
	c.ua++
	addr := netip.AddrFrom4([4]byte{203, 0, byte(c.ua >> 8), byte(c.ua)})
	id, l, err := c.Start(c.b.Context(), login.Request{
		App: "shop", SiteState: "0123456789abcdef0123456789abcdef", Lang: "zh_CN",
		Browser: login.Browser{Addr: addr, UserAgent: userAgents[c.ua%len(userAgents)]},
	})
	c.must(err)
	return login.Holder{ID: string(id), Addr: addr, ShowsNumber: true}, l
}

func (c *crowd) scan(l login.Login, who login.Identity) {
	code, _, _ := c.Code(l, time.Now())
	_, err := c.Scan(c.b.Context(), who, code, time.Time{})
	c.must(err)
}

func (c *crowd) approve(l login.Login, who login.Identity) string {
	l, err := c.Approve(c.b.Context(), who.Phone, string(l.Handle), "")
	c.must(err)
	uri, _ := c.RedirectURI(l)
	return ticketIn(uri)
}

func (c *crowd) redeem(ticket string) {
	_, err := c.RedeemTicket(c.b.Context(), "shop", ticket)
	c.must(err)
}

// login is all of one, by a person of its own.
func (c *crowd) login() {
	h, l := c.start()
	who := c.person()
	stop := c.watch(h, func() {})
	c.scan(l, who)
	stop()
	c.redeem(c.approve(l, who))
}

func (c *crowd) watch(h login.Holder, woken func()) (stop func()) {
	stop, err := c.Watch(c.b.Context(), h, login.Pending, func(login.Login, error) { woken() })
	c.must(err)
	return stop
}

func (c *crowd) person() login.Identity {
	return login.Identity{Phone: login.Phone{Issuer: "bench", Subject: fmt.Sprint(c.ua)}}
}

// BenchmarkStep is each step of a login on the memory store, without HTTP and pictures,
// among 10,000 that wait. What comes before a step is not timed.
func BenchmarkStep(b *testing.B) {
	const waiting = 10_000
	// step prepares as many steps as are done, or a few that can be done again and again.
	step := func(name string, most int, prepare func(c *crowd) (step func())) {
		b.Run(name, func(b *testing.B) {
			c := newCrowd(b, waiting)
			steps := make([]func(), min(b.N, most))
			for i := range steps {
				steps[i] = prepare(c)
			}
			runtime.GC()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				steps[i%len(steps)]()
			}
		})
	}
	const once, again = math.MaxInt, 1000
	step("start", again, func(c *crowd) func() { return func() { c.start() } })
	step("get", again, func(c *crowd) func() {
		h, _ := c.start()
		return func() { _, err := c.Get(c.b.Context(), h); c.must(err) }
	})
	step("watch and stop", again, func(c *crowd) func() {
		h, _ := c.start()
		return func() { c.watch(h, func() {})() }
	})
	step("scan", once, func(c *crowd) func() {
		_, l := c.start()
		who := c.person()
		return func() { c.scan(l, who) }
	})
	step("scan that wakes", once, func(c *crowd) func() {
		h, l := c.start()
		who, woken := c.person(), false
		c.watch(h, func() { woken = true })
		return func() {
			if c.scan(l, who); !woken {
				c.b.Fatal("nobody was woken")
			}
		}
	})
	step("approve", once, func(c *crowd) func() {
		_, l := c.start()
		who := c.person()
		c.scan(l, who)
		return func() { c.approve(l, who) }
	})
	step("redeem", once, func(c *crowd) func() {
		_, l := c.start()
		who := c.person()
		c.scan(l, who)
		ticket := c.approve(l, who)
		return func() { c.redeem(ticket) }
	})
	step("redeem page", once, func(c *crowd) func() {
		_, l := c.start()
		who := c.person()
		c.scan(l, who)
		l, err := c.Approve(c.b.Context(), who.Phone, string(l.Handle), "")
		c.must(err)
		uri, _ := c.RedirectURI(l)
		u, err := url.Parse(uri)
		c.must(err)
		query, client := u.Query(), l.Browser.Shown()
		return func() {
			v, err := c.RedeemPage(c.b.Context(), query, client)
			c.must(err)
			_, err = c.Credentials(v)
			c.must(err)
		}
	})
	step("all", again, func(c *crowd) func() { return c.login })
}

// BenchmarkCrowd tells whether a login costs the same whoever waits beside it: whole
// logins among 1,000, 100,000 and a million, in turns so short that the machine's other
// work leaves many of them alone. The best of them are what a login costs.
func BenchmarkCrowd(b *testing.B) {
	const rounds, logins = 100, 100
	sizes := []int{1000, 100_000, 1_000_000}
	crowds := make([]*crowd, len(sizes))
	for i, n := range sizes {
		before := heap()
		crowds[i] = newCrowd(b, n)
		b.Logf("%9d wait: %d bytes of heap each, with all that a Service has", n, (heap()-before)/uint64(n))
	}
	took, allocs := make([][]time.Duration, len(sizes)), make([]uint64, len(sizes))
	for b.Loop() {
		for range rounds {
			for i, c := range crowds {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				for range logins {
					c.login()
				}
				took[i] = append(took[i], time.Since(start)/logins)
				runtime.ReadMemStats(&after)
				allocs[i] = (after.Mallocs - before.Mallocs) / logins
			}
		}
	}
	for i, all := range took {
		slices.Sort(all)
		b.Logf("%9d wait: a login takes %v at best, %v in the best quarter of %d rounds, and %d allocations", sizes[i], all[0], all[len(all)/4], len(all), allocs[i])
		b.ReportMetric(float64(all[0]), fmt.Sprintf("ns-among-%d", sizes[i]))
	}
}

// heap is what is in use once everything dead is swept.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
