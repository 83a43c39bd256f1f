package memstore_test

import (
	"context"
	"errors"
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
