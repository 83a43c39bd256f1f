package login_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestOfFiftyPhonesThatScanOneCodeOneGetsIt(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		code := w.code(l)
		var winner atomic.Value
		won := race(50, func(i int) bool {
			who := login.Identity{Phone: login.Phone{Issuer: "test", Subject: decimal(int64(i))}}
			_, err := w.Scan(w.ctx, who, code, time.Time{})
			if err == nil {
				winner.Store(who.Phone)
			} else if !errors.Is(err, login.ErrTaken) {
				t.Error(err)
			}
			return err == nil
		})
		got, err := w.Get(w.ctx, h)
		w.must(err)
		if won != 1 || got.Phone != winner.Load() || got.State != login.Scanned {
			t.Errorf("%d got it, and the login belongs to %v", won, got.Phone)
		}
	})
}

func TestOfAYesAndANoAtOnceOneHolds(t *testing.T) {
	for range 20 {
		inTime(t, func(w *world) {
			h, l := w.scanned()
			var yes, no atomic.Int64
			race(40, func(i int) bool {
				decide, count := w.Deny, &no
				if i%2 == 0 {
					count = &yes
					decide = func(c ctx, p login.Phone, id string) (login.Login, error) { return w.Approve(c, p, id, "") }
				}
				_, err := decide(w.ctx, alice.Phone, string(l.Handle))
				if err == nil {
					count.Add(1)
				} else if !errors.Is(err, login.ErrDecided) {
					t.Error(err)
				}
				return err == nil
			})
			want := login.Denied
			if yes.Load() > 0 {
				want = login.Approved
			}
			if yes.Load()+no.Load() != 20 || yes.Load()*no.Load() != 0 || w.state(h) != want {
				t.Errorf("%d times yes and %d times no made it %s", yes.Load(), no.Load(), w.state(h))
			}
		})
	}
}

func TestApprovingAtOnceGivesOneTicket(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.scanned()
		var tickets [50]string
		race(50, func(i int) bool {
			got, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
			if err != nil {
				t.Error(err)
			}
			tickets[i], _ = w.RedirectURI(got)
			return true
		})
		for _, ticket := range tickets {
			if ticket == "" || ticket != tickets[0] {
				t.Fatalf("two tickets: %s and %s", tickets[0], ticket)
			}
		}
	})
}

func TestWrongNumbersAtOnceAreCountedOneByOne(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		h, l := w.scanned()
		wrong := race(50, func(int) bool {
			_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "xx")
			if err == nil || !errors.Is(err, login.ErrWrongNumber) && !errors.Is(err, login.ErrDecided) {
				t.Errorf("got %v", err)
			}
			return errors.Is(err, login.ErrWrongNumber)
		})
		if got, _ := w.Get(w.ctx, h); wrong != 3 || got.WrongNumbers != 3 || got.State != login.Denied {
			t.Errorf("%d were told so, %d counted, and it is %s", wrong, got.WrongNumbers, got.State)
		}
	})
}

func TestEachMarkIsToldToOneOfAHundred(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.scanned()
		for mark := login.Mark(1); mark < 1<<4; mark <<= 1 {
			if won := race(100, func(int) bool {
				first, err := w.Tell(w.ctx, l, mark)
				if err != nil {
					t.Error(err)
				}
				return first
			}); won != 1 {
				t.Errorf("mark %d was told to %d", mark, won)
			}
		}
		_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		if first, err := w.Tell(w.ctx, l, 1<<5); first || err != nil {
			t.Errorf("of a state that is over somebody was told first: %v, %v", first, err)
		}
	})
}

// Everything at once on one login: whatever the order, there is one of each, and the
// record tells one consistent story.
func TestEveryTransitionRacedLeavesAConsistentLogin(t *testing.T) {
	for round := range 30 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			h, l := w.start()
			code := w.code(l)
			phones := []login.Identity{alice, bob}
			var scans, yes, no, in atomic.Int64
			race(64, func(i int) bool {
				who, count := phones[i/4%2], &scans
				var err error
				for range 20 {
					switch i % 4 {
					case 0:
						_, err = w.Scan(w.ctx, who, code, time.Time{})
					case 1:
						_, err = w.Approve(w.ctx, who.Phone, string(l.Handle), "")
						count = &yes
					case 2:
						if count = &no; round%2 == 0 {
							return false
						}
						_, err = w.Deny(w.ctx, who.Phone, string(l.Handle))
					case 3:
						count = &in
						now, _ := w.Get(w.ctx, h)
						uri, ok := w.RedirectURI(now)
						if err = login.ErrRefused; ok {
							_, err = w.RedeemTicket(w.ctx, "shop", ticketIn(uri))
						}
					}
					if err == nil {
						count.Add(1)
						return true
					}
				}
				return false
			})
			got, err := w.Get(w.ctx, h)
			w.must(err)
			sessions, err := w.SessionsOf(w.ctx, got.Phone)
			w.must(err)
			redeemed := got.State == login.Redeemed
			switch {
			case scans.Load() != 8: // all of the phone that was first
				t.Errorf("%d scans succeeded, want the 8 of one phone", scans.Load())
			case yes.Load() > 0 && no.Load() > 0:
				t.Error("it was approved and denied")
			case in.Load() > 1 || len(sessions) > 1 || redeemed != (len(sessions) == 1):
				t.Errorf("%d redeemed it, there are %d sessions, and it is %s", in.Load(), len(sessions), got.State)
			case got.Approved.IsZero() != (got.Nonce == [16]byte{}), redeemed != !got.Redeemed.IsZero(), redeemed && got.Approved.IsZero():
				t.Errorf("the record contradicts itself: %+v", got)
			case redeemed && sessions[0].Phone != got.Phone:
				t.Errorf("the session is of %v, the login of %v", sessions[0].Phone, got.Phone)
			}
		})
	}
}
