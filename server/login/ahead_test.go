package login_test

import (
	"slices"
	"testing"
	"time"

	"qrlatch/server/login"
)

const slot = 20 * time.Second

func (w *world) ahead(h login.Holder, most int) []login.SlotCode {
	w.t.Helper()
	codes, err := w.CodesAhead(w.ctx, h, most)
	w.must(err)
	return codes
}

func TestTheCodesAheadAreThoseOfTheirSlotsUntilTheDeadline(t *testing.T) {
	for _, test := range []struct {
		life    time.Duration
		begin   time.Duration
		most    int
		want    int
		current time.Duration // how long the first is shown
	}{
		{5 * time.Minute, 0, 20, 15, slot},
		{5 * time.Minute, 0, 3, 3, slot},
		{5 * time.Minute, 33 * time.Second, 20, 14, 7 * time.Second},
		{5 * time.Minute, 5*time.Minute - 1, 20, 1, 1},
		{time.Hour, 0, 20, 20, slot},
		{time.Hour, 30 * time.Minute, 20, 20, slot},
		{10 * time.Second, 0, 20, 1, slot},
		{slot, 0, 20, 1, slot},
		{slot + 1, 0, 20, 2, slot},
	} {
		inTime(t, func(w *world) {
			w.config.LoginTTL = test.life
			w.Configure(w.config)
			h, l := w.start()
			time.Sleep(test.begin)
			codes := w.ahead(h, test.most)
			if len(codes) != test.want || codes[0].For != test.current {
				t.Fatalf("%+v: %d codes, the first for %v", test, len(codes), codes[0].For)
			}
			for i, c := range codes {
				if at := w.code(l); at != c.Code {
					t.Fatalf("%+v: code %d is not the one of its slot", test, i)
				}
				if i > 0 && c.For != slot {
					t.Errorf("%+v: code %d is shown for %v", test, i, c.For)
				}
				if i < len(codes)-1 {
					time.Sleep(c.For)
				}
			}
		})
	}
}

func TestOnlyAPendingLoginOfOnesOwnHasCodesAhead(t *testing.T) {
	inTime(t, func(w *world) {
		scanned, _ := w.scanned()
		approved, _ := w.approved()
		expired, _ := w.start()
		pending, _ := w.start()
		forged := login.Holder{ID: altered(pending.ID)}
		time.Sleep(5 * time.Minute)
		for _, h := range []login.Holder{scanned, approved, expired, forged, {}, {ID: "x"}} {
			_, err := w.CodesAhead(w.ctx, h, 20)
			w.wants(err, login.ErrNotFound)
		}
	})
}

// Nobody can know a code before its time, unless it was given out; so one that is
// presented without that is a guess.
func TestACodeOfAComingSlotIsUnknownUntilItWasGivenOut(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		future, _, _ := w.Code(l, l.Started.Add(3*slot))
		_, err := w.Look(w.ctx, future)
		w.wants(err, login.ErrNotFound)
		_, err = w.Scan(w.ctx, alice, future, time.Time{})
		w.wants(err, login.ErrNotFound)

		w.ahead(h, 3) // slots 0 to 2
		_, err = w.Scan(w.ctx, alice, future, time.Time{})
		w.wants(err, login.ErrNotFound)

		w.ahead(h, 4)
		if _, err := w.Look(w.ctx, future); err != nil {
			t.Error(err)
		}
		w.ahead(h, 2) // a shorter one takes nothing back
		l, err = w.Scan(w.ctx, alice, future, time.Time{})
		w.must(err)
		if !l.NumberRequired {
			t.Error("it needs no number")
		}
	})
}

func TestACodeOutOfItsSlotNeedsTheNumberWhateverTheRule(t *testing.T) {
	for rule, name := range map[login.NumberRule]string{login.NumberOnRisk: "risk", login.NumberNever: "never", login.NumberAlways: "always"} {
		for shown := range 15 { // the slot of the code that the viewer sees, at slot 7
			inTime(t, func(w *world) {
				w.configure(func(a *login.App) { a.Number = rule })
				h, _ := w.start()
				codes := w.ahead(h, 20)
				time.Sleep(7*slot + 10*time.Second)
				w.asks(h)
				l, err := w.Scan(w.ctx, alice, codes[shown].Code, time.Time{})
				w.must(err)
				want := rule == login.NumberAlways || !slices.Contains([]int{6, 7}, shown)
				if l.NumberRequired != want {
					t.Errorf("rule %s, code %d at slot 7: number %v", name, shown, l.NumberRequired)
				}
				if _, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), ""); (err != nil) != want {
					t.Errorf("rule %s, code %d: approved without a number: %v", name, shown, err)
				}
				number, _ := w.Number(l)
				_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
				w.must(err)
			})
		}
	}
}

// Signing in first makes a code stale no more than it makes it timely.
func TestACodeThatWasOpenedTooEarlyNeedsTheNumberLaterToo(t *testing.T) {
	inTime(t, func(w *world) {
		h, _ := w.start()
		early := w.ahead(h, 20)[2].Code
		opened := time.Now()
		time.Sleep(2*slot + time.Second)
		l, err := w.Scan(w.ctx, alice, early, opened)
		w.must(err)
		if !l.NumberRequired {
			t.Error("it needs no number")
		}
	})
}

// A page that refreshes itself fetches its picture again and again.
func TestTheSameCodesAgainWriteNothing(t *testing.T) {
	inTime(t, func(w *world) {
		writes := 0
		store := w.store
		store.Logins = counted{store.Logins, &writes}
		w.Service = login.NewService(store, w.config)
		h, _ := w.start()
		for range 50 {
			w.ahead(h, 20)
			time.Sleep(5 * time.Second)
		}
		if writes != 1 {
			t.Errorf("%d writes", writes)
		}
	})
}

type counted struct {
	login.Table[login.Handle, login.Login]
	updates *int
}

func (c counted) Update(x ctx, h login.Handle, change func(*login.Login) error) (login.Login, error) {
	*c.updates++
	return c.Table.Update(x, h, change)
}
