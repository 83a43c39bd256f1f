package redisstore_test

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// link is a way to Redis that can swallow what Redis says.
type link struct {
	url string
	mu  sync.Mutex
	all []*joint
}

// joint is one connection.
type joint struct {
	near, far  net.Conn
	subscribes atomic.Bool
	swallows   atomic.Bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{url: "redis://" + l.Addr().String()}
	t.Cleanup(func() { l.Close(); k.each((*joint).cut) })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			j := &joint{near: near, far: far}
			k.mu.Lock()
			k.all = append(k.all, j)
			k.mu.Unlock()
			go relay(far, near, func(asked []byte) bool {
				if bytes.Contains(asked, []byte("SSUBSCRIBE")) {
					j.subscribes.Store(true)
				}
				return true
			})
			go relay(near, far, func([]byte) bool { return !j.swallows.Load() })
		}
	}()
	return k
}

// relay copies what may pass until an end is closed.
func relay(to, from net.Conn, may func([]byte) bool) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if may(buffer[:n]) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}

// each does something to all connections that there are now.
func (k *link) each(do func(*joint)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, j := range k.all {
		do(j)
	}
}

func (j *joint) cut() { j.near.Close(); j.far.Close() }

// stall makes connections swallow, and stay open.
func (j *joint) stall() { j.swallows.Store(true) }

// A connection that is open and silent, as behind a firewall that forgot it, is given up.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	quick := redisstore.Options{Timeout: 300 * time.Millisecond}.BeatEvery(100 * time.Millisecond)
	browser, phone := nodesWith(t, way.url, 1, quick)[0], nodes(t, redis.URL(), 1)[0]
	browser.create("a")
	browser.follow("a")
	way.each((*joint).stall)
	phone.change("a")
	select {
	case <-browser.told:
	case <-time.After(30 * time.Second):
		t.Fatal("the node has not noticed")
	}
}

// A subscription can end while its connection goes on to answer, as when a slot moves to another
// server of a Cluster. What is missing then is the beat.
func TestASubscriptionWithoutBeatIsRenewed(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	patient := redisstore.Options{Timeout: 10 * time.Second}.BeatEvery(100 * time.Millisecond)
	nodesWith(t, way.url, 1, patient)
	subscriptions := func(do func(*joint)) (n int) {
		way.each(func(j *joint) {
			if j.subscribes.Load() {
				n++
				do(j)
			}
		})
		return n
	}
	subscriptions((*joint).stall)
	start := time.Now()
	redistest.Eventually(t, "there is another", func() bool { return subscriptions(func(*joint) {}) == 2 })
	if took := time.Since(start); took > patient.Timeout {
		t.Errorf("it was renewed after %s, when the connection was given up", took)
	}
	way.each((*joint).cut) // else it is waited for
}

func TestARecordIsCreatedOnce(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	n := nodes(t, way.url, 1)[0]
	way.each((*joint).stall)
	done := make(chan error, 1)
	go func() {
		done <- n.Logins.Create(t.Context(), login.Login{Handle: "a", Deadline: time.Now()})
	}()
	redistest.Eventually(t, "the record is there", func() bool { return redis.Must("EXISTS", "qrlatch:l:{a}") == "1" })
	way.each((*joint).cut)
	n.must(<-done)
	if err := n.Logins.Create(t.Context(), login.Login{Handle: "a", Deadline: time.Now()}); !errors.Is(err, login.ErrExists) {
		t.Errorf("creating it again: %v, want ErrExists", err)
	}
}

// An answer that was lost with its connection is asked for again, by making the change again.
func TestAChangeIsMadeOnce(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	browser, phone := nodes(t, redis.URL(), 1)[0], nodes(t, way.url, 1)[0]
	browser.create("a")
	browser.change("a")
	browser.follow("a")
	was := redis.Must("GET", "qrlatch:l:{a}")
	done := make(chan error, 1)
	go func() {
		_, err := phone.Logins.Update(t.Context(), "a", func(l *login.Login) error {
			way.each((*joint).stall)
			l.WrongNumbers++
			return nil
		})
		done <- err
	}()
	redistest.Eventually(t, "the change is made", func() bool { return redis.Must("GET", "qrlatch:l:{a}") != was })
	way.each((*joint).cut)
	phone.must(<-done)
	browser.hears("a", 2)
	if s := browser.Stats(); s.Rereads != 0 {
		t.Errorf("it heard by reading again: %+v", s)
	}
}
