// Package storetest is the contract of login.Store as a test: every store passes
// it, under the race detector.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
)

// Run tests the stores that open returns, each in a subtest of its own.
func Run(t *testing.T, open func(t *testing.T) login.Store) {
	phone := login.Phone{Issuer: "test", Subject: "alice"}
	soon := func() time.Time { return time.Now().Add(time.Minute).Truncate(time.Millisecond) }

	t.Run("Logins", func(t *testing.T) {
		suite[login.Handle, login.Login]{
			open: func(t *testing.T) login.Table[login.Handle, login.Login] { return open(t).Logins },
			make: func(k login.Handle) login.Login {
				return login.Login{Handle: k, App: "shop", State: login.Pending, Deadline: soon()}
			},
			owner: func(l *login.Login, p login.Phone) { l.Phone = p },
			count: func(l *login.Login) *int { return &l.WrongNumbers },
			last:  func(l *login.Login, at time.Time) { l.Deadline = at.Add(-2 * time.Minute) },
		}.run(t, phone)
	})
	t.Run("Sessions", func(t *testing.T) {
		suite[login.SessionID, login.Session]{
			open: func(t *testing.T) login.Table[login.SessionID, login.Session] { return open(t).Sessions },
			make: func(k login.SessionID) login.Session {
				return login.Session{ID: k, App: "shop", Expires: soon()}
			},
			owner: func(s *login.Session, p login.Phone) { s.Phone = p },
			last:  func(s *login.Session, at time.Time) { s.Expires = at.Add(-2 * time.Minute) },
		}.run(t, phone)
	})
	t.Run("Push", func(t *testing.T) {
		suite[login.PushID, login.PushTicket]{
			open: func(t *testing.T) login.Table[login.PushID, login.PushTicket] { return open(t).Push },
			make: func(k login.PushID) login.PushTicket {
				return login.PushTicket{ID: k, App: "shop", Expires: soon()}
			},
			owner: func(p *login.PushTicket, who login.Phone) { p.Phone = who },
			last:  func(p *login.PushTicket, at time.Time) { p.Expires = at },
		}.run(t, phone)
	})
	t.Run("Blocks", func(t *testing.T) {
		suite[login.BlockID, login.Block]{
			open:  func(t *testing.T) login.Table[login.BlockID, login.Block] { return open(t).Blocks },
			make:  func(k login.BlockID) login.Block { return login.Block{ID: k, Expires: soon()} },
			owner: func(b *login.Block, p login.Phone) { b.Phone = p },
			last:  func(b *login.Block, at time.Time) { b.Expires = at },
		}.run(t, phone)
	})
	t.Run("UserCodes", func(t *testing.T) {
		suite[login.UserCodeID, login.UserCode]{
			open: func(t *testing.T) login.Table[login.UserCodeID, login.UserCode] { return open(t).UserCodes },
			make: func(k login.UserCodeID) login.UserCode {
				return login.UserCode{ID: k, Login: "handle", Expires: soon()}
			},
			last: func(c *login.UserCode, at time.Time) { c.Expires = at },
		}.run(t, phone)
	})
}

// suite tests one table of records R, which it can make and change by these.
type suite[K ~string, R interface {
	login.Record[K]
	comparable
}] struct {
	open  func(*testing.T) login.Table[K, R]
	make  func(K) R
	owner func(*R, login.Phone) // nil: it belongs to nobody
	count func(*R) *int         // a number in the record; nil: it has none
	last  func(r *R, expires time.Time)
}

var errRefused = errors.New("refused by the change")

func (s suite[K, R]) run(t *testing.T, phone login.Phone) {
	ctx := context.Background()
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	test := func(name string, body func(t *testing.T, table login.Table[K, R])) {
		t.Run(name, func(t *testing.T) {
			table := s.open(t)
			table.Notify(func(K) {})
			body(t, table)
		})
	}
	test("what was created can be read", func(t *testing.T, table login.Table[K, R]) {
		want := s.make("one")
		must(t, table.Create(ctx, want))
		got, err := table.Get(ctx, "one")
		must(t, err)
		if got.Key() != "one" || !got.ExpiresAt().Equal(want.ExpiresAt()) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	test("every field survives", s.keeps)
	test("a key is created once", func(t *testing.T, table login.Table[K, R]) {
		must(t, table.Create(ctx, s.make("one")))
		if err := table.Create(ctx, s.make("one")); !errors.Is(err, login.ErrExists) {
			t.Errorf("second Create: %v, want ErrExists", err)
		}
	})
	test("of many creators one wins", func(t *testing.T, table login.Table[K, R]) {
		if won := race(50, func(int) bool { return table.Create(ctx, s.make("one")) == nil }); won != 1 {
			t.Errorf("%d won, want 1", won)
		}
	})
	test("unknown keys are not found", func(t *testing.T, table login.Table[K, R]) {
		_, err := table.Get(ctx, "none")
		_, err2 := table.Update(ctx, "none", func(*R) error { return nil })
		if !errors.Is(err, login.ErrNotFound) || !errors.Is(err2, login.ErrNotFound) {
			t.Errorf("Get: %v, Update: %v, want ErrNotFound", err, err2)
		}
		must(t, table.Delete(ctx, "none"))
	})
	test("expired records are not found", func(t *testing.T, table login.Table[K, R]) {
		must(t, table.Create(ctx, s.make("one")))
		_, err := table.Update(ctx, "one", func(r *R) error { s.last(r, time.Now().Add(-time.Second)); return nil })
		must(t, err)
		if _, err := table.Get(ctx, "one"); !errors.Is(err, login.ErrNotFound) {
			t.Errorf("Get: %v, want ErrNotFound", err)
		}
	})
	test("a deleted record is gone", func(t *testing.T, table login.Table[K, R]) {
		must(t, table.Create(ctx, s.make("one")))
		must(t, table.Delete(ctx, "one"))
		if _, err := table.Get(ctx, "one"); !errors.Is(err, login.ErrNotFound) {
			t.Errorf("Get: %v, want ErrNotFound", err)
		}
		must(t, table.Create(ctx, s.make("one")))
	})
	test("a change that fails saves nothing", func(t *testing.T, table login.Table[K, R]) {
		was := s.make("one")
		must(t, table.Create(ctx, was))
		got, err := table.Update(ctx, "one", func(r *R) error { s.last(r, time.Now().Add(time.Hour)); return errRefused })
		if !errors.Is(err, errRefused) {
			t.Errorf("Update: %v, want the error of the change", err)
		}
		saved, err := table.Get(ctx, "one")
		must(t, err)
		if !got.ExpiresAt().Equal(was.ExpiresAt()) || !saved.ExpiresAt().Equal(was.ExpiresAt()) {
			t.Errorf("Update returned %+v and saved %+v", got, saved)
		}
	})
	if s.owner != nil {
		s.runOwned(t, phone, must, test)
	}
}

// runOwned tests a table whose records belong to phones.
func (s suite[K, R]) runOwned(t *testing.T, phone login.Phone, must func(*testing.T, error), test func(string, func(*testing.T, login.Table[K, R]))) {
	ctx := context.Background()
	test("of many changes one passes the gate", func(t *testing.T, table login.Table[K, R]) {
		must(t, table.Create(ctx, s.make("one")))
		won := race(100, func(i int) bool {
			_, err := table.Update(ctx, "one", func(r *R) error {
				if (*r).Owner() != (login.Phone{}) {
					return errRefused
				}
				s.owner(r, login.Phone{Issuer: "test", Subject: fmt.Sprint(i)})
				return nil
			})
			return err == nil
		})
		if won != 1 {
			t.Errorf("%d passed, want 1", won)
		}
	})
	if s.count != nil {
		test("no change is lost", func(t *testing.T, table login.Table[K, R]) {
			must(t, table.Create(ctx, s.make("one")))
			race(100, func(int) bool {
				_, err := table.Update(ctx, "one", func(r *R) error { *s.count(r)++; return nil })
				return err == nil
			})
			got, err := table.Get(ctx, "one")
			must(t, err)
			if n := *s.count(&got); n != 100 {
				t.Errorf("counted %d, want 100", n)
			}
		})
	}
	test("a phone's records are listed", func(t *testing.T, table login.Table[K, R]) {
		other := login.Phone{Issuer: "other", Subject: phone.Subject}
		for _, k := range []K{"mine", "later", "theirs", "nobody", "deleted", "expired"} {
			must(t, table.Create(ctx, s.make(k)))
		}
		give := func(k K, p login.Phone) {
			_, err := table.Update(ctx, k, func(r *R) error { s.owner(r, p); return nil })
			must(t, err)
		}
		give("mine", phone)
		give("later", phone)
		give("theirs", other)
		give("deleted", phone)
		give("expired", phone)
		must(t, table.Delete(ctx, "deleted"))
		_, err := table.Update(ctx, "expired", func(r *R) error { s.last(r, time.Now().Add(-time.Second)); return nil })
		must(t, err)
		list, err := table.Owned(ctx, phone)
		must(t, err)
		keys := map[K]bool{}
		for _, r := range list {
			keys[r.Key()] = true
		}
		if len(list) != 2 || !keys["mine"] || !keys["later"] {
			t.Errorf("Owned gave %v, want mine and later", keys)
		}
	})
	test("a record born with an owner is listed", func(t *testing.T, table login.Table[K, R]) {
		r := s.make("one")
		s.owner(&r, phone)
		must(t, table.Create(ctx, r))
		if list, err := table.Owned(ctx, phone); err != nil || len(list) != 1 {
			t.Errorf("Owned gave %v, %v", list, err)
		}
	})
	t.Run("followers are told, and can read the change", func(t *testing.T) {
		table := s.open(t)
		told := make(chan login.Phone, 16)
		table.Notify(func(k K) {
			if r, err := table.Get(ctx, k); err == nil {
				told <- r.Owner()
			} else {
				told <- login.Phone{Subject: "gone"}
			}
		})
		must(t, table.Create(ctx, s.make("one")))
		table.Follow("one")
		defer table.Unfollow("one")
		_, err := table.Update(ctx, "one", func(r *R) error { s.owner(r, phone); return nil })
		must(t, err)
		expect(t, told, phone)
		must(t, table.Delete(ctx, "one"))
		expect(t, told, login.Phone{Subject: "gone"})
	})
}

// expect drains notifications, of which there may be too many, until want comes.
func expect(t *testing.T, told <-chan login.Phone, want login.Phone) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case got := <-told:
			if got == want {
				return
			}
		case <-limit:
			t.Fatalf("no notification of %+v", want)
		}
	}
}

// race runs try on n goroutines at once and counts those that return true.
func race(n int, try func(i int) bool) int64 {
	var won atomic.Int64
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			if try(i) {
				won.Add(1)
			}
		})
	}
	start.Done()
	done.Wait()
	return won.Load()
}
