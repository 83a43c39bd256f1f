package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

var alice = login.Phone{Issuer: "test", Subject: "alice"}

// What was deleted is off the list, and so is what ended long ago.
func TestAListCostsWhatItSays(t *testing.T) {
	redis := redistest.Start(t)
	s := ready(t, redis.URL(), redisstore.Options{}.BeatEvery(2*time.Millisecond)) // five minutes are 0.6 s
	n := one{s, t, nil}
	session := func(id string, life time.Duration) {
		n.must(s.Sessions.Create(t.Context(), login.Session{ID: login.SessionID(id), Phone: alice, Expires: time.Now().Add(life), Ended: login.SignedOut}))
	}
	for i := range 200 {
		session(fmt.Sprint("short", i), 300*time.Millisecond)
		session(fmt.Sprint("deleted", i), 12*time.Hour)
		n.must(s.Sessions.Delete(t.Context(), login.SessionID(fmt.Sprint("deleted", i))))
		session(fmt.Sprint("ended", i), 12*time.Hour)
		_, err := s.Sessions.Update(t.Context(), login.SessionID(fmt.Sprint("ended", i)), func(v *login.Session) error {
			v.Expires = time.Now().Add(300 * time.Millisecond)
			return nil
		})
		n.must(err)
	}
	session("one", time.Hour)
	session("two", time.Hour)
	redistest.Eventually(t, "it takes few reads", func() bool {
		redis.Must("CONFIG", "RESETSTAT")
		list, err := s.Sessions.Owned(t.Context(), alice)
		calls := redis.Calls()
		return err == nil && len(list) == 2 && calls["get"]-calls["spublish"] <= 3 // a beat reads as well
	})
	session("three", time.Hour) // sweeps
	for key := range strings.SplitSeq(redis.Must("KEYS", "qrlatch:s:o:*"), "\n") {
		if size := redis.Must("ZCARD", key); size != "3" {
			t.Errorf("the list holds %s entries", size)
		}
	}
}

func TestTheLimitHoldsOverAllNodes(t *testing.T) {
	redis := redistest.Start(t)
	o := redisstore.Options{MaxLogins: 10}.BeatEvery(20 * time.Millisecond)
	all := nodesWith(t, redis.URL(), 2, o)
	create := func(n one, i int) error {
		return n.Logins.Create(t.Context(), login.Login{Handle: login.Handle(fmt.Sprint(i)), Deadline: time.Now().Add(time.Minute)})
	}
	for i := range 10 {
		all[0].must(create(all[0], i))
	}
	if err := create(all[0], 10); !errors.Is(err, login.ErrFull) {
		t.Errorf("one more on the same node: %v, want ErrFull", err)
	}
	i := 100
	redistest.Eventually(t, "the other node is full as well", func() bool {
		i++
		return errors.Is(create(all[1], i), login.ErrFull)
	})
	all[1].must(all[1].Sessions.Create(t.Context(), login.Session{ID: "s", Expires: time.Now().Add(time.Minute)}))
}

// What expires makes room, and so does a node that is gone.
func TestTheLimitForgets(t *testing.T) {
	redis := redistest.Start(t)
	redis.Must("HSET", "qrlatch:census", "gone", "10 1", "here", fmt.Sprintf("5 %d", time.Now().Add(time.Minute).UnixMilli()))
	n := nodesWith(t, redis.URL(), 1, redisstore.Options{MaxLogins: 10}.BeatEvery(20*time.Millisecond))[0]
	redistest.Eventually(t, "the dead node is swept", func() bool { return redis.Must("HEXISTS", "qrlatch:census", "gone") == "0" })
	made := 0
	for i := range 20 {
		err := n.Logins.Create(t.Context(), login.Login{Handle: login.Handle(fmt.Sprint(i)), Deadline: time.Now().Add(time.Second - 2*time.Minute)})
		if errors.Is(err, login.ErrFull) {
			break
		}
		n.must(err)
		made++
	}
	if made != 5 {
		t.Errorf("%d logins beside 5 elsewhere, want 5", made)
	}
	redistest.Eventually(t, "what has expired is not counted", func() bool {
		return n.Logins.Create(t.Context(), login.Login{Handle: "more", Deadline: time.Now().Add(time.Minute)}) == nil
	})
}

func TestAFullRedisIsFull(t *testing.T) {
	redis := redistest.Start(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
	s := ready(t, redis.URL(), redisstore.Options{})
	var err error
	for i := 0; err == nil && i < 100_000; i++ {
		err = s.Logins.Create(t.Context(), login.Login{
			Handle: login.Handle(fmt.Sprint(i)), SiteState: strings.Repeat("x", 1024), Deadline: time.Now().Add(time.Minute),
		})
	}
	if !errors.Is(err, login.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
}

func TestURLs(t *testing.T) {
	for url, wrong := range map[string]string{
		"redis://localhost:6379":                               "",
		"redis://user:secret@localhost:6379/2":                 "",
		"rediss://localhost":                                   "",
		"unix:///run/redis.sock?db=1":                          "",
		"redis://a:1?addr=b:2&addr=c:3":                        "",
		"redis://a:1?addr=b:2&master_set=main":                 "",
		"redis://":                                             "no host",
		"http://localhost":                                     "scheme",
		"redis://u:secret@localhost:6379/x":                    "database",
		"redis://u:secret@localhost:port":                      "not a URL",
		"redis://u:secret@localhost?masterset=main":            "unknown parameter",
		"redis://u:secret@localhost?dial_timeout=soon":         "timeout",
		"redis://u:se%zzcret@localhost":                        "not a URL",
		"rediss://u:secret@localhost?skip_verify=perhaps":      "skip verify",
		"redis://u:secret@localhost:6379/1/2?master_set=other": "path",
	} {
		err := redisstore.CheckURL(url)
		switch {
		case wrong == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%s: %v, want %q", url, err, wrong)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error has the password: %v", url, err)
		}
	}
}
