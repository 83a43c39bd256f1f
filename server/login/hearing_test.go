package login_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// gossip is what nodes tell one another.
type gossip struct {
	mu   sync.Mutex
	told map[login.Handle]map[int][]login.Hearing
	said int // how often
	away bool
}

// gossiper is one of the nodes.
type gossiper struct {
	*gossip
	node int
}

func (g gossiper) Hear(_ context.Context, h login.Handle, all []login.Hearing) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.said++; g.away {
		return errAway
	}
	if g.told[h] == nil {
		g.told[h] = map[int][]login.Hearing{}
	}
	g.told[h][g.node] = all
	return nil
}

func (g gossiper) Heard(_ context.Context, h login.Handle) (all []login.Hearing, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away {
		return nil, errAway
	}
	for node, some := range g.told[h] {
		if node != g.node {
			all = append(all, some...)
		}
	}
	return all, nil
}

// overNodes runs test on a world of three nodes: the phones use one, and the browsers the
// others in turn.
func overNodes(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newNodes(t)
		test(w)
	})
}

func newNodes(t *testing.T) (*world, *gossip) {
	g := &gossip{told: map[login.Handle]map[int][]login.Hearing{}}
	all := &everyNode{}
	w := newWorld(t, func(s login.Store) login.Store {
		s.Logins, s.Audience = all.node(t.Context(), s.Logins), gossiper{g, 0}
		return s
	})
	for node := 1; node <= 2; node++ {
		s := w.store
		s.Logins, s.Audience = all.node(t.Context(), w.store.Logins.(*nodeLogins).Table), gossiper{g, node}
		w.others = append(w.others, login.NewService(s, w.config))
	}
	return w, g
}

// inWorld runs a test in virtual time.
type inWorld func(*testing.T, func(*world))

// everywhere runs a test on one node, and on several.
func everywhere(t *testing.T, name string, test func(t *testing.T, run inWorld)) {
	t.Run(name, func(t *testing.T) { test(t, inTime) })
	t.Run(name+", over nodes", func(t *testing.T) { test(t, overNodes) })
}

// browsers is the node that the next request of a browser comes to.
func (w *world) browsers() *login.Service {
	if len(w.others) == 0 {
		return w.Service
	}
	w.turn++
	return w.others[w.turn%len(w.others)]
}

// just is as long as d, for who is to be heard of on other nodes before that.
func (w *world) just(d time.Duration) time.Duration {
	if len(w.others) > 0 {
		d -= 10 * time.Millisecond
	}
	return d
}

// everyNode is told of every change.
type everyNode struct {
	mu   sync.Mutex
	told []func(login.Handle)
}

func (e *everyNode) tell(h login.Handle) {
	e.mu.Lock()
	told := slices.Clone(e.told)
	e.mu.Unlock()
	for _, tell := range told {
		tell(h)
	}
}

// nodeLogins are the logins of one node, who reads those that it follows every 45 s.
type nodeLogins struct {
	login.Table[login.Handle, login.Login]
	every *everyNode

	mu       sync.Mutex
	followed map[login.Handle]bool
	tell     func(login.Handle)
}

func (e *everyNode) node(ctx context.Context, t login.Table[login.Handle, login.Login]) *nodeLogins {
	n := &nodeLogins{Table: t, every: e, followed: map[login.Handle]bool{}}
	go func() {
		for {
			select {
			case <-time.After(45 * time.Second):
			case <-ctx.Done():
				return
			}
			n.mu.Lock()
			all := slices.Collect(maps.Keys(n.followed))
			n.mu.Unlock()
			for _, h := range all {
				n.tell(h)
			}
		}
	}()
	return n
}

func (n *nodeLogins) Notify(tell func(login.Handle)) {
	n.tell = tell
	n.every.mu.Lock()
	n.every.told = append(n.every.told, tell)
	n.every.mu.Unlock()
	n.Table.Notify(n.every.tell)
}

func (n *nodeLogins) Follow(h login.Handle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.followed[h] = true
}

func (n *nodeLogins) Unfollow(h login.Handle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.followed, h)
}

// settle gives nodes the time to tell one another.
func (w *world) settle() {
	if len(w.others) > 0 {
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
	}
}

// What is told is little: a browser that waits is told of once, one that asks now and then
// twice within the time in which it would be forgotten, and none that nobody needs to know.
func TestOthersAreToldOfWhatIsNewOnly(t *testing.T) {
	for name, test := range map[string]struct {
		deeds func(w *world, h login.Holder, l login.Login)
		want  int
	}{
		"a start": {func(*world, login.Holder, login.Login) {}, 0},
		"a wait, from its beginning": {func(w *world, h login.Holder, _ login.Login) {
			w.waits(h)
			time.Sleep(40 * time.Second)
		}, 1},
		"a wait of four minutes": {func(w *world, h login.Holder, _ login.Login) {
			w.waits(h)
			time.Sleep(4 * time.Minute)
		}, 3}, // in case the node dies, or the store has lost it
		"who leaves": {func(w *world, h login.Holder, _ login.Login) { w.waits(h)(); time.Sleep(time.Minute) }, 1},
		"who leaves after a while": {func(w *world, h login.Holder, _ login.Login) {
			stop := w.waits(h)
			time.Sleep(25 * time.Second)
			stop()
			time.Sleep(time.Minute)
		}, 2},
		"long polls": {func(w *world, h login.Holder, _ login.Login) {
			for range 4 {
				stop := w.waits(h)
				time.Sleep(14 * time.Second)
				stop()
				time.Sleep(200 * time.Millisecond)
			}
		}, 1},
		"short polls": {func(w *world, h login.Holder, _ login.Login) { w.every(5*time.Second, 7, h) }, 2},
		"somebody of whom nothing is known, beside one who waits": {func(w *world, h login.Holder, _ login.Login) {
			w.waits(from(h, "192.0.2.1"))
			time.Sleep(time.Second)
			w.asks(h)
			time.Sleep(time.Second)
		}, 1},
		"one more network": {func(w *world, h login.Holder, _ login.Login) {
			w.waits(from(h, "192.0.2.1"))
			time.Sleep(time.Second)
			w.waits(from(h, "192.0.2.2"))
			time.Sleep(time.Second)
			w.waits(from(h, "192.0.2.2"))
			time.Sleep(time.Second)
		}, 2},
		"after the scan": {func(w *world, h login.Holder, l login.Login) {
			w.scan(l)
			h.ShowsNumber = true
			w.every(2*time.Second, 18, from(h, "192.0.2.1"))
		}, 0},
		"after a scan that asks for the number": {func(w *world, h login.Holder, l login.Login) {
			w.configure(func(a *login.App) { a.Number = login.NumberAlways })
			w.scan(l)
			w.every(2*time.Second, 10, from(h, "192.0.2.1"))
			h.ShowsNumber = true
			w.every(2*time.Second, 5, from(h, "192.0.2.2"))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, g := newNodes(t)
				w.others = w.others[:1] // all of a browser's requests come to one node
				h, l := w.start()
				test.deeds(w, h, l)
				w.settle()
				if g.said != test.want {
					t.Errorf("told %d times, want %d", g.said, test.want)
				}
			})
		})
	}
}

// A node that cannot tell the others, or hear them, goes by what it knows itself.
func TestWhoCannotBeToldKnowsWhatItHasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newNodes(t)
		g.away = true
		h, l := w.start()
		time.Sleep(time.Minute)
		w.waits(from(h, "192.0.2.1"))
		if l = w.scan(l); l.Risk != login.RiskDelay || !l.NumberRequired {
			t.Errorf("%v", l.Risk.Reasons())
		}
		others := w.others
		h, l = w.start()
		time.Sleep(time.Minute)
		w.others = nil
		w.waits(from(h, "192.0.2.1"))
		if l = w.scan(l); l.Risk != 0 {
			t.Errorf("its own browser: %v", l.Risk.Reasons())
		}
		w.others = others
		h, l = w.start()
		w.waits(from(h, "192.0.2.1"))
		w.settle()
		g.mu.Lock()
		g.away = false
		g.mu.Unlock()
		time.Sleep(time.Minute) // what could not be told is told with the next safety read
		if l = w.scan(l); l.Risk != 0 {
			t.Errorf("when the store is back: %v", l.Risk.Reasons())
		}
	})
}

// A node that dies leaves word of browsers that wait no more. Nobody believes it for long.
func TestTheDeadAreBelievedForTwoMinutes(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  login.Risk
	}{{2 * time.Minute, 0}, {2*time.Minute + 20*time.Millisecond, login.RiskDelay}} {
		synctest.Test(t, func(t *testing.T) {
			w, g := newNodes(t)
			_, l := w.start()
			_ = gossiper{g, 7}.Hear(t.Context(), l.Handle, []login.Hearing{{At: time.Now(), Waiting: true}})
			time.Sleep(test.after - 10*time.Millisecond)
			if l = w.scan(l); l.Risk != test.want {
				t.Errorf("after %s: %v", test.after, l.Risk.Reasons())
			}
		})
	}
}
