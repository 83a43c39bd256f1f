package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) login.Store {
		s := memstore.New(memstore.Options{})
		t.Cleanup(s.Close)
		return s.Store
	})
}

func TestWhateverExpiresIsForgottenInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const logins = 3000 // several in each shard
		s := memstore.New(memstore.Options{MaxLogins: logins})
		defer s.Close()
		each := func(name string, n int, do func(login.Handle) error) {
			t.Helper()
			for i := range n {
				if err := do(login.Handle(fmt.Sprint(name, i))); err != nil {
					t.Fatalf("%s %d: %v", name, i, err)
				}
			}
		}
		live := func(life time.Duration) func(login.Handle) error {
			return func(h login.Handle) error {
				return s.Logins.Create(t.Context(), login.Login{Handle: h, Deadline: time.Now().Add(life - 2*time.Minute)})
			}
		}
		reads := func(h login.Handle) error { _, err := s.Logins.Get(t.Context(), h); return err }
		each("long", 1000, live(time.Hour))
		each("middling", 100, live(30*time.Minute))
		each("short", 1900, live(10*time.Minute))
		time.Sleep(12 * time.Minute)
		each("long", 1000, reads)
		each("middling", 100, reads)
		each("more", 1900, live(12*time.Hour))
		time.Sleep(20 * time.Minute)
		each("long", 1000, reads)
		each("a few", 100, live(12*time.Hour))
		time.Sleep(30 * time.Minute)
		each("the rest", 1000, live(time.Minute))
		each("more", 1900, reads)
		time.Sleep(3 * time.Minute)
		each("again", 1000, live(time.Minute))
		if err := live(time.Minute)("one too many"); !errors.Is(err, login.ErrFull) {
			t.Errorf("there is room for one more: %v", err)
		}
	})
}

// A change may set times of this moment, which have a monotonic reading.
func TestWhatUpdateReturnsIsWhatIsReadFromThenOn(t *testing.T) {
	s := memstore.New(memstore.Options{})
	defer s.Close()
	if err := s.Logins.Create(t.Context(), login.Login{Handle: "a", Deadline: time.Now()}); err != nil {
		t.Fatal(err)
	}
	saved, err := s.Logins.Update(t.Context(), "a", func(l *login.Login) error { l.Deadline = time.Now(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Logins.Get(t.Context(), "a"); err != nil || got != saved {
		t.Errorf("read  %+v, %v\nsaved %+v", got, err, saved)
	}
}

func TestALimitedStoreIsFullUntilSomethingExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Options{MaxLogins: 2})
		defer s.Close()
		ctx := context.Background()
		create := func(h login.Handle) error {
			return s.Logins.Create(ctx, login.Login{Handle: h, Deadline: time.Now().Add(time.Minute)})
		}
		if err := errors.Join(create("a"), create("b")); err != nil {
			t.Fatal(err)
		}
		if err := create("c"); !errors.Is(err, login.ErrFull) {
			t.Fatalf("third login: %v, want ErrFull", err)
		}
		if err := create("a"); !errors.Is(err, login.ErrExists) {
			t.Fatalf("taken handle: %v, want ErrExists", err)
		}
		if err := s.Logins.Delete(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if err := create("c"); err != nil {
			t.Fatalf("after a deletion: %v", err)
		}
		time.Sleep(10 * time.Minute) // virtual: the janitor has been everywhere
		if err := errors.Join(create("a"), create("b")); err != nil {
			t.Fatalf("after expiry: %v", err)
		}
	})
}
