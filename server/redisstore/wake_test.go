package redisstore_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// one is a node whose notifications are counted.
type one struct {
	*redisstore.Store
	t    testing.TB
	told chan login.Handle
}

// nodes are stores on one Redis that can be woken.
func nodes(t testing.TB, url string, n int) []one {
	t.Helper()
	return nodesWith(t, url, n, redisstore.Options{})
}

func nodesWith(t testing.TB, url string, n int, o redisstore.Options) []one {
	t.Helper()
	all := make([]one, n)
	for i := range all {
		all[i] = one{ready(t, url, o), t, make(chan login.Handle, 1000)}
		all[i].Logins.Notify(func(h login.Handle) { all[i].told <- h })
	}
	return all
}

func (n one) create(h login.Handle) {
	n.t.Helper()
	n.must(n.Logins.Create(n.t.Context(), login.Login{
		Handle: h, App: "shop", State: login.Pending, Started: time.Now(), Deadline: time.Now().Add(time.Minute),
	}))
}

// follow does what the domain does when somebody waits: follow, then read.
func (n one) follow(h login.Handle) {
	n.t.Helper()
	n.Logins.Follow(h)
	_, err := n.Logins.Get(n.t.Context(), h)
	n.must(err)
}

// change changes a number in the login, and returns what it is then.
func (n one) change(h login.Handle) int {
	n.t.Helper()
	l, err := n.Logins.Update(n.t.Context(), h, func(l *login.Login) error { l.WrongNumbers++; return nil })
	n.must(err)
	return l.WrongNumbers
}

// hears waits until the node was told of h and reads want there.
func (n one) hears(h login.Handle, want int) {
	n.t.Helper()
	limit := time.After(60 * time.Second)
	for {
		select {
		case got := <-n.told:
			if l, err := n.Logins.Get(n.t.Context(), h); got == h && err == nil && l.WrongNumbers == want {
				return
			}
		case <-limit:
			n.t.Fatalf("nobody told the node of %s", h)
		}
	}
}

func (n one) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestOnlyTheNodeThatFollowsIsTold(t *testing.T) {
	for name, url := range map[string]string{
		"one server": redistest.Start(t).URL(), "a cluster": redistest.Cluster(t)[0].URL(),
	} {
		t.Run(name, func(t *testing.T) {
			all := nodes(t, url, 3)
			browser, phone, idle := all[0], all[1], all[2]
			for i := range 20 { // over all servers of a cluster
				h := login.Handle(fmt.Sprint("login", i))
				browser.create(h)
				browser.follow(h)
				browser.hears(h, phone.change(h))
				browser.Logins.Unfollow(h)
				phone.change(h) // the note that renewed the first may be left; then never again
				phone.change(h)
			}
			// A message may be heard before who sent it has counted it.
			heard, told := browser.Stats().Heard, phone.Stats().Told
			for end := time.Now().Add(10 * time.Second); told < heard && time.Now().Before(end); told = phone.Stats().Told {
				runtime.Gosched()
			}
			if told < 20 || told > 40 || heard > told {
				t.Errorf("%d messages sent and %d heard for 20 changes", told, heard)
			}
			if s := idle.Stats(); s.Heard != 0 || len(idle.told) != 0 {
				t.Errorf("a node that follows nothing was told: %+v", s)
			}
			if s := browser.Stats(); s.Gaps != 0 || s.Rereads != 0 {
				t.Errorf("in peace something was read for safety: %+v", s)
			}
		})
	}
}

func TestAWaiterWhoAcceptsLeavesNoNote(t *testing.T) {
	all := nodes(t, redistest.Start(t).URL(), 2)
	browser, phone := all[0], all[1]
	told := make(chan struct{})
	browser.Logins.Notify(func(h login.Handle) { // as the domain: read, hand over, stop
		_, err := browser.Logins.Get(t.Context(), h)
		if t.Context().Err() != nil {
			return // told late, which is allowed: the test is over
		}
		browser.must(err)
		browser.Logins.Unfollow(h)
		told <- struct{}{}
	})
	browser.create("a")
	for range 10 {
		browser.follow("a")
		phone.change("a")
		<-told
		phone.change("a") // of this nobody needs to be told
	}
	if s := phone.Stats(); s.Told != 10 {
		t.Errorf("%d messages for 10 changes that were waited for", s.Told)
	}
}

func TestAWaiterWhoStaysHearsOfEveryChange(t *testing.T) {
	all := nodes(t, redistest.Start(t).URL(), 2)
	browser, phone := all[0], all[1]
	read := make(chan int, 100)
	browser.Logins.Notify(func(h login.Handle) { // as the domain, if nobody is content
		l, err := browser.Logins.Get(t.Context(), h)
		if t.Context().Err() != nil {
			return // told late, which is allowed: the test is over
		}
		browser.must(err)
		read <- l.WrongNumbers
	})
	browser.create("a")
	browser.follow("a")
	for range 20 {
		want := phone.change("a")
		for got := range read {
			if got == want {
				break
			}
		}
	}
	if s := browser.Stats(); s.Rereads != 0 {
		t.Errorf("it heard by reading again: %+v", s)
	}
}

func TestANodeTellsItselfWithoutRedis(t *testing.T) {
	n := nodes(t, redistest.Start(t).URL(), 1)[0]
	n.create("a")
	n.follow("a")
	n.hears("a", n.change("a"))
	n.hears("a", n.change("a"))
	if s := n.Stats(); s.Told+s.Heard != 0 {
		t.Errorf("messages were sent: %+v", s)
	}
}

func TestFollowersHearOfADeletion(t *testing.T) {
	all := nodes(t, redistest.Start(t).URL(), 2)
	all[0].create("a")
	all[0].follow("a")
	all[0].must(all[1].Logins.Delete(t.Context(), "a"))
	if got := <-all[0].told; got != "a" {
		t.Errorf("told of %q", got)
	}
}

// A message that is lost is missed at the next beat; one that was never sent, at the latest
// when what is followed is read again.
func TestALostMessageDelaysAndLosesNothing(t *testing.T) {
	for name, lose := range map[string]func(redis *redistest.Server, node string){
		"lost on the way": func(redis *redistest.Server, node string) { redis.Must("INCR", "qrlatch:n:{"+node+"}") },
		"never sent":      func(*redistest.Server, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			all := nodesWith(t, redis.URL(), 2, redisstore.Options{}.BeatEvery(100*time.Millisecond))
			all[0].create("a")
			all[0].follow("a")
			node := redis.Must("SMEMBERS", "qrlatch:l:{a}:f")
			redis.Must("DEL", "qrlatch:l:{a}:f")
			want := all[1].change("a")
			lose(redis, node)
			start := time.Now()
			all[0].hears("a", want)
			t.Logf("heard after %s", time.Since(start))
			if s := all[0].Stats(); s.Heard != 0 || s.Rereads == 0 || (s.Gaps > 0) != (name == "lost on the way") {
				t.Errorf("it did not hear as it should have: %+v", s)
			}
			all[0].hears("a", all[1].change("a")) // and the note is back
		})
	}
}

func TestACutSubscriptionLosesNothing(t *testing.T) {
	redis := redistest.Start(t)
	all := nodes(t, redis.URL(), 2)
	all[0].create("a")
	all[0].follow("a")
	for range 5 {
		redis.Must("CLIENT", "KILL", "TYPE", "pubsub")
		all[0].hears("a", all[1].change("a"))
		redistest.Eventually(t, "it listens again", func() bool { return all[0].Ready(t.Context()) == nil })
	}
}

func TestEveryKeyEnds(t *testing.T) {
	redis := redistest.Start(t)
	n := ready(t, redis.URL(), redisstore.Options{MaxLogins: 1000})
	l := one{n, t, nil}
	l.create("a")
	l.follow("a")
	who := login.Phone{Issuer: "test", Subject: "alice"}
	ctx, soon := t.Context(), time.Now().Add(time.Minute)
	l.must(n.Sessions.Create(ctx, login.Session{ID: "s", Phone: who, Expires: soon}))
	l.must(n.Push.Create(ctx, login.PushTicket{ID: "p", Phone: who, Expires: soon}))
	l.must(n.Blocks.Create(ctx, login.Block{ID: "b", Phone: who, Expires: soon}))
	l.must(n.UserCodes.Create(ctx, login.UserCode{ID: "c", Login: "a", Expires: soon}))
	redis.Must("SET", "qrlatch:n:{x}", "0", "EX", "60")
	phone := nodes(t, redis.URL(), 1)[0]
	phone.change("a")
	l.create("b")
	l.follow("b") // this note is not taken
	redistest.Eventually(t, "the census is kept", func() bool { return redis.Must("EXISTS", "qrlatch:census") == "1" })
	keys := strings.Split(redis.Must("KEYS", "*"), "\n")
	if len(keys) < 12 {
		t.Errorf("too few keys to tell: %q", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "qrlatch:") {
			t.Errorf("%s is not ours", key)
		}
		if left := redis.Must("PTTL", key); strings.HasPrefix(left, "-") {
			t.Errorf("%s never ends", key)
		}
		if strings.Contains(key, "alice") {
			t.Errorf("%s names a person", key)
		}
	}
}
