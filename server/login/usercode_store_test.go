package login_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

var errStore = errors.New("the store is away")

// takenCodes says of the first codes that they are taken.
type takenCodes struct {
	login.Table[login.UserCodeID, login.UserCode]
	taken *int
	fails *error
}

func (t takenCodes) Create(c ctx, r login.UserCode) error {
	if *t.taken > 0 {
		*t.taken--
		return login.ErrExists
	}
	return t.Table.Create(c, r)
}

func (t takenCodes) Get(c ctx, id login.UserCodeID) (login.UserCode, error) {
	if *t.fails != nil {
		return login.UserCode{}, *t.fails
	}
	return t.Table.Get(c, id)
}

func worldOfTakenCodes(t *testing.T) (w *world, taken *int, fails *error) {
	taken, fails = new(int), new(error)
	return newWorld(t, func(s login.Store) login.Store {
		s.UserCodes = takenCodes{s.UserCodes, taken, fails}
		return s
	}), taken, fails
}

func TestTwoLoginsNeverShareAShortCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, taken, _ := worldOfTakenCodes(t)
		for n := range 8 {
			*taken = n
			_, l, code := w.shown()
			if l.UserCode != n+1 {
				t.Errorf("with %d taken it is draw %d", n, l.UserCode)
			}
			got, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			if got.Handle != l.Handle {
				t.Errorf("%q leads to another login", code)
			}
		}
		*taken = 8
		_, _, err := w.Start(w.ctx, login.Request{App: "shop", UserCode: true})
		w.wants(err, login.ErrExists)
	})
}

// fullLogins takes no login and remembers the codes that were to lead to some.
type fullLogins struct {
	login.Table[login.Handle, login.Login]
}

func (fullLogins) Create(ctx, login.Login) error { return login.ErrFull }

func TestALoginThatCannotStartLeavesNoCodeBehind(t *testing.T) {
	var saved []login.UserCodeID
	w := newWorld(t, func(s login.Store) login.Store {
		s.Logins = fullLogins{s.Logins}
		s.UserCodes = seenCodes{s.UserCodes, &saved}
		return s
	})
	_, _, err := w.Start(w.ctx, login.Request{App: "shop", UserCode: true})
	w.wants(err, login.ErrFull)
	if len(saved) != 1 {
		t.Fatalf("%d codes were saved", len(saved))
	}
	_, err = w.store.UserCodes.Get(w.ctx, saved[0])
	w.wants(err, login.ErrNotFound)
}

type seenCodes struct {
	login.Table[login.UserCodeID, login.UserCode]
	saved *[]login.UserCodeID
}

func (t seenCodes) Create(c ctx, r login.UserCode) error {
	*t.saved = append(*t.saved, r.ID)
	return t.Table.Create(c, r)
}

func TestWrongShortCodesAreLimitedAndNothingElseIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, fails := worldOfTakenCodes(t)
		w.LimitGuesses(limit.NewGuesses())
		_, _, code := w.shown()
		wrong := "BBBB-BBBB"
		if code == wrong {
			wrong = "BBBB-BBBC"
		}
		for range 20 { // no short codes
			for _, text := range []string{"BBBB-BBBA", "BBBB-BBB", "", strings.Repeat("b", 28), "https://login.example/l/" + wrong} {
				_, err := w.Scan(w.ctx, alice, text, time.Time{})
				w.wants(err, login.ErrNotFound)
			}
		}
		for range 5 {
			_, _, own := w.shown()
			_, err := w.Scan(w.ctx, alice, own, time.Time{})
			w.must(err) // right ones do not count
			*fails = errStore
			_, err = w.Scan(w.ctx, alice, wrong, time.Time{})
			w.wants(err, errStore) // nor what nobody has looked at
			*fails = nil
			_, err = w.Scan(w.ctx, alice, wrong, time.Time{})
			w.wants(err, login.ErrNotFound)
			time.Sleep(time.Minute)
		}
		for _, text := range []string{wrong, code} {
			_, err := w.Scan(w.ctx, alice, text, time.Time{})
			w.wants(err, login.ErrTooManyCodes)
			later := (*login.RetryError)(nil)
			if !errors.As(err, &later) || later.After != 5*time.Minute {
				t.Errorf("%v, %+v", err, later)
			}
		}
		_, l := w.start()
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err) // pictures go on
		_, err = w.Scan(w.ctx, bob, wrong, time.Time{})
		w.wants(err, login.ErrNotFound) // and so do other people
		time.Sleep(5 * time.Minute)
		_, _, code = w.shown()
		_, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
	})
}

// A code that another phone has taken must look like any wrong one, in what it costs too.
func TestAUsedCodeCountsAsWrong(t *testing.T) {
	inTime(t, func(w *world) {
		w.LimitGuesses(limit.NewGuesses())
		_, _, code := w.shown()
		_, err := w.Scan(w.ctx, bob, code, time.Time{})
		w.must(err)
		for range 5 {
			_, err = w.Scan(w.ctx, alice, code, time.Time{})
			w.wants(err, login.ErrNotFound)
		}
		_, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.wants(err, login.ErrTooManyCodes)
	})
}

func TestAShortCodeFromABlockedNetworkIsRefused(t *testing.T) {
	inTime(t, func(w *world) {
		v, _ := w.signedIn()
		w.must(w.Disown(w.ctx, alice.Phone, string(v.ID)))
		_, _, code := w.shown()
		_, err := w.Scan(w.ctx, alice, code, time.Time{})
		w.wants(err, login.ErrBlocked)
	})
}

// heard is told of every try, and allows all.
type heard struct{ person, network string }

func (h *heard) Take(person, network string) time.Duration {
	h.person, h.network = person, network
	return 0
}

func (h *heard) Return(string, string) {}

func TestATryIsThatOfAPersonFromANetwork(t *testing.T) {
	w := newWorld(t, nil)
	var h heard
	w.LimitGuesses(&h)
	for addr, network := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8::1%eth0": "2001:db8::/64",
	} {
		who := alice
		who.Addr = netip.MustParseAddr(addr)
		_, err := w.Scan(w.ctx, who, "BBBB-BBBB", time.Time{})
		w.wants(err, login.ErrNotFound)
		if h.person != alice.Key() || h.network != network {
			t.Errorf("%s: %+v", addr, h)
		}
	}
}
