package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"qrlatch/server/login"
)

// RunAudience tests what nodes tell one another. open returns two nodes of one store.
func RunAudience(t *testing.T, open func(t *testing.T) (one, other login.Store)) {
	ctx := context.Background()
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	create := func(t *testing.T, s login.Store, h login.Handle, life time.Duration) {
		t.Helper()
		must(t, s.Logins.Create(ctx, login.Login{Handle: h, App: "shop", State: login.Pending, Deadline: time.Now().Add(life - 2*time.Minute)}))
	}
	heard := func(t *testing.T, s login.Store, h login.Handle) []login.Hearing {
		t.Helper()
		all, err := s.Audience.Heard(ctx, h)
		must(t, err)
		return all
	}
	now := time.Now().Truncate(time.Millisecond)
	full, bare := login.Hearing{At: now}, login.Hearing{At: now.Add(-time.Minute)}
	Fill(t, &full)
	full.At = now

	t.Run("the others hear everything, and oneself nothing", func(t *testing.T) {
		one, other := open(t)
		create(t, one, "a", time.Hour)
		for _, all := range [][]login.Hearing{{full, bare}, {bare}, {}, {bare, full, full}} {
			must(t, one.Audience.Hear(ctx, "a", all))
			got := heard(t, other, "a")
			for i := range got {
				got[i].At = got[i].At.In(now.Location())
			}
			if len(got) != len(all) || len(all) > 0 && !reflect.DeepEqual(got, all) {
				t.Errorf("heard %+v\nwant  %+v", got, all)
			}
			if got := heard(t, one, "a"); len(got) != 0 {
				t.Errorf("hears itself: %+v", got)
			}
		}
	})
	t.Run("logins are apart, and so are nodes", func(t *testing.T) {
		one, other := open(t)
		for i := range 20 {
			h := login.Handle(fmt.Sprint("login", i))
			create(t, one, h, time.Hour)
			must(t, one.Audience.Hear(ctx, h, []login.Hearing{{At: now.Add(time.Duration(i) * time.Second)}}))
			must(t, other.Audience.Hear(ctx, h, []login.Hearing{full}))
		}
		for i := range 20 {
			got := heard(t, other, login.Handle(fmt.Sprint("login", i)))
			if len(got) != 1 || !got[0].At.Equal(now.Add(time.Duration(i)*time.Second)) {
				t.Errorf("login %d: %+v", i, got)
			}
		}
		if got := heard(t, one, "never"); len(got) != 0 {
			t.Errorf("heard of a login that never was: %+v", got)
		}
	})
	t.Run("all is forgotten with the login", func(t *testing.T) {
		one, other := open(t)
		create(t, one, "a", 300*time.Millisecond)
		must(t, one.Audience.Hear(ctx, "a", []login.Hearing{full}))
		must(t, one.Audience.Hear(ctx, "none", []login.Hearing{full}))
		if got := heard(t, other, "none"); len(got) != 0 {
			t.Errorf("kept for a login that is not there: %+v", got)
		}
		for end := time.Now().Add(10 * time.Second); len(heard(t, other, "a")) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it is kept")
			}
		}
	})
	t.Run("nodes tell and hear at once", func(t *testing.T) {
		one, other := open(t)
		create(t, one, "a", time.Hour)
		nodes := []login.Store{one, other}
		race(50, func(i int) bool {
			err := nodes[i%2].Audience.Hear(ctx, "a", []login.Hearing{full, bare}[:1+i%2])
			all, err2 := nodes[(i+1)%2].Audience.Heard(ctx, "a")
			if err != nil || err2 != nil || len(all) == 0 || !slices.ContainsFunc(all, func(b login.Hearing) bool { return b.Network == full.Network }) {
				t.Errorf("%v, %v, %+v", err, err2, all)
			}
			return true
		})
	})
}
