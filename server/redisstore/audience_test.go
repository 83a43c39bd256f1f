package redisstore_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
	"qrlatch/server/storetest"
)

func TestAudience(t *testing.T) {
	for name, url := range map[string]string{"one server": redistest.Start(t).URL(), "a cluster": redistest.Cluster(t)[0].URL()} {
		t.Run(name, func(t *testing.T) {
			n := 0
			storetest.RunAudience(t, func(t *testing.T) (one, other login.Store) {
				n++
				o := redisstore.Options{Prefix: fmt.Sprintf("audience%d:", n), Timeout: 20 * time.Second}
				return open(t, url, o).Store, open(t, url, o).Store
			})
		})
	}
}

// installation is several nodes on one Redis, to which requests come in turn.
type installation struct {
	t      *testing.T
	redis  *redistest.Server
	stores []*redisstore.Store
	nodes  []*login.Service
}

func install(t *testing.T, n int) *installation {
	in := &installation{t: t, redis: redistest.Start(t)}
	for range n {
		in.stores = append(in.stores, ready(t, in.redis.URL(), redisstore.Options{}))
	}
	in.nodes = services(t, in.stores...)
	return in
}

// begins starts a login at node i that has been there for a minute: nobody takes it for new.
func (in *installation) begins(i int) (login.Holder, login.Login) {
	in.t.Helper()
	binding := in.nodes[i].NewBinding()
	id, l, err := in.nodes[i].Start(in.t.Context(), login.Request{App: "shop", Binding: binding})
	one{t: in.t}.must(err)
	l, err = in.stores[i].Logins.Update(in.t.Context(), l.Handle, func(l *login.Login) error {
		l.Started = l.Started.Add(-time.Minute)
		return nil
	})
	one{t: in.t}.must(err)
	return login.Holder{ID: string(id), Binding: binding, ShowsNumber: true}, l
}

// waits has a browser wait at node i, and the other nodes know.
func (in *installation) waits(i int, h login.Holder, from string) (stop func()) {
	in.t.Helper()
	h.Addr = netip.MustParseAddr(from)
	stop, err := in.nodes[i].Watch(in.t.Context(), h, login.Pending, func(login.Login, error) {})
	one{t: in.t}.must(err)
	in.knows(h, i)
	return stop
}

// knows waits until node i has told the others something of a login.
func (in *installation) knows(h login.Holder, i int) {
	in.t.Helper()
	other := (i + 1) % len(in.stores)
	network := login.NetworkKeyOf(h.Addr)
	redistest.Eventually(in.t, "the other nodes know", func() bool {
		all, err := in.stores[other].Audience.Heard(in.t.Context(), login.Handle(h.ID[:12]))
		for _, b := range all {
			if err == nil && b.Network == network {
				return true
			}
		}
		return false
	})
}

func (in *installation) scans(i int, l login.Login) login.Login {
	in.t.Helper()
	code, _, _ := in.nodes[i].Code(l, time.Now())
	l, err := in.nodes[i].Scan(in.t.Context(), login.Identity{Phone: alice}, code, time.Time{})
	one{t: in.t}.must(err)
	return l
}

func TestAPhoneAtAnotherNodeNeedsNoNumber(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			in := install(t, n)
			for i := range 10 {
				h, l := in.begins(i % n)
				defer in.waits((i+1)%n, h, "192.0.2.1")()
				if l = in.scans((i+2)%n, l); l.Risk != 0 || l.NumberRequired {
					t.Errorf("login %d: %v", i, l.Risk.Reasons())
				}
				h, l = in.begins(i % n)
				h.Addr = netip.MustParseAddr("192.0.2.1")
				_, err := in.nodes[(i+1)%n].Get(t.Context(), h) // a short poll
				one{t: t}.must(err)
				in.knows(h, (i+1)%n)
				if l = in.scans((i+2)%n, l); l.Risk != 0 || l.NumberRequired {
					t.Errorf("login %d, short polls: %v", i, l.Risk.Reasons())
				}
			}
			_, l := in.begins(0)
			if l = in.scans(1, l); l.Risk != login.RiskDelay || !l.NumberRequired {
				t.Errorf("without a browser: %v", l.Risk.Reasons())
			}
		})
	}
}

func TestASecondWatcherAtAnotherNodeCostsTheNumber(t *testing.T) {
	in := install(t, 3)
	h, l := in.begins(0)
	defer in.waits(0, h, "192.0.2.1")()
	defer in.waits(1, h, "198.51.100.1")()
	if l = in.scans(2, l); l.Risk != login.RiskSecondWatcher || !l.NumberRequired {
		t.Errorf("%v", l.Risk.Reasons())
	}
	for i, n := range in.nodes {
		if !n.NumberShown(l) {
			t.Errorf("node %d does not know that the number is shown", i)
		}
	}
	// Who only saw a drawn code is sent away, and costs nothing.
	h, l = in.begins(0)
	thief := h
	thief.Binding = ""
	defer in.waits(0, h, "192.0.2.1")()
	defer in.waits(1, thief, "198.51.100.1")()
	l, err := in.nodes[2].Scan(t.Context(), login.Identity{Phone: alice}, h.ID, time.Time{})
	if err != nil || l.Risk&login.RiskSecondWatcher != 0 {
		t.Errorf("a drawn code: %v, %v", l.Risk.Reasons(), err)
	}
}

func TestTheNumberIsKnownToBeShownOnEveryNode(t *testing.T) {
	in := install(t, 2)
	h, l := in.begins(0)
	unable := h
	unable.ShowsNumber = false
	l = in.scans(1, l) // nobody waits: it needs the number
	unable.Addr = netip.MustParseAddr("192.0.2.1")
	_, err := in.nodes[0].Get(t.Context(), unable)
	one{t: t}.must(err)
	if in.nodes[1].NumberShown(l) {
		t.Error("nobody shows it")
	}
	h.Addr = unable.Addr
	_, err = in.nodes[0].Get(t.Context(), h)
	one{t: t}.must(err)
	redistest.Eventually(t, "the phone's node knows", func() bool { return in.nodes[1].NumberShown(l) })
}

// Of a browser whose node dies it is known for a while that it was there.
func TestABrowserOutlivesItsNode(t *testing.T) {
	in := install(t, 2)
	h, l := in.begins(0)
	in.waits(0, h, "192.0.2.1")
	in.stores[0].Close()
	if l = in.scans(1, l); l.Risk != 0 {
		t.Errorf("%v", l.Risk.Reasons())
	}
}

func TestABrowserWaitsWhileRedisRestarts(t *testing.T) {
	in := install(t, 2)
	h, l := in.begins(0)
	defer in.waits(0, h, "192.0.2.1")()
	in.redis.Restart()
	redistest.Eventually(t, "all is well", func() bool {
		return in.stores[0].Ready(t.Context()) == nil && in.stores[1].Ready(t.Context()) == nil
	})
	if l = in.scans(1, l); l.Risk != 0 {
		t.Errorf("%v", l.Risk.Reasons())
	}
}
