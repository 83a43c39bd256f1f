package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// ear is what listens for a session: a socket.
type ear struct {
	stop func()

	mu    sync.Mutex
	heard []string
	full  bool
}

func (e *ear) take(message []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.full {
		e.heard = append(e.heard, string(message))
	}
	return !e.full
}

func (e *ear) got() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (n one) listens(id login.SessionID) *ear {
	e := &ear{}
	e.stop = n.Relay().Listen(id, e.take, func() {})
	return e
}

// sends sends a message, and returns whether it was delivered.
func (n one) sends(id login.SessionID, message string) bool {
	n.t.Helper()
	delivered, err := n.Relay().Send(n.t.Context(), id, []byte(message))
	n.must(err)
	return delivered
}

// noted waits until so many nodes are noted beside a session.
func noted(t *testing.T, redis *redistest.Server, id login.SessionID, nodes string) {
	t.Helper()
	redistest.Eventually(t, nodes+" nodes are noted", func() bool {
		return redis.Must("SCARD", "qrlatch:s:{"+string(id)+"}:m") == nodes
	})
}

func TestMessagesReachSocketsOnAnyNodeInOrder(t *testing.T) {
	for name, redis := range map[string]*redistest.Server{"one server": redistest.Start(t), "a cluster": redistest.Cluster(t)[0]} {
		t.Run(name, func(t *testing.T) {
			all := nodes(t, redis.URL(), 3)
			if all[1].sends("s", "nobody") {
				t.Error("delivered to nobody")
			}
			here := all[0].listens("s")
			redistest.Eventually(t, "the others know", func() bool { return all[1].sends("s", "first") })
			var want []string
			for i := range 200 {
				message := fmt.Sprintf(`{"number": %d, "text": "a  b\n"}`, i)
				want = append(want, message)
				if !all[i%3].sends("s", message) {
					t.Errorf("message %d found nobody", i)
				}
			}
			if got := here.got(); !slices.Equal(got[1:], want) {
				t.Errorf("heard %q", got)
			}
			here.mu.Lock()
			here.full = true
			here.mu.Unlock()
			for i, n := range all {
				if n.sends("s", "too much") {
					t.Errorf("node %d says that it was kept", i)
				}
			}
			here.stop()
			here.stop() // harmless
			for i, n := range all {
				if n.sends("s", "gone") {
					t.Errorf("node %d says that somebody is there", i)
				}
			}
		})
	}
}

// Sockets of one session may be on several nodes: each hears everything once.
func TestEverySocketHearsOnce(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 3)
	one, same := all[0].listens("s"), all[0].listens("s")
	noted(t, redis, "s", "1")
	two := all[1].listens("s")
	redistest.Eventually(t, "the first node knows of the second", func() bool {
		return all[0].sends("s", "try") && slices.Contains(two.got(), "try")
	})
	before := []int{len(one.got()), len(same.got()), len(two.got())}
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		if !all[i%3].sends("s", want[i]) {
			t.Errorf("%d found nobody", i)
		}
	}
	redistest.Eventually(t, "all have heard all", func() bool { return len(two.got()) >= before[2]+30 && len(one.got()) >= before[0]+30 })
	for i, e := range []*ear{one, same, two} {
		if got := e.got()[before[i]:]; !slices.Equal(got, want) {
			t.Errorf("socket %d heard %q", i, got)
		}
	}
	two.stop()
	noted(t, redis, "s", "1")
	one.stop()
	same.stop()
	noted(t, redis, "s", "0")
}

func TestAMessageToAnOwnSocketCostsNoCall(t *testing.T) {
	redis := redistest.Start(t)
	var count calls
	n := nodesWith(t, redis.URL(), 1, redisstore.Options{Observe: count.observe})[0]
	e := n.listens("s")
	redistest.Eventually(t, "it knows that it is alone", func() bool {
		count.mu.Lock()
		before := count.n["sockets"]
		count.mu.Unlock()
		n.sends("s", "try")
		count.mu.Lock()
		defer count.mu.Unlock()
		return count.n["sockets"] == before
	})
	redis.Stop()
	if !n.sends("s", "without Redis") || !slices.Contains(e.got(), "without Redis") {
		t.Error("a node does not reach its own socket without Redis")
	}
	if _, err := n.Relay().Send(t.Context(), "other", nil); err == nil {
		t.Error("a node knows without Redis that nobody listens elsewhere")
	}
	redis.Restart()
}

// Whoever is rung may ask Redis, which may take its time: the node hears on meanwhile.
func TestASocketThatTakesItsTimeHoldsUpNobody(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 2)
	slow := &ear{}
	rung, enough := make(chan struct{}, 1), make(chan struct{})
	defer close(enough)
	slow.stop = all[0].Relay().Listen("slow", slow.take, func() {
		rung <- struct{}{}
		<-enough
	})
	defer slow.stop()
	quick := all[0].listens("quick")
	defer quick.stop()
	noted(t, redis, "slow", "1")
	noted(t, redis, "quick", "1")
	if !all[1].sends("slow", "one") {
		t.Fatal("not delivered")
	}
	<-rung
	if !all[1].sends("quick", "two") || !slices.Equal(quick.got(), []string{"two"}) {
		t.Errorf("it waited for another: %q", quick.got())
	}
}

// A browser whose socket is cut comes back on any node.
func TestASocketMovesToAnotherNode(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 3)
	var mu sync.Mutex
	var heard []string
	socket := func(message []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, string(message))
		return true
	}
	stop := all[0].Relay().Listen("s", socket, func() {})
	var sent []string
	send := func() bool {
		message := fmt.Sprint(len(sent))
		if all[2].sends("s", message) {
			sent = append(sent, message)
			return true
		}
		return false
	}
	for i := range 10 {
		stop()
		stop = all[i%2].Relay().Listen("s", socket, func() {})
		redistest.Eventually(t, "it is found", send)
		send()
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(heard, sent) {
		t.Errorf("heard %q\nsent  %q", heard, sent)
	}
}

func TestANodeThatIsGoneIsTakenOff(t *testing.T) {
	redis := redistest.Start(t)
	gone, err := redisstore.Open(t.Context(), redis.URL(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one{gone, t, nil}.listens("s")
	noted(t, redis, "s", "1")
	gone.Close() // its socket has not said a word
	n := nodes(t, redis.URL(), 1)[0]
	if n.sends("s", "hello") {
		t.Error("delivered to the dead")
	}
	noted(t, redis, "s", "0")
}

// A note that was left behind by a node that lives is no socket, and does not stay.
func TestANoteOfNobodyIsNoSocket(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 2)
	all[0].listens("s")
	noted(t, redis, "s", "1")
	redis.Must("SADD", "qrlatch:s:{t}:m", redis.Must("SMEMBERS", "qrlatch:s:{s}:m"))
	if all[1].sends("t", "hello") {
		t.Error("delivered to nobody")
	}
	noted(t, redis, "t", "0")
}

func TestNotesComeBack(t *testing.T) {
	for name, trouble := range map[string]func(t *testing.T, redis *redistest.Server){
		"Redis restarts":      func(_ *testing.T, redis *redistest.Server) { redis.Stop(); redis.Restart() },
		"Redis has lost them": func(_ *testing.T, redis *redistest.Server) { redis.Must("FLUSHALL") },
		"the subscription was cut, and a sender took the node for dead": func(_ *testing.T, redis *redistest.Server) {
			redis.Must("SREM", "qrlatch:s:{s}:m", redis.Must("SMEMBERS", "qrlatch:s:{s}:m"))
			redis.Must("CLIENT", "KILL", "TYPE", "pubsub")
		},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			all := nodesWith(t, redis.URL(), 2, redisstore.Options{}.BeatEvery(10*time.Millisecond)) // four minutes are 2.4 s
			e := all[0].listens("s")
			noted(t, redis, "s", "1")
			trouble(t, redis)
			redistest.Eventually(t, "a message is delivered", func() bool {
				delivered, _ := all[1].Relay().Send(t.Context(), "s", []byte("again"))
				return delivered
			})
			if !slices.Contains(e.got(), "again") {
				t.Error("it was not")
			}
		})
	}
}

// When a connection breaks over a message, the sender does not know, and nobody hears twice.
func TestAMessageIsDeliveredAtMostOnce(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	here, there := nodes(t, redis.URL(), 1)[0], nodesWith(t, way.url, 1, redisstore.Options{Timeout: 300 * time.Millisecond})[0]
	var heard, failed atomic.Int64
	stop := here.Relay().Listen("s", func([]byte) bool {
		heard.Add(1)
		way.each((*joint).cut)
		return true
	}, func() {})
	defer stop()
	noted(t, redis, "s", "1")
	for i := range 20 {
		redistest.Eventually(t, "the sender is there", func() bool { return there.Ready(t.Context()) == nil })
		delivered, err := there.Relay().Send(t.Context(), "s", []byte("once"))
		if err != nil {
			failed.Add(1)
		}
		if delivered == (err != nil) || heard.Load() > int64(i+1) {
			t.Fatalf("after %d messages %d were heard; %v, %v", i+1, heard.Load(), delivered, err)
		}
	}
	t.Logf("%d heard, %d errors", heard.Load(), failed.Load())
}

// Whoever waits for the end of a session hears of it from any node.
func TestASignOutIsToldOverNodes(t *testing.T) {
	for name, redis := range map[string]*redistest.Server{"one server": redistest.Start(t), "a cluster": redistest.Cluster(t)[0]} {
		t.Run(name, func(t *testing.T) {
			stores := []*redisstore.Store{ready(t, redis.URL(), redisstore.Options{}), ready(t, redis.URL(), redisstore.Options{})}
			all := services(t, stores...)
			for range 10 {
				i := 0
				a := &attempt{any: func() *login.Service { i++; return all[i%2] }}
				v := a.signsIn(t)
				ended := make(chan login.Session, 1)
				stop, err := all[0].WatchSession(v.ID, func(v login.Session) { ended <- v })
				if err != nil {
					t.Fatal(err)
				}
				if err := all[1].SignOutByPhone(t.Context(), alice, string(v.ID)); err != nil {
					t.Fatal(err)
				}
				if v := <-ended; v.Ended != login.ByPhone {
					t.Errorf("it ended as %v", v.Ended)
				}
				stop()
			}
			if s := stores[0].Stats(); s.Rereads != 0 {
				t.Errorf("it was heard by reading again: %+v", s)
			}
		})
	}
}

// signsIn goes all the way as alice, the browser without waiting.
func (a *attempt) signsIn(t *testing.T) login.Session {
	t.Helper()
	ctx := t.Context()
	err := errors.Join(a.start(ctx), a.scan(ctx, alice), a.approve(ctx, alice))
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.any().Get(ctx, a.holder)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.redeem(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
