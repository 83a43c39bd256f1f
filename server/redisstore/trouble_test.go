package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// changes is change in times of trouble: a phone that tries until it is told that it is done.
func (n one) changes(h login.Handle) int {
	n.t.Helper()
	var is int
	redistest.Eventually(n.t, "a change is saved", func() bool {
		l, err := n.Logins.Update(n.t.Context(), h, func(l *login.Login) error { l.WrongNumbers++; return nil })
		is = l.WrongNumbers
		return err == nil
	})
	return is
}

func TestRedisRestartsWhileSomebodyWaits(t *testing.T) {
	redis := redistest.Start(t)
	all := nodesWith(t, redis.URL(), 2, redisstore.Options{Timeout: 300 * time.Millisecond})
	all[0].create("a")
	all[0].follow("a")
	for range 3 {
		redis.Stop()
		redistest.Eventually(t, "readiness says so", func() bool { return all[0].Ready(t.Context()) != nil })
		if _, err := all[1].Logins.Get(t.Context(), "a"); err == nil || errors.Is(err, login.ErrNotFound) {
			t.Errorf("Get without Redis: %v", err)
		}
		redis.Restart()
		start := time.Now()
		all[0].hears("a", all[1].changes("a"))
		t.Logf("heard %s after Redis was back", time.Since(start))
		redistest.Eventually(t, "it is ready again", func() bool { return all[0].Ready(t.Context()) == nil })
	}
}

// A write that was confirmed is lost in a failover: the phone asks again, and the browser hears
// of that. What the browser has read may have gone back; it is not left waiting.
func TestAFailoverLosesAWrite(t *testing.T) {
	redis := redistest.StartReplicated(t)
	all := nodes(t, redis.URL(), 2)
	browser, phone := all[0], all[1]
	browser.create("a")
	browser.follow("a")
	browser.hears("a", phone.change("a"))
	redistest.Eventually(t, "the replica has it", func() bool {
		return redis.Replica.Must("GET", "qrlatch:l:{a}") == redis.Primary.Must("GET", "qrlatch:l:{a}")
	})

	// The replica is cut off and cannot come back: it has no password.
	redis.Primary.Must("CONFIG", "SET", "requirepass", "secret")
	if _, err := redis.Primary.Do("CLIENT", "KILL", "TYPE", "replica"); err == nil {
		t.Fatal("the primary wants no password")
	}
	redis.Primary.MustAs("secret", "CLIENT", "KILL", "TYPE", "replica")
	if lost := phone.change("a"); lost != 2 {
		t.Fatalf("the second change gave %d", lost)
	}
	browser.hears("a", 2)
	redis.Failover()

	start := time.Now()
	if again := phone.changes("a"); again != 2 {
		t.Errorf("after the failover the change gave %d: the write was not lost, or more was", again)
	}
	browser.hears("a", 2)
	t.Logf("heard %s after the replica had taken over", time.Since(start))
}

func TestEverythingIsForgotten(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 2)
	all[0].create("a")
	all[0].follow("a")
	all[0].hears("a", all[1].change("a"))
	redis.Must("FLUSHALL")
	for ; ; <-all[0].told { // until it was told after that
		if _, err := all[0].Logins.Get(t.Context(), "a"); !errors.Is(err, login.ErrNotFound) {
			t.Fatalf("Get of a forgotten login: %v", err)
		}
		if all[0].Stats().Rereads > 0 {
			return
		}
	}
}

func TestASlowRedisIsGivenUp(t *testing.T) {
	redis := redistest.Start(t)
	n := one{ready(t, redis.URL(), redisstore.Options{Timeout: 200 * time.Millisecond}), t, nil}
	n.create("a")
	redis.Must("CLIENT", "PAUSE", "2500", "ALL")
	for name, call := range map[string]func() error{
		"Get": func() error { _, err := n.Logins.Get(t.Context(), "a"); return err },
		"Create": func() error {
			return n.Logins.Create(t.Context(), login.Login{Handle: "b", Deadline: time.Now().Add(time.Minute)})
		},
		"Update": func() error {
			_, err := n.Logins.Update(t.Context(), "a", func(*login.Login) error { return nil })
			return err
		},
		"Delete": func() error { return n.Logins.Delete(t.Context(), "a") },
		"Owned":  func() error { _, err := n.Logins.Owned(t.Context(), login.Phone{Subject: "x"}); return err },
		"Ready":  func() error { return n.Ready(t.Context()) },
	} {
		start := time.Now()
		if err := call(); err == nil || errors.Is(err, login.ErrNotFound) {
			t.Errorf("%s of a paused Redis: %v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	redistest.Eventually(t, "it goes on", func() bool { return n.Ready(t.Context()) == nil })
}

// A blip is sat out; whoever asks in an outage is not kept.
func TestAnOutageKeepsNobody(t *testing.T) {
	redis := redistest.Start(t)
	n := one{ready(t, redis.URL(), redisstore.Options{Timeout: 800 * time.Millisecond}), t, nil}
	n.create("a")
	get := func() (time.Duration, error) {
		start := time.Now()
		_, err := n.Logins.Get(t.Context(), "a")
		return time.Since(start), err
	}
	redis.Stop()
	if took, err := get(); err == nil || took < 150*time.Millisecond {
		t.Errorf("the first read without Redis took %s: %v", took, err)
	}
	redistest.Eventually(t, "an error comes soon", func() bool {
		took, err := get()
		return err != nil && took < 150*time.Millisecond
	})
	redis.Restart()
	redistest.Eventually(t, "all is well", func() bool { _, err := get(); return err == nil && n.Ready(t.Context()) == nil })
}

// A change was made and its answer was lost: who made it does not know, and who waits is told
// all the same.
func TestAnAnswerIsLost(t *testing.T) {
	redis := redistest.Start(t)
	way := newLink(t, redis.Addr)
	browser, phone := nodes(t, redis.URL(), 1)[0], nodesWith(t, way.url, 1, redisstore.Options{Timeout: 600 * time.Millisecond})[0]
	for name, change := range map[string]func() error{
		"Update": func() error {
			for read := false; ; {
				_, err := phone.Logins.Update(t.Context(), "a", func(l *login.Login) error {
					read = true
					way.each((*joint).stall)
					l.WrongNumbers++
					return nil
				})
				if read {
					return err
				}
			}
		},
		"Delete": func() error { way.each((*joint).stall); return phone.Logins.Delete(t.Context(), "a") },
	} {
		_ = browser.Logins.Delete(t.Context(), "a")
		browser.create("a")
		browser.change("a") // Redis knows the script now, and need not ask for it
		browser.follow("a")
		if err := change(); err == nil {
			t.Errorf("%s succeeds without an answer", name)
		}
		<-browser.told
		browser.Logins.Unfollow("a")
		if s := browser.Stats(); s.Rereads != 0 {
			t.Errorf("%s: heard by reading again: %+v", name, s)
		}
		redistest.Eventually(t, "the phone's node is back", func() bool { return phone.Ready(t.Context()) == nil })
	}
}

// A phone that hangs up in the middle of it does not keep a browser waiting.
func TestACallerHangsUp(t *testing.T) {
	all := nodes(t, redistest.Start(t).URL(), 2)
	all[0].create("a")
	all[0].follow("a")
	ctx, hangUp := context.WithCancel(t.Context())
	l, err := all[1].Logins.Update(ctx, "a", func(l *login.Login) error { hangUp(); l.WrongNumbers++; return nil })
	all[1].must(err)
	all[0].hears("a", l.WrongNumbers)
}

func TestRedisComesLater(t *testing.T) {
	redis := redistest.Start(t)
	redis.Stop()
	n := one{open(t, redis.URL(), redisstore.Options{Timeout: 100 * time.Millisecond}), t, make(chan login.Handle, 100)}
	n.Logins.Notify(func(h login.Handle) { n.told <- h })
	if err := n.Ready(t.Context()); err == nil {
		t.Error("ready without Redis")
	}
	n.Logins.Follow("a")
	if _, err := n.Logins.Get(t.Context(), "a"); err == nil || errors.Is(err, login.ErrNotFound) {
		t.Errorf("Get without Redis: %v", err)
	}
	if _, err := n.Logins.Owned(t.Context(), login.Phone{}); err == nil {
		t.Error("Owned without Redis gave no error")
	}
	redis.Restart()
	redistest.Eventually(t, "it is ready", func() bool { return n.Ready(t.Context()) == nil })
	n.create("a")
	n.hears("a", n.change("a"))
}

func TestANodeIsGoneWithoutAWord(t *testing.T) {
	redis := redistest.Start(t)
	gone, err := redisstore.Open(t.Context(), redis.URL(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one{gone, t, nil}.create("a")
	one{gone, t, nil}.follow("a")
	gone.Close()
	all := nodes(t, redis.URL(), 2)
	all[0].follow("a")
	all[0].hears("a", all[1].change("a"))
	// The browser's node may be noted again, the one that is gone is not.
	if who := redis.Must("SMEMBERS", "qrlatch:l:{a}:f"); strings.Contains(who, "\n") {
		t.Errorf("still noted: %q", who)
	}
}
