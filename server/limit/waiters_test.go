package limit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func at(addr string) netip.Addr { return netip.MustParseAddr(addr) }

// empty tells whether w remembers nobody.
func (w *Waiters) empty() bool {
	for i := range waiterShards {
		if w.topics[i].lines.places > 0 || len(w.networks[i].tallies) > 0 {
			return false
		}
	}
	return w.waiting.Load() == 0 && w.held.Load() == 0
}

func TestWhoGivesPlaceToWhom(t *testing.T) {
	const (
		here      = "192.0.2.1"
		elsewhere = "203.0.113.9"
	)
	waiter := func(addr, standing string) Waiter {
		return Waiter{Topic: "login", Addr: at(addr), Home: standing == "home", Bound: standing == "bound"}
	}
	// Three wait, and one more comes.
	type who struct{ addr, standing string }
	for _, tt := range []struct {
		name  string
		three [3]who
		comes who
		gives int // which of the three; -1: nobody, it is held
	}{
		{"a page that was reloaded", [3]who{{here, ""}, {here, ""}, {here, ""}}, who{here, ""}, 0},
		{"a reloaded page, among strangers", [3]who{{elsewhere, ""}, {here, "home"}, {here, "home"}}, who{here, "home"}, 1},
		{"an attacker with the id", [3]who{{here, "home"}, {here, "home"}, {here, "home"}}, who{elsewhere, ""}, -1},
		{"an attacker with the id, once more", [3]who{{here, "home"}, {elsewhere, ""}, {here, "home"}}, who{elsewhere, ""}, 1},
		{"an attacker behind the same address as the cookie", [3]who{{here, "bound"}, {here, "bound"}, {here, "bound"}}, who{here, "home"}, -1},
		{"an attacker behind the same address, once more", [3]who{{here, "bound"}, {here, "home"}, {here, "bound"}}, who{here, "home"}, 1},
		{"the browser's next poll, after attackers", [3]who{{elsewhere, ""}, {elsewhere, ""}, {elsewhere, ""}}, who{here, "home"}, 0},
		{"the cookie's next poll from a new address, after attackers", [3]who{{elsewhere, ""}, {here, "home"}, {elsewhere, ""}}, who{"198.51.100.1", "bound"}, 0},
		{"the cookie's next poll, after attackers at home", [3]who{{here, "home"}, {here, "bound"}, {here, "home"}}, who{"198.51.100.1", "bound"}, 0},
		{"the cookie reloads", [3]who{{here, "bound"}, {here, "bound"}, {here, "bound"}}, who{here, "bound"}, 0},
		{"the cookie moves", [3]who{{here, "bound"}, {here, "bound"}, {here, "bound"}}, who{"198.51.100.1", "bound"}, 0},
		{"a neighbour in the same /64", [3]who{{"2001:db8::1", ""}, {here, ""}, {here, ""}}, who{"2001:db8::ffff", ""}, 0},
		{"IPv4 written as IPv6", [3]who{{"::ffff:203.0.113.9", ""}, {here, ""}, {here, ""}}, who{elsewhere, ""}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWaiters(WaiterLimits{PerLogin: 3})
			gave := -1
			var places []*Place
			for i, one := range tt.three {
				v := waiter(one.addr, one.standing)
				v.Bell = ring(func() {
					if gave >= 0 {
						t.Errorf("%d gave place, and %d before it", i, gave)
					}
					gave = i
				})
				p, verdict := enter(w, v)
				if verdict != Admitted {
					t.Fatalf("%d: %v", i, verdict)
				}
				places = append(places, p)
			}
			p, verdict := enter(w, waiter(tt.comes.addr, tt.comes.standing))
			if gave != tt.gives || (verdict == Admitted) != (tt.gives >= 0) || tt.gives < 0 && verdict != Held {
				t.Errorf("%d gave place, want %d; verdict %v", gave, tt.gives, verdict)
			}
			for _, p := range append(places, p) {
				p.Leave()
				p.Leave() // harmless
			}
			if !w.empty() {
				t.Errorf("somebody is left: %d wait, %d are held", w.waiting.Load(), w.held.Load())
			}
		})
	}
}

func TestHowManyMayWait(t *testing.T) {
	for _, tt := range []struct {
		name     string
		limits   WaiterLimits
		who      func(n int) Waiter
		admitted int // of 100; as many again are held
		met      string
	}{
		{"of an address", WaiterLimits{PerAddress: 10}, func(n int) Waiter { return Waiter{Topic: fmt.Sprint(n), Addr: at("192.0.2.1")} }, 10, "waiters_per_address"},
		{"of an IPv6 /64", WaiterLimits{PerAddress: 10}, func(n int) Waiter {
			return Waiter{Topic: fmt.Sprint(n), Addr: at(fmt.Sprintf("2001:db8::%x:1", n))}
		}, 10, "waiters_per_address"},
		{"of nowhere", WaiterLimits{PerAddress: 10}, func(n int) Waiter { return Waiter{Topic: fmt.Sprint(n)} }, 10, "waiters_per_address"},
		{"in all", WaiterLimits{PerAddress: 10, Total: 30}, func(n int) Waiter {
			return Waiter{Topic: fmt.Sprint(n), Addr: at(fmt.Sprintf("192.0.2.%d", n))}
		}, 30, "waiters"},
		{"with every limit off", WaiterLimits{}, func(int) Waiter { return Waiter{Topic: "one", Addr: at("192.0.2.1")} }, 100, ""},
		{"for nobody knows what", WaiterLimits{PerLogin: 4, PerAddress: 10}, func(int) Waiter { return Waiter{Addr: at("192.0.2.1")} }, 10, "waiters_per_address"},
		{"for a login, by many", WaiterLimits{PerLogin: 4}, func(n int) Waiter {
			return Waiter{Topic: "one", Addr: at(fmt.Sprintf("192.0.2.%d", n))}
		}, 4, "waiters_per_login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hits := map[string]int{}
			tt.limits.Hit = func(name string) { hits[name]++ }
			w := NewWaiters(tt.limits)
			count := map[Verdict]int{}
			var places []*Place
			for n := range 100 {
				p, verdict := enter(w, tt.who(n))
				count[verdict]++
				places = append(places, p)
			}
			if count[Admitted] != tt.admitted || w.Count(ByWeChat) != tt.admitted {
				t.Errorf("%d of 100 were admitted and %d counted, want %d", count[Admitted], w.Count(ByWeChat), tt.admitted)
			}
			wantHeld := 100 - tt.admitted
			if tt.met != "waiters_per_login" {
				wantHeld = min(wantHeld, tt.admitted)
			}
			if count[Held] != wantHeld {
				t.Errorf("%d are held, want %d", count[Held], wantHeld)
			}
			if tt.met != "" && (len(hits) != 1 || hits[tt.met] != 100-tt.admitted) {
				t.Errorf("counted hits: %v", hits)
			}
			for _, p := range places {
				p.Leave()
			}
			if !w.empty() || w.Count(ByWeChat) != 0 {
				t.Error("somebody is left")
			}
			if p, verdict := enter(w, tt.who(0)); verdict != Admitted {
				t.Error("there is no room where everybody has left")
			} else {
				p.Leave()
			}
		})
	}
}

func TestPhonesAndBrowsersAreCountedApart(t *testing.T) {
	w := NewWaiters(WaiterLimits{PerLogin: 1})
	first, _ := enter(w, Waiter{Topic: "login", Addr: at("192.0.2.1"), Bell: ring(func() { t.Error("the browser gave place to a phone") })})
	defer first.Leave()
	phone, verdict := enter(w, Waiter{Dialect: ByPhone, Topic: "login", Addr: at("192.0.2.1"), Bound: true})
	if verdict != Admitted || w.Count(ByPhone) != 1 || w.Count(ByWeChat) != 1 {
		t.Errorf("%v, %d phones, %d browsers", verdict, w.Count(ByPhone), w.Count(ByWeChat))
	}
	phone.Leave()
}

// Who gave its place still holds a connection until it was answered.
func TestWhoGaveItsPlaceCountsForItsAddressUntilItLeaves(t *testing.T) {
	w := NewWaiters(WaiterLimits{PerLogin: 1, PerAddress: 3})
	enter := func() (*Place, Verdict) { return enter(w, Waiter{Topic: "login", Addr: at("192.0.2.1")}) }
	var places []*Place
	for range 3 {
		p, _ := enter()
		places = append(places, p)
	}
	if p, verdict := enter(); verdict != Held {
		t.Errorf("a fourth connection: %v", verdict)
	} else {
		p.Leave()
	}
	places[0].Leave()
	if _, verdict := enter(); verdict != Admitted {
		t.Errorf("after one has gone: %v", verdict)
	}
}

func TestManyComeAndGoAtOnce(t *testing.T) {
	w := NewWaiters(WaiterLimits{PerLogin: 3, PerAddress: 5, Total: 20})
	var all sync.WaitGroup
	var most atomic.Int64
	for n := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			var mine []*Place
			for range 2000 {
				p, verdict := enter(w, Waiter{
					Topic: fmt.Sprint(random.IntN(3)), Addr: at(fmt.Sprintf("192.0.2.%d", random.IntN(6))),
					Dialect: Dialect(random.IntN(int(dialects))), Home: random.IntN(2) == 0, Bound: random.IntN(4) == 0, Bell: ring(func() {}),
				})
				if verdict == Admitted {
					most.Store(max(most.Load(), w.waiting.Load()))
				}
				mine = append(mine, p)
				if len(mine) > 4 || random.IntN(2) == 0 {
					mine[0].Leave()
					mine = mine[1:]
				}
			}
			for _, p := range mine {
				p.Leave()
			}
		})
	}
	all.Wait()
	// One goroutine each may be between its count and its refusal.
	if n := most.Load(); n > 20+16 {
		t.Errorf("%d waited at once", n)
	}
	if !w.empty() {
		t.Error("somebody is left")
	}
	for d := range Dialects() {
		if w.Count(d) != 0 {
			t.Errorf("%s: %d are left", d, w.Count(d))
		}
	}
}

func TestWhoIsLimitedIsHeld(t *testing.T) {
	me := Waiter{Topic: "login", Addr: netip.MustParseAddr("192.0.2.1")}
	for _, tt := range []struct {
		name   string
		limits WaiterLimits
		run    func(ctx context.Context, w *Waiters, s *Seat) // s sat down first
		lost   bool
		held   time.Duration // from the beginning
	}{
		{"whose place is taken at once", WaiterLimits{PerLogin: 1}, func(ctx context.Context, w *Waiters, _ *Seat) { defer w.Sit(ctx, me).Leave() }, true, Patience},
		{"whose place is taken later", WaiterLimits{PerLogin: 1}, func(ctx context.Context, w *Waiters, _ *Seat) {
			time.Sleep(2 * Patience)
			defer w.Sit(ctx, me).Leave()
		}, true, 2 * Patience},
		{"nobody who keeps his place", WaiterLimits{PerLogin: 2}, func(ctx context.Context, w *Waiters, _ *Seat) { defer w.Sit(ctx, me).Leave() }, false, 0},
		{"who found no place", WaiterLimits{PerAddress: 1}, func(ctx context.Context, w *Waiters, s *Seat) { *s = *w.Sit(ctx, me) }, true, Patience},
		{"nobody who is turned away", WaiterLimits{PerAddress: 1}, func(ctx context.Context, w *Waiters, s *Seat) {
			w.Sit(ctx, me)
			*s = *w.Sit(ctx, me)
		}, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWaiters(tt.limits)
				began := time.Now()
				s := w.Sit(t.Context(), me)
				tt.run(t.Context(), w, s)
				if s.Lost() != tt.lost {
					t.Errorf("lost: %v", s.Lost())
				}
				s.Linger()
				if took := time.Since(began); took != tt.held {
					t.Errorf("held for %v, want %v", took, tt.held)
				}
			})
		})
	}
}

func TestPausesAreLimitedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWaiters(WaiterLimits{PerAddress: 10})
		var atOnce atomic.Int64
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				held := w.Pause(t.Context(), at("192.0.2.1"), time.Second)
				if time.Since(began) == 0 {
					atOnce.Add(1)
				}
				if held != (time.Since(began) == time.Second) {
					t.Errorf("held: %v, after %v", held, time.Since(began))
				}
			})
		}
		all.Wait()
		if n := atOnce.Load(); n != 90 || !w.empty() {
			t.Errorf("%d of 100 were not held, want 90", n)
		}
	})
}

func TestNobodyIsLimitedWithoutWaiters(t *testing.T) {
	var w *Waiters
	p, verdict := enter(w, Waiter{})
	p.Leave()
	s := w.Sit(t.Context(), Waiter{})
	if verdict != Admitted || s.Verdict != Admitted || s.Err() != nil {
		t.Error("somebody is limited")
	}
	s.Leave()
	(*Seat)(nil).Leave()
}

// A million may be parked: a place is one allocation, and nothing else is kept of it.
func TestAPlaceIsOneAllocation(t *testing.T) {
	w := NewWaiters(WaiterLimits{PerLogin: 4, PerAddress: 256, Total: 200_000})
	v := Waiter{Topic: "login", Addr: at("2001:db8::1"), Bell: ring(func() {})}
	if n := testing.AllocsPerRun(1000, func() {
		p, _ := enter(w, v)
		p.Leave()
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEnterAndLeave(b *testing.B) {
	for _, waiting := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("beside %d", waiting), func(b *testing.B) {
			w := NewWaiters(WaiterLimits{PerLogin: 4, PerAddress: 256, Total: 200_000})
			for n := range waiting {
				enter(w, Waiter{Topic: fmt.Sprint(n), Addr: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})})
			}
			b.ReportAllocs()
			b.ResetTimer()
			var n atomic.Uint32
			b.RunParallel(func(pb *testing.PB) {
				id := n.Add(1)
				v := Waiter{Topic: fmt.Sprint("login ", id), Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(id)})}
				for pb.Next() {
					p, _ := enter(w, v)
					p.Leave()
				}
			})
		})
	}
}

// BenchmarkEnterFull is a page that reloads for ever.
func BenchmarkEnterFull(b *testing.B) {
	w := NewWaiters(WaiterLimits{PerLogin: 4})
	v := Waiter{Topic: "login", Addr: at("192.0.2.1")}
	b.ReportAllocs()
	for b.Loop() {
		enter(w, v)
	}
}

// ring is a function that is a bell.
type ring func()

func (r ring) Ring() { r() }

// enter gives v a place of its own.
func enter(w *Waiters, v Waiter) (*Place, Verdict) {
	p := new(Place)
	return p, w.Enter(p, v)
}
