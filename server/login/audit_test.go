package login_test

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// twice is a table whose changes run twice, as they do after a lost race.
type twice[K ~string, R login.Record[K]] struct{ login.Table[K, R] }

func (t twice[K, R]) Update(ctx ctx, key K, change func(*R) error) (R, error) {
	return t.Table.Update(ctx, key, func(r *R) error {
		rehearsal := *r
		_ = change(&rehearsal) // what comes of it is thrown away
		return change(r)
	})
}

// audited runs test on a world whose events are kept, over a table whose changes run twice.
func audited(t *testing.T, test func(w *world, told func() []login.Event)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s login.Store) login.Store {
			s.Logins = twice[login.Handle, login.Login]{s.Logins}
			s.Sessions = twice[login.SessionID, login.Session]{s.Sessions}
			return s
		})
		var mu sync.Mutex
		var events []login.Event
		w.config.Audit = func(e login.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		}
		w.Configure(w.config)
		test(w, func() []login.Event {
			mu.Lock()
			defer mu.Unlock()
			return events
		})
	})
}

func TestEachChangeIsToldOnceAndARepetitionNever(t *testing.T) {
	approve := func(w *world, l login.Login, number string) error {
		_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
		return err
	}
	page := func(w *world, q url.Values, b login.Browser) login.Session {
		v, _ := w.RedeemPage(w.ctx, q, b) // the events say what came of it
		return v
	}
	for _, test := range []struct {
		name string
		do   func(w *world)
		want string // event and check of the number, each
	}{
		{"a scan, twice", func(w *world) {
			_, l := w.start()
			code := w.code(l)
			for range 2 {
				_, err := w.Scan(w.ctx, alice, code, time.Time{})
				w.must(err)
			}
			_, err := w.Scan(w.ctx, bob, code, time.Time{})
			w.wants(err, login.ErrTaken)
		}, "scan none"},
		{"an approval, twice, and a no that is too late", func(w *world) {
			_, l := w.approved()
			w.must(approve(w, l, ""))
			_, err := w.Deny(w.ctx, alice.Phone, string(l.Handle))
			w.wants(err, login.ErrDecided)
			_, err = w.Approve(w.ctx, bob.Phone, string(l.Handle), "")
			w.wants(err, login.ErrNotYours)
		}, "scan none, approve none"},
		{"a denial, twice", func(w *world) {
			_, l := w.scanned()
			for range 2 {
				_, err := w.Deny(w.ctx, alice.Phone, string(l.Handle))
				w.must(err)
			}
		}, "scan none, deny none"},
		{"the right number at the second try", func(w *world) {
			w.configure(func(a *login.App) { a.Number = login.NumberAlways })
			_, l := w.scanned()
			number, _ := w.Number(l)
			w.wants(approve(w, l, "1"), login.ErrWrongNumber)
			w.must(approve(w, l, number))
		}, "scan asked, wrong_number wrong, approve right"},
		{"three wrong numbers", func(w *world) {
			w.configure(func(a *login.App) { a.Number = login.NumberAlways })
			_, l := w.scanned()
			for range 3 {
				w.wants(approve(w, l, "1"), login.ErrWrongNumber)
			}
			w.wants(approve(w, l, "1"), login.ErrDecided)
		}, "scan asked, wrong_number wrong, wrong_number wrong, wrong_number failed"},
		{"a redemption and its retry", func(w *world) {
			_, l := w.approved()
			q := w.query(l)
			page(w, q, desk)
			page(w, q, desk)
		}, "scan none, approve none, redeem none"},
		{"a ticket that somebody else has too", func(w *world) {
			_, l := w.approved()
			q := w.query(l)
			page(w, q, desk)
			page(w, q, other)
			page(w, q, other)
		}, "scan none, approve none, redeem none, ticket_reused none, sign_out , ticket_refused none"},
		{"a ticket that comes too late", func(w *world) {
			_, l := w.approved()
			q := w.query(l)
			time.Sleep(time.Minute)
			page(w, q, desk)
		}, "scan none, approve none, ticket_refused none"},
		{"a ticket of another app, and one that is redeemed already", func(w *world) {
			_, l := w.approved()
			for _, app := range []string{"forum", "shop", "shop"} {
				_, _ = w.RedeemTicket(w.ctx, app, w.query(l).Get("ticket")) // the events say what came of it
			}
		}, "scan none, approve none, ticket_refused none, redeem none, ticket_refused none"},
		{"what is no ticket of ours", func(w *world) {
			_, l := w.approved()
			q := w.query(l)
			for _, text := range []string{"", "x", altered(q.Get("ticket")), strings.Repeat("A", len(q.Get("ticket")))} {
				_, err := w.RedeemTicket(w.ctx, "shop", text)
				w.wants(err, login.ErrRefused)
			}
			q.Set("sig", "x")
			page(w, q, desk)
		}, "scan none, approve none"},
		{"a sign-out, twice", func(w *world) {
			v, _ := w.signedIn()
			w.must(w.SignOut(w.ctx, "shop", string(v.ID)))
			w.wants(w.SignOut(w.ctx, "shop", string(v.ID)), login.ErrNotFound)
		}, "scan none, approve none, redeem none, sign_out "},
		{"a sign-out by the phone", func(w *world) {
			v, _ := w.signedIn()
			w.wants(w.SignOutByPhone(w.ctx, bob.Phone, string(v.ID)), login.ErrNotFound)
			w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)))
		}, "scan none, approve none, redeem none, sign_out "},
		{"it was not me", func(w *world) {
			v, _ := w.signedIn()
			w.must(w.Disown(w.ctx, alice.Phone, string(v.ID)))
		}, "scan none, approve none, redeem none, not_me "},
		{"a sign-in that ends another", func(w *world) {
			w.configure(func(a *login.App) { a.OneSession = true })
			w.signedIn()
			time.Sleep(time.Second)
			w.signedIn()
		}, "scan none, approve none, redeem none, scan none, approve none, redeem none, sign_out "},
		{"a browser that asks by itself", func(w *world) {
			_, c := w.signedIn()
			_, _, err := w.StartPush(w.ctx, c.PushTicket, decimal(c.UIN), login.Request{Browser: desk})
			w.must(err)
			_, _, err = w.StartPush(w.ctx, c.PushTicket, decimal(c.UIN), login.Request{Browser: desk})
			w.wants(err, login.ErrNotFound)
		}, "scan none, approve none, redeem none, push none"},
		{"nothing, while the store is away", func(w *world) {
			_, l := w.scanned()
			store := w.store
			store.Logins = away{w.store.Logins}
			w.Service = login.NewService(store, w.config)
			w.wants(approve(w, l, ""), errAway)
			_, err := w.Deny(w.ctx, alice.Phone, string(l.Handle))
			w.wants(err, errAway)
			_, err = w.RedeemTicket(w.ctx, "shop", strings.Repeat("A", len(l.Handle)+24))
			w.wants(err, errAway)
		}, "scan none"},
		{"no wrong number that was not saved", func(w *world) {
			w.configure(func(a *login.App) { a.Number = login.NumberAlways })
			_, l := w.scanned()
			store := w.store
			store.Logins = away{w.store.Logins}
			w.Service = login.NewService(store, w.config)
			w.wants(approve(w, l, "1"), errAway)
		}, "scan asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			audited(t, func(w *world, told func() []login.Event) {
				test.do(w)
				var got []string
				for _, e := range told() {
					got = append(got, fmt.Sprintf("%s %s", e.Name, e.Number))
					if e.App != "shop" || e.Phone != alice.Phone || e.Login == "" || e.Time.IsZero() || e.Browser != desk {
						t.Errorf("%+v", e)
					}
				}
				if text := strings.Join(got, ", "); text != test.want {
					t.Errorf("told %s\nwant %s", text, test.want)
				}
			})
		})
	}
}

var errAway = errors.New("the store is away")

// away is a table that changes nothing, and says so when the change was made.
type away struct {
	login.Table[login.Handle, login.Login]
}

func (a away) Update(ctx ctx, h login.Handle, change func(*login.Login) error) (login.Login, error) {
	if l, err := a.Get(ctx, h); err == nil {
		_ = change(&l) // it is lost
	}
	return login.Login{}, errAway
}

func TestAnEventSaysWhereEverybodyIs(t *testing.T) {
	audited(t, func(w *world, told func() []login.Event) {
		phone, later := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
		_, l := w.start()
		who := alice
		who.Addr = phone
		time.Sleep(3 * time.Minute)
		l, err := w.Scan(w.ctx, who, w.code(l), time.Time{})
		w.must(err)
		number, _ := w.Number(l)
		l, err = w.Approve(login.FromPhone(w.ctx, netip.AddrFrom16(later.As16())), alice.Phone, string(l.Handle), number)
		w.must(err)
		_, err = w.RedeemPage(w.ctx, w.query(l), other)
		w.must(err)
		events := told()
		if len(events) != 3 {
			t.Fatalf("%+v", events)
		}
		id, _ := w.SessionIDOf(l)
		for i, want := range []login.Event{
			{Name: login.EventScan, PhoneAddr: phone, Number: login.NumberAsked},
			{Name: login.EventApprove, PhoneAddr: later, Number: login.NumberRight},
			{Name: login.EventRedeem, Presenter: other, Number: login.NumberRight, Session: id},
		} {
			want.Time, want.App, want.Login, want.Phone, want.Browser, want.Risk = events[i].Time, "shop", l.Handle, alice.Phone, desk, login.RiskDelay
			if events[i] != want {
				t.Errorf("got  %+v\nwant %+v", events[i], want)
			}
		}
	})
}

// Of a thousand at once, each change is still told once.
func TestOfManyAtOnceEachChangeIsToldOnce(t *testing.T) {
	audited(t, func(w *world, told func() []login.Event) {
		_, l := w.start()
		code := w.code(l)
		race(100, func(int) bool { _, err := w.Scan(w.ctx, alice, code, time.Time{}); return err == nil })
		race(100, func(int) bool { _, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), ""); return err == nil })
		l, err := w.Scanned(w.ctx, alice.Phone, string(l.Handle))
		w.must(err)
		q := w.query(l)
		race(100, func(int) bool { _, err := w.RedeemPage(w.ctx, q, desk); return err == nil })
		count := map[login.EventName]int{}
		for _, e := range told() {
			count[e.Name]++
		}
		if len(told()) != 3 || count[login.EventScan] != 1 || count[login.EventApprove] != 1 || count[login.EventRedeem] != 1 {
			t.Errorf("%v", count)
		}
	})
}

func TestAScanThatLetsAnybodyCollectIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed, drawn, want bool
	}{
		"self-drawn, allowed":  {true, true, true},
		"self-drawn, refused":  {false, true, false}, // only the cookie that began collects
		"our picture, allowed": {true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			audited(t, func(w *world, told func() []login.Event) {
				w.config.Apps[0].UnboundScan = tt.allowed
				w.Configure(w.config)
				h, l := w.start()
				text := w.code(l)
				if tt.drawn {
					text = h.ID
				}
				_, err := w.Scan(w.ctx, alice, text, time.Time{})
				w.must(err)
				if events := told(); len(events) != 1 || events[0].Unbound != tt.want {
					t.Errorf("%+v", events)
				}
			})
		})
	}
}
