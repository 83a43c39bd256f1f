package login_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// pushed starts a push login with what a browser was left.
func (w *world) pushed(ticket, uin string) (id login.ID, next string) {
	w.t.Helper()
	id, next, err := w.StartPush(w.ctx, ticket, uin, login.Request{Browser: desk})
	w.must(err)
	return id, next
}

// collected has alice say yes to a push login and its browser collect.
func (w *world) collected(id login.ID) (login.Session, login.Credentials) {
	w.t.Helper()
	l, err := w.Approve(w.ctx, alice.Phone, string(id[:12]), "")
	w.must(err)
	v, err := w.RedeemPage(w.ctx, w.query(l), desk)
	w.must(err)
	c, err := w.Credentials(v)
	w.must(err)
	return v, c
}

func (w *world) refusesPush(why, ticket, uin string) {
	w.t.Helper()
	if _, _, err := w.StartPush(w.ctx, ticket, uin, login.Request{}); !errors.Is(err, login.ErrNotFound) {
		w.t.Errorf("%s: got error %v, want %v", why, err, login.ErrNotFound)
	}
}

func TestAPushLoginAsksThePhoneWithoutAScan(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		id, next := w.pushed(c.PushTicket, decimal(c.UIN))
		l, err := w.Get(w.ctx, login.Holder{ID: string(id)})
		w.must(err)
		if l.State != login.Scanned || !l.Push || l.Phone != alice.Phone || l.Profile != alice.Profile || l.App != "shop" || l.NumberRequired {
			t.Errorf("the login is %+v", l)
		}
		if _, _, ok := w.Code(l, time.Now()); ok {
			t.Error("it shows a code")
		}
		if list, _ := w.Undecided(w.ctx, alice.Phone); len(list) != 1 || list[0].Handle != l.Handle {
			t.Errorf("the phone lists %+v", list)
		}
		_, err = w.Approve(w.ctx, bob.Phone, string(l.Handle), "")
		w.wants(err, login.ErrNotYours)
		again, c2 := w.collected(id)
		if again.ID == v.ID || c2.UIN != c.UIN || next == c.PushTicket || c2.PushTicket == next {
			t.Errorf("the session is %+v", again)
		}
	})
}

func TestAPushTicketIsSpentAndRenewed(t *testing.T) {
	inTime(t, func(w *world) {
		_, c := w.signedIn()
		uin := decimal(c.UIN)
		_, second := w.pushed(c.PushTicket, uin)
		w.refusesPush("the first ticket again", c.PushTicket, uin)
		_, third := w.pushed(second, uin)
		w.refusesPush("the second ticket again", second, uin)
		if third == second || third == c.PushTicket {
			t.Error("a ticket came back")
		}
	})
}

func TestAPushTicketIsGoodForItsAccountOnlyAndAGuessDoesNotSpendIt(t *testing.T) {
	inTime(t, func(w *world) {
		_, c := w.signedIn()
		uin := decimal(c.UIN)
		for _, wrong := range []string{"", "0", uin + "0", uin[1:], "-" + uin, "0" + uin, " " + uin, decimal(c.UIN + 2)} {
			w.refusesPush("uin "+wrong, c.PushTicket, wrong)
		}
		for _, wrong := range []string{
			"", c.PushTicket[:35], c.PushTicket[:12] + strings.Repeat("A", 24), c.PushTicket[12:] + c.PushTicket[:12], strings.Repeat("\n", 36), c.SID[:36],
		} {
			w.refusesPush("a wrong ticket", wrong, uin)
		}
		w.pushed(c.PushTicket, uin)
	})
}

// Rivals count against the limit for a moment, so they may all be refused at once; then
// the ticket is still good.
func TestOfFiftyThatUseOnePushTicketOneGetsALogin(t *testing.T) {
	for range 10 {
		inTime(t, func(w *world) {
			_, c := w.signedIn()
			won := race(50, func(int) bool {
				_, _, err := w.StartPush(w.ctx, c.PushTicket, decimal(c.UIN), login.Request{})
				if err != nil && !errors.Is(err, login.ErrNotFound) && !errors.Is(err, login.ErrTooMany) {
					t.Error(err)
				}
				return err == nil
			})
			if won == 0 {
				w.pushed(c.PushTicket, decimal(c.UIN))
				won++
			}
			list, err := w.Undecided(w.ctx, alice.Phone)
			w.must(err)
			if won != 1 || len(list) != 1 {
				t.Errorf("%d got a login, and the phone was asked %d times", won, len(list))
			}
			w.refusesPush("once more", c.PushTicket, decimal(c.UIN))
		})
	}
}

// Spending is one write, and what is spent may be there for a while.
func TestAPushTicketThatIsSpentAndNotDeletedYetIsNotGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		push := &slow[login.PushID, login.PushTicket]{}
		w := newWorld(t, func(s login.Store) login.Store {
			push.Table = s.Push
			s.Push = push
			return s
		})
		_, c := w.signedIn()
		push.before.Store(int64(time.Second))
		won := race(3, func(int) bool {
			_, _, err := w.StartPush(w.ctx, c.PushTicket, decimal(c.UIN), login.Request{})
			return err == nil
		})
		if list, _ := w.Undecided(w.ctx, alice.Phone); won != 1 || len(list) != 1 {
			t.Errorf("%d of three got a login, and the phone was asked %d times", won, len(list))
		}
	})
}

func TestAPersonIsAskedThreeTimesInTenMinutes(t *testing.T) {
	inTime(t, func(w *world) {
		_, c := w.signedIn()
		uin, ticket := decimal(c.UIN), c.PushTicket
		for range 3 {
			_, ticket = w.pushed(ticket, uin)
			time.Sleep(2 * time.Minute)
		}
		for range 4 { // the first prompt was six minutes ago
			_, _, err := w.StartPush(w.ctx, ticket, uin, login.Request{})
			w.wants(err, login.ErrTooMany)
			time.Sleep(time.Minute - 1)
		}
		time.Sleep(4 * time.Nanosecond)
		w.pushed(ticket, uin) // it survived being refused
	})
}

// A person may have many browsers, each with a ticket: the limit is per person.
func TestBrowsersThatAskAtOnceShareTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := &slow[login.Handle, login.Login]{}
		w := newWorld(t, func(s login.Store) login.Store {
			logins.Table = s.Logins
			s.Logins = logins
			return s
		})
		var left []login.Credentials
		for range 10 {
			_, c := w.signedIn()
			left = append(left, c)
		}
		logins.after.Store(int64(10 * time.Millisecond)) // all count before any has asked
		asked := race(10, func(i int) bool {
			_, _, err := w.StartPush(w.ctx, left[i].PushTicket, decimal(left[i].UIN), login.Request{})
			return err == nil
		})
		if asked > 3 {
			t.Errorf("the person was asked %d times at once", asked)
		}
	})
}

func TestAPushTicketEnds(t *testing.T) {
	for why, end := range map[string]func(w *world, v login.Session, c login.Credentials) error{
		"with the sign-out of its session": func(w *world, v login.Session, _ login.Credentials) error {
			return w.SignOut(w.ctx, "shop", string(v.ID))
		},
		"with the sign-out by the phone": func(w *world, v login.Session, _ login.Credentials) error {
			return w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID))
		},
		"after thirty days": func(w *world, _ login.Session, _ login.Credentials) error {
			w.noJanitor()
			time.Sleep(30*24*time.Hour + 1)
			return nil
		},
	} {
		t.Run(why, func(t *testing.T) {
			inTime(t, func(w *world) {
				v, c := w.signedIn()
				w.must(end(w, v, c))
				w.refusesPush(why, c.PushTicket, decimal(c.UIN))
			})
		})
	}
	t.Run("all of a person at the app with a no", func(t *testing.T) {
		inTime(t, func(w *world) {
			_, first := w.signedIn()
			_, second := w.signedIn()
			id, next := w.pushed(first.PushTicket, decimal(first.UIN))
			_, err := w.Deny(w.ctx, alice.Phone, string(id[:12]))
			w.must(err)
			w.refusesPush("of that browser", next, decimal(first.UIN))
			w.refusesPush("of the other one", second.PushTicket, decimal(first.UIN))
		})
	})
	t.Run("but not with a no to a scan", func(t *testing.T) {
		inTime(t, func(w *world) {
			_, c := w.signedIn()
			_, l := w.scanned()
			_, err := w.Deny(w.ctx, alice.Phone, string(l.Handle))
			w.must(err)
			w.pushed(c.PushTicket, decimal(c.UIN))
		})
	})
	t.Run("but not with the end of its session by time", func(t *testing.T) {
		inTime(t, func(w *world) {
			w.noJanitor()
			_, c := w.signedIn()
			time.Sleep(29 * 24 * time.Hour)
			_, next := w.pushed(c.PushTicket, decimal(c.UIN))
			time.Sleep(29 * 24 * time.Hour)
			w.pushed(next, decimal(c.UIN))
		})
	})
}

// A browser that came in by a push login was given three tickets one after another.
// Its sign-out must end whichever of them a thief has copied.
func TestSigningOutAfterAPushLoginLeavesNoTicketBehind(t *testing.T) {
	inTime(t, func(w *world) {
		_, c := w.signedIn()
		time.Sleep(13 * time.Hour) // the first session has run out: nobody can end it any more
		id, next := w.pushed(c.PushTicket, decimal(c.UIN))
		v, last := w.collected(id)
		w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)))
		for why, ticket := range map[string]string{"the first": c.PushTicket, "the renewed": next, "the last": last.PushTicket} {
			w.refusesPush(why, ticket, decimal(c.UIN))
		}
	})
}

// duringPush does something at the moment when a push ticket is saved.
type duringPush struct {
	login.Table[login.PushID, login.PushTicket]
	once func()
}

func (d *duringPush) Create(c ctx, p login.PushTicket) error {
	if deed := d.once; deed != nil {
		d.once = nil
		deed()
	}
	return d.Table.Create(c, p)
}

// If the ticket turns out to be stolen while the session is being made, nothing of
// the session may be left: who of the two is the thief is not known.
func TestASessionThatIsVoidedInItsFirstMomentLeavesNoPushTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		during := &duringPush{}
		w := newWorld(t, func(s login.Store) login.Store {
			during.Table = s.Push
			s.Push = during
			return s
		})
		_, l := w.approved()
		query := w.query(l)
		during.once = func() {
			_, err := w.RedeemPage(w.ctx, query, other)
			w.wants(err, login.ErrRefused)
		}
		v, err := w.RedeemPage(w.ctx, query, desk)
		if err == nil {
			c, err := w.Credentials(v)
			w.must(err)
			w.refusesPush("of the voided session", c.PushTicket, decimal(c.UIN))
		}
		if tickets, _ := w.store.Push.Owned(w.ctx, alice.Phone); len(tickets) != 0 {
			t.Errorf("%d push tickets are left", len(tickets))
		}
	})
}
