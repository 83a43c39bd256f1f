package login_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// trouble has one call of a store fail, of all its tables together.
type trouble struct {
	calls, failAt int
	done          bool // it fails when it has done what it was asked, as if the answer were lost
}

func (t *trouble) meet(call func() error) error {
	t.calls++
	if t.calls != t.failAt {
		return call()
	}
	if t.done {
		_ = call()
	}
	return errAway
}

func (t *trouble) over() bool { return t.calls < t.failAt }

type troubled[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	*trouble
}

func (t troubled[K, R]) Create(c context.Context, r R) error {
	return t.meet(func() error { return t.Table.Create(c, r) })
}

func (t troubled[K, R]) Get(c context.Context, key K) (r R, err error) {
	err = t.meet(func() error { r, err = t.Table.Get(c, key); return err })
	return r, err
}

func (t troubled[K, R]) Update(c context.Context, key K, change func(*R) error) (r R, err error) {
	err = t.meet(func() error { r, err = t.Table.Update(c, key, change); return err })
	return r, err
}

func (t troubled[K, R]) Delete(c context.Context, key K) error {
	return t.meet(func() error { return t.Table.Delete(c, key) })
}

func (t troubled[K, R]) Owned(c context.Context, phone login.Phone) (all []R, err error) {
	err = t.meet(func() error { all, err = t.Table.Owned(c, phone); return err })
	return all, err
}

// inTrouble runs test on a world whose store can be told to fail.
func inTrouble(t *testing.T, test func(w *world, store *trouble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := &trouble{}
		test(newWorld(t, func(s login.Store) login.Store {
			s.Logins = troubled[login.Handle, login.Login]{s.Logins, store}
			s.Sessions = troubled[login.SessionID, login.Session]{s.Sessions, store}
			s.Push = troubled[login.PushID, login.PushTicket]{s.Push, store}
			return s
		}), store)
	})
}

// redemptions are the two ways to present the ticket of l.
var redemptions = map[string]func(w *world, l login.Login) (login.Session, error){
	"the site": func(w *world, l login.Login) (login.Session, error) {
		return w.RedeemTicket(w.ctx, "shop", w.query(l).Get("ticket"))
	},
	"the page": func(w *world, l login.Login) (login.Session, error) { return w.RedeemPage(w.ctx, w.query(l), desk) },
}

// Whatever call of the store fails, and whether or not it was done all the same: who tries
// again gets in, and gets in once.
func TestWhoeverTriesAgainAfterTroubleGetsInOnce(t *testing.T) {
	for name, redeem := range redemptions {
		for what, done := range map[string]bool{"was not done": false, "was done, and its answer lost": true} {
			for _, pause := range []time.Duration{0, 45 * time.Second, 2 * time.Minute} {
				t.Run(name+", "+what+", after "+pause.String(), func(t *testing.T) {
					last := 0 // the number of calls of a redemption
					for failAt := 1; last == 0; failAt++ {
						inTrouble(t, func(w *world, store *trouble) {
							w.configure(func(a *login.App) { a.OneSession = true })
							_, before := w.signedIn()
							time.Sleep(time.Hour)
							id, _ := w.pushed(before.PushTicket, decimal(before.UIN))
							l, err := w.Approve(w.ctx, alice.Phone, string(mustGet(w, login.Holder{ID: string(id)}).Handle), "")
							w.must(err)
							store.calls, store.failAt, store.done = 0, failAt, done
							if _, err = redeem(w, l); err == nil && store.over() {
								last = failAt - 1
								return
							}
							inAlready := err == nil // the trouble was of no account
							time.Sleep(pause)
							v, err := redeem(w, l)
							switch {
							case failAt == 1 && !done && pause > time.Minute:
								w.wants(err, login.ErrRefused) // the ticket has run out
								return
							case inAlready && name == "the site":
								w.wants(err, login.ErrRedeemed)
							case inAlready && pause > 0:
								w.wants(err, login.ErrRedeemed) // a page has 40 s
							default:
								w.must(err)
								if got, err := w.SessionOf(w.ctx, "shop", string(v.ID)); err != nil || got.Ended != login.Active {
									t.Errorf("call %d: the session is %+v, %v", failAt, got, err)
								}
							}
							if _, err = redeem(w, l); name == "the site" || pause > 0 && err != nil {
								w.wants(err, login.ErrRedeemed)
							}
							list, err := w.SessionsOf(w.ctx, alice.Phone)
							w.must(err)
							tickets, err := w.store.Push.Owned(w.ctx, alice.Phone)
							w.must(err)
							cookies := 0 // that a site could give to nobody
							if name == "the page" {
								cookies = 1
							}
							if len(list) != 1 || len(tickets) != cookies || cookies > 0 && tickets[0].Session != list[0].ID {
								t.Errorf("call %d: %d sessions, %d push tickets", failAt, len(list), len(tickets))
							}
						})
					}
					if last < 8 {
						t.Errorf("only %d calls were tried", last)
					}
				})
			}
		}
	}
}

// A session that was saved, and never handed out, is not made again once it is gone.
func TestASessionThatHasEndedIsNotMadeAgain(t *testing.T) {
	for name, redeem := range redemptions {
		for what, test := range map[string]struct {
			life, ticket time.Duration
			lost         bool // the session was saved, and nobody got it
			after        time.Duration
			want         error
		}{
			"signed out before it was handed out": {12 * time.Hour, time.Minute, true, time.Second, login.ErrRefused},
			"and gone with its tombstone":         {12 * time.Hour, 10 * time.Minute, true, 10*time.Minute + time.Second, login.ErrRedeemed},
			"and gone with its own end":           {20 * time.Second, time.Minute, true, 21 * time.Second, login.ErrRedeemed},
			"handed out, and gone long ago":       {12 * time.Hour, 10 * time.Minute, false, 10*time.Minute + time.Second, login.ErrRedeemed},
			"handed out, short, and gone":         {20 * time.Second, time.Minute, false, 21 * time.Second, login.ErrRedeemed},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				inTrouble(t, func(w *world, store *trouble) {
					w.config.SessionTTL, w.config.TicketTTL = test.life, test.ticket
					w.Configure(w.config)
					_, l := w.approved()
					if test.lost {
						store.calls, store.failAt, store.done = 0, 3, true // mark, look, session
						if name == "the page" {
							store.failAt++ // its push ticket
						}
					}
					_, err := redeem(w, l)
					if test.lost {
						w.wants(err, errAway)
					} else {
						w.must(err)
					}
					list, err := w.SessionsOf(w.ctx, alice.Phone)
					w.must(err)
					if len(list) != 1 {
						t.Fatalf("%d sessions", len(list))
					}
					w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(list[0].ID)))
					time.Sleep(test.after)
					_, err = redeem(w, l)
					if !errors.Is(err, test.want) && (name == "the site" || !errors.Is(err, login.ErrRefused)) {
						t.Errorf("it gave %v", err)
					}
					if list, err = w.SessionsOf(w.ctx, alice.Phone); err != nil || len(list) != 0 {
						t.Errorf("%d sessions are back, %v", len(list), err)
					}
					if tickets, _ := w.store.Push.Owned(w.ctx, alice.Phone); len(tickets) != 0 {
						t.Errorf("%d push tickets are left", len(tickets))
					}
				})
			})
		}
	}
}

// The site asks many times at once, when its first call has failed.
func TestOfManyThatTryAgainAtOnceOneGetsIn(t *testing.T) {
	for failAt := 2; failAt <= 3; failAt++ {
		for _, done := range []bool{false, true} {
			inTrouble(t, func(w *world, store *trouble) {
				_, l := w.approved()
				ticket := w.query(l).Get("ticket")
				store.calls, store.failAt, store.done = 0, failAt, done
				_, err := w.RedeemTicket(w.ctx, "shop", ticket)
				w.wants(err, errAway)
				s := w.unwrapped()
				sessions := &slow[login.SessionID, login.Session]{Table: s.Sessions}
				sessions.before.Store(int64(time.Second)) // so that all have come that far
				s.Sessions = sessions
				w.Service = login.NewService(s, w.config)
				won := race(50, func(int) bool {
					_, err := w.RedeemTicket(w.ctx, "shop", ticket)
					return err == nil
				})
				if won != 1 {
					t.Errorf("call %d: %d got in", failAt, won)
				}
			})
		}
	}
}

// unwrapped is the store without trouble, which counts on one goroutine only.
func (w *world) unwrapped() login.Store {
	s := w.store
	s.Logins = s.Logins.(troubled[login.Handle, login.Login]).Table
	s.Sessions = s.Sessions.(troubled[login.SessionID, login.Session]).Table
	s.Push = s.Push.(troubled[login.PushID, login.PushTicket]).Table
	return s
}

// A call that was overtaken, by one that got in and by the phone that ended that, leaves nothing.
func TestACallThatIsOvertakenLeavesNoPushTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		during := &duringPush{}
		w := newWorld(t, func(s login.Store) login.Store {
			during.Table = s.Push
			s.Push = during
			return s
		})
		_, l := w.approved()
		during.once = func() {
			v, err := w.RedeemPage(w.ctx, w.query(l), desk)
			w.must(err)
			w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)))
		}
		_, err := w.RedeemPage(w.ctx, w.query(l), desk)
		w.wants(err, login.ErrRefused)
		if tickets, _ := w.store.Push.Owned(w.ctx, alice.Phone); len(tickets) != 0 {
			t.Errorf("%d push tickets are left", len(tickets))
		}
	})
}
