package login_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qrlatch/server/login"
)

// while is how long a browser that asks now and then may be silent: longer than one who
// is turned away is told to be.
const while = 36 * time.Second

// from is a browser's request that comes from addr.
func from(h login.Holder, addr string) login.Holder {
	h.Addr = netip.MustParseAddr(addr)
	return h
}

// waits begins to wait for a pending login.
func (w *world) waits(h login.Holder) (stop func()) {
	w.t.Helper()
	stop, err := w.browsers().Watch(w.ctx, h, login.Pending, func(login.Login, error) {})
	w.must(err)
	return stop
}

func (w *world) scan(l login.Login) login.Login {
	w.t.Helper()
	w.settle()
	l, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
	w.must(err)
	return l
}

func TestASecondWatcherIsWhoWaitsElsewhereAtTheMomentOfTheScan(t *testing.T) {
	for name, test := range map[string]struct {
		before func(w *world, h login.Holder)
		want   bool
	}{
		"nobody": {func(*world, login.Holder) {}, false},
		"one":    {func(w *world, h login.Holder) { w.waits(from(h, "192.0.2.1")) }, false},
		"one, of an address that did not start it": {func(w *world, h login.Holder) { w.waits(from(h, "198.51.100.1")) }, false},
		"two": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.waits(from(h, "198.51.100.1"))
		}, true},
		"two of one address, as in two dialects": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.waits(from(h, "::ffff:192.0.2.1"))
		}, false},
		"two of one customer": {func(w *world, h login.Holder) {
			w.waits(from(h, "2001:db8::1"))
			w.waits(from(h, "2001:db8::ffff:1"))
		}, false},
		"two customers": {func(w *world, h login.Holder) {
			w.waits(from(h, "2001:db8::1"))
			w.waits(from(h, "2001:db8:0:1::1"))
		}, true},
		"one who came back": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))()
			w.waits(from(h, "192.0.2.1"))
		}, false},
		"one who came back from elsewhere, which nobody can tell from two": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))()
			w.waits(from(h, "198.51.100.1"))
		}, true},
		"one who came back from elsewhere long ago": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))()
			time.Sleep(while)
			w.waits(from(h, "198.51.100.1"))
			time.Sleep(time.Nanosecond)
		}, false},
		"one who waits, one who only asked": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.asks(from(h, "198.51.100.1"))
		}, true},
		"one who only asked, one who waits": {func(w *world, h login.Holder) {
			w.asks(from(h, "198.51.100.1"))
			w.waits(from(h, "192.0.2.1"))
		}, true},
		"one who has waited for minutes, one who asks now and then": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.every(5*time.Second, 40, from(h, "198.51.100.1"))
		}, true},
		"one who waits, one who asked long ago": {func(w *world, h login.Holder) {
			w.asks(from(h, "198.51.100.1"))
			w.waits(from(h, "192.0.2.1"))
			time.Sleep(while + 1)
		}, false},
		"two who take turns": {func(w *world, h login.Holder) {
			for range 20 {
				w.every(3*time.Second, 1, from(h, "192.0.2.1"))
				w.every(3*time.Second, 1, from(h, "198.51.100.1"))
			}
		}, true},
		"two of one customer who take turns": {func(w *world, h login.Holder) {
			for range 20 {
				w.every(3*time.Second, 1, from(h, "2001:db8::1"))
				w.every(3*time.Second, 1, from(h, "2001:db8::2"))
			}
		}, false},
		"two who asked, the first at the last moment": {func(w *world, h login.Holder) {
			w.asks(from(h, "192.0.2.1"))
			w.every(w.just(while), 1, from(h, "198.51.100.1"))
		}, true},
		"two who asked, the first too long ago": {func(w *world, h login.Holder) {
			w.asks(from(h, "192.0.2.1"))
			w.every(while+time.Millisecond, 1, from(h, "198.51.100.1"))
		}, false},
		"one who asked, and went on elsewhere": {func(w *world, h login.Holder) {
			w.asks(from(h, "192.0.2.1"))
			w.every(5*time.Second, 9, from(h, "198.51.100.1"))
		}, false},
		"two who asked, and one who asks on": {func(w *world, h login.Holder) {
			w.every(time.Second, 35, from(h, "192.0.2.1"))
			w.every(time.Second, 1, from(h, "198.51.100.1"))
			w.every(time.Second, 20, from(h, "192.0.2.1"))
		}, true},
		"two who asked, long after the start": {func(w *world, h login.Holder) {
			w.every(35*time.Second, 1, from(h, "192.0.2.1"))
			w.every(10*time.Second, 1, from(h, "198.51.100.1"))
		}, true},
		"two who asked, of one of whom no address is known": {func(w *world, h login.Holder) {
			w.asks(h)
			w.asks(from(h, "192.0.2.1"))
			w.asks(h)
		}, false},
		"two who asked, of IPv4 and of IPv6": {func(w *world, h login.Holder) {
			w.asks(from(h, "192.0.2.1"))
			w.asks(from(h, "2001:db8::1"))
		}, true},
		"two who asked, for two logins": {func(w *world, h login.Holder) {
			second, _ := w.start()
			w.asks(from(h, "192.0.2.1"))
			w.asks(from(second, "198.51.100.1"))
		}, false},
		"one of whom no address is known": {func(w *world, h login.Holder) {
			w.waits(h)
			w.waits(from(h, "192.0.2.1"))
		}, false},
		"one, and then one of whom no address is known": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.waits(h)
		}, false},
		"two, and one of whom no address is known": {func(w *world, h login.Holder) {
			w.waits(from(h, "192.0.2.1"))
			w.waits(h)
			w.waits(from(h, "198.51.100.1"))
		}, true},
	} {
		everywhere(t, name, func(t *testing.T, run inWorld) {
			run(t, func(w *world) {
				h, l := w.start()
				test.before(w, h)
				l = w.scan(l)
				if l.Risk&login.RiskSecondWatcher != 0 != test.want || l.NumberRequired != test.want {
					t.Errorf("%v, number %v", l.Risk.Reasons(), l.NumberRequired)
				}
			})
		})
	}
}

// A client that draws the code itself shows its login id to whoever looks. Those are sent
// away after the scan, and must not cost it a number that it could not show.
func TestWhoOnlySawADrawnCodeIsNoSecondWatcher(t *testing.T) {
	for _, unbound := range []bool{false, true} {
		everywhere(t, fmt.Sprint("unbound ", unbound), func(t *testing.T, run inWorld) {
			run(t, func(w *world) {
				w.configure(func(a *login.App) { a.UnboundScan = unbound })
				binding := w.NewBinding()
				id, _, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, Binding: binding})
				w.must(err)
				w.waits(from(login.Holder{ID: string(id), Binding: binding}, "192.0.2.1"))
				w.waits(from(login.Holder{ID: string(id)}, "198.51.100.1"))
				w.asks(from(login.Holder{ID: string(id)}, "203.0.113.1"))
				w.settle()
				l, err := w.Scan(w.ctx, alice, string(id), time.Time{})
				w.must(err)
				if l.Risk&login.RiskSecondWatcher != 0 != unbound {
					t.Errorf("%v", l.Risk.Reasons())
				}
			})
		})
	}
}

// Of those who have the cookie as well, none is sent away.
func TestTwoWhoHoldTheBindingAreTwoWatchersOfADrawnCode(t *testing.T) {
	everywhere(t, "two networks", func(t *testing.T, run inWorld) {
		run(t, func(w *world) {
			binding := w.NewBinding()
			id, _, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, Binding: binding})
			w.must(err)
			h := login.Holder{ID: string(id), Binding: binding}
			w.waits(from(h, "192.0.2.1"))
			w.waits(from(h, "198.51.100.1"))
			w.settle()
			l, err := w.Scan(w.ctx, alice, string(id), time.Time{})
			w.must(err)
			if l.Risk != login.RiskSecondWatcher {
				t.Errorf("%v", l.Risk.Reasons())
			}
		})
	})
}

func TestADelayIsABrowserOfWhichNothingWasHeardForAWhile(t *testing.T) {
	for name, test := range map[string]struct {
		before func(w *world, h login.Holder)
		want   bool
	}{
		"scanned at once":       {func(*world, login.Holder) {}, false},
		"never heard of again":  {func(*world, login.Holder) { time.Sleep(while + 1) }, true},
		"just in time":          {func(w *world, _ login.Holder) { time.Sleep(w.just(while)) }, false},
		"asks now and then":     {func(w *world, h login.Holder) { w.every(5*time.Second, 20, h) }, false},
		"asks seldom":           {func(w *world, h login.Holder) { w.every(while, 5, h) }, false},
		"stopped asking":        {func(w *world, h login.Holder) { w.every(5*time.Second, 20, h); time.Sleep(while + 1) }, true},
		"was turned away":       {func(w *world, h login.Holder) { w.every(5*time.Second, 3, h); time.Sleep(34 * time.Second) }, false},
		"waits for minutes":     {func(w *world, h login.Holder) { w.waits(h); time.Sleep(4 * time.Minute) }, false},
		"waited until just now": {func(w *world, h login.Holder) { stop := w.waits(h); time.Sleep(2 * time.Minute); stop() }, false},
		"waited once": {func(w *world, h login.Holder) {
			stop := w.waits(h)
			time.Sleep(2 * time.Minute)
			stop()
			time.Sleep(while + 1)
		}, true},
		"fetched an animation, and no more": {func(w *world, h login.Holder) {
			w.ahead(h, 20)
			time.Sleep(while + 1)
		}, true},
		"others are heard of": {func(w *world, _ login.Holder) {
			h, _ := w.start()
			w.every(5*time.Second, 9, h)
		}, true},
		"asked in time, while others are heard of": {func(w *world, h login.Holder) {
			busy, _ := w.start()
			w.every(20*time.Second, 1, h)
			w.every(5*time.Second, 5, busy)
		}, false},
		"its code was looked at": {func(w *world, h login.Holder) {
			time.Sleep(while + 1)
			_, err := w.Look(w.ctx, h.ID) // by the phone, not by the browser
			w.must(err)
		}, true},
	} {
		everywhere(t, name, func(t *testing.T, run inWorld) {
			run(t, func(w *world) {
				h, l := w.start()
				test.before(w, h)
				l = w.scan(l)
				if got := l.Risk; got&login.RiskDelay != 0 != test.want || l.NumberRequired != test.want || got&^login.RiskDelay != 0 {
					t.Errorf("%v, number %v", got.Reasons(), l.NumberRequired)
				}
			})
		})
	}
}

// every is a browser that asks n times, with a pause before each.
func (w *world) every(pause time.Duration, n int, h login.Holder) {
	for range n {
		time.Sleep(pause)
		w.asks(h)
	}
}

// The time in which a person signs in on the phone says nothing of the browser.
func TestWhoSignedInFirstIsNotToldOfADelay(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		code, opened := w.code(l), time.Now()
		time.Sleep(2 * time.Minute)
		l, err := w.Scan(w.ctx, alice, code, opened)
		w.must(err)
		if l.Risk != 0 || l.NumberRequired {
			t.Errorf("%v", l.Risk.Reasons())
		}
	})
}

func TestAnotherPlaceIsARiskOnlyIfItIsKnown(t *testing.T) {
	far := netip.MustParseAddr("198.51.100.7")
	apart := func(a, b netip.Addr) bool { return a == desk.Addr && b == far }
	for name, test := range map[string]struct {
		apart func(a, b netip.Addr) bool
		phone netip.Addr
		want  bool
	}{
		"no file of places":  {nil, far, false},
		"the same place":     {apart, netip.MustParseAddr("192.0.2.200"), false},
		"another":            {apart, far, true},
		"no address at all":  {apart, netip.Addr{}, false},
		"the browser's own":  {apart, desk.Addr, false},
		"a mere other one":   {func(netip.Addr, netip.Addr) bool { return false }, far, false},
		"everything is far":  {func(netip.Addr, netip.Addr) bool { return true }, desk.Addr, true},
		"nothing, but asked": {func(a, b netip.Addr) bool { return !a.IsValid() || !b.IsValid() }, far, false},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(w *world) {
				w.config.Apart = test.apart
				w.Configure(w.config)
				_, l := w.start()
				who := alice
				who.Addr = test.phone
				l, err := w.Scan(w.ctx, who, w.code(l), time.Time{})
				w.must(err)
				if l.Risk&login.RiskPlace != 0 != test.want || l.NumberRequired != test.want {
					t.Errorf("%v, number %v", l.Risk.Reasons(), l.NumberRequired)
				}
			})
		})
	}
}

func TestEverySignIsToldAndAsksForTheNumberByTheRuleOfTheApp(t *testing.T) {
	for _, test := range []struct {
		name   string
		scan   func(w *world, h login.Holder, l login.Login) login.Login
		want   []string
		always bool // whatever the rule
	}{
		{"none", func(w *world, _ login.Holder, l login.Login) login.Login { return w.scan(l) }, []string{}, false},
		{"a stale code", func(w *world, h login.Holder, l login.Login) login.Login {
			old := w.code(l)
			time.Sleep(3 * slot)
			w.asks(h)
			l, err := w.Scan(w.ctx, alice, old, time.Time{})
			w.must(err)
			return l
		}, []string{"stale_code"}, false},
		{"a typed one", func(w *world, h login.Holder, l login.Login) login.Login {
			time.Sleep(time.Minute) // it has no slot to be late for
			w.asks(h)
			code, _ := w.UserCode(l, time.Now())
			l, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			return l
		}, []string{"typed_code"}, true},
		{"one of a coming slot", func(w *world, h login.Holder, _ login.Login) login.Login {
			l, err := w.Scan(w.ctx, alice, w.ahead(h, 9)[5].Code, time.Time{})
			w.must(err)
			return l
		}, []string{"code_ahead"}, true},
		{"two watchers of a typed one", func(w *world, h login.Holder, l login.Login) login.Login {
			w.waits(from(h, "192.0.2.1"))
			w.waits(from(h, "192.0.2.2"))
			code, _ := w.UserCode(l, time.Now())
			l, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			return l
		}, []string{"typed_code", "second_watcher"}, true},
		{"a delay", func(w *world, _ login.Holder, l login.Login) login.Login {
			time.Sleep(time.Minute)
			return w.scan(l)
		}, []string{"delay"}, false},
		{"all that one can be", func(w *world, _ login.Holder, l login.Login) login.Login {
			w.config.Apart = func(netip.Addr, netip.Addr) bool { return true }
			w.Configure(w.config)
			old := w.code(l)
			time.Sleep(3 * slot)
			l, err := w.Scan(w.ctx, alice, old, time.Time{})
			w.must(err)
			return l
		}, []string{"stale_code", "delay", "place"}, false},
	} {
		for _, rule := range []login.NumberRule{login.NumberOnRisk, login.NumberNever, login.NumberAlways} {
			inTime(t, func(w *world) {
				w.configure(func(a *login.App) { a.Number = rule })
				id, l, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, UserCode: true})
				w.must(err)
				l = test.scan(w, login.Holder{ID: string(id)}, l)
				number := rule == login.NumberAlways || test.always || rule == login.NumberOnRisk && len(test.want) > 0
				if got := l.Risk.Reasons(); !slices.Equal(got, test.want) || l.NumberRequired != number {
					t.Errorf("%s, rule %v: %v, number %v", test.name, rule, got, l.NumberRequired)
				}
				again, err := w.Scanned(w.ctx, alice.Phone, string(l.Handle))
				w.must(err)
				if again.Risk != l.Risk {
					t.Error("it is not remembered")
				}
			})
		}
	}
}
