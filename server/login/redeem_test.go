package login_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestATicketLastsSixtySecondsFromTheApproval(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  error
	}{{60*time.Second - 1, nil}, {60 * time.Second, login.ErrRefused}, {4 * time.Minute, login.ErrRefused}} {
		inTime(t, func(w *world) {
			h, l := w.approved()
			query := w.query(l)
			time.Sleep(test.after)
			_, err := w.RedeemPage(w.ctx, query, desk)
			w.wants(err, test.want)
			_, l = w.approved()
			ticket := w.query(l).Get("ticket")
			time.Sleep(test.after)
			_, err = w.RedeemTicket(w.ctx, "shop", ticket)
			w.wants(err, test.want)
			_ = h
		})
	}
}

func TestTheBrowserThatRedeemedGetsTheSameSessionAgainForFortySeconds(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		time.Sleep(50 * time.Second)
		first, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		held, err := w.Credentials(first)
		w.must(err)
		time.Sleep(40*time.Second - 1)
		again, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		if again != first {
			t.Errorf("the retry got %+v, want %+v", again, first)
		}
		if heldAgain, err := w.Credentials(again); err != nil || heldAgain != held {
			t.Error("the retry got other credentials")
		}
		time.Sleep(time.Nanosecond)
		_, err = w.RedeemPage(w.ctx, query, desk)
		w.wants(err, login.ErrRedeemed)
		if _, err := w.SessionOf(w.ctx, "shop", string(first.ID)); err != nil {
			t.Errorf("the late retry harmed the session: %v", err)
		}
	})
}

func TestAnotherClientIsRefusedAndVoidsTheSessionWhileTheTicketMightBeGood(t *testing.T) {
	for name, thief := range map[string]login.Browser{
		"another address":    other,
		"another user agent": {Addr: desk.Addr, UserAgent: "Thief/1.0"},
		"no user agent":      {Addr: desk.Addr},
	} {
		for _, test := range []struct {
			after time.Duration // since the approval
			void  bool
		}{{time.Second, true}, {100*time.Second - 1, true}, {100 * time.Second, false}, {150 * time.Second, false}} {
			t.Run(name+" after "+test.after.String(), func(t *testing.T) {
				inTime(t, func(w *world) {
					_, l := w.approved()
					query := w.query(l)
					v, err := w.RedeemPage(w.ctx, query, desk)
					w.must(err)
					time.Sleep(test.after)
					_, err = w.RedeemPage(w.ctx, query, thief)
					w.wants(err, login.ErrRefused)
					_, err = w.SessionOf(w.ctx, "shop", string(v.ID))
					if ended := err != nil; ended != test.void {
						t.Errorf("the session ended: %v, want %v", ended, test.void)
					}
					if test.void {
						_, err = w.RedeemPage(w.ctx, query, desk)
						w.wants(err, login.ErrRefused)
					}
				})
			})
		}
	}
}

func TestARetriedPageDoesNotBringBackASessionThatHasEnded(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)))
		_, err = w.RedeemPage(w.ctx, query, desk)
		w.wants(err, login.ErrRefused)
	})
}

func TestASiteRedeemsATicketOnceAndASecondTimeIsHarmless(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		ticket := w.query(l).Get("ticket")
		v, err := w.RedeemTicket(w.ctx, "shop", ticket)
		w.must(err)
		for range 3 {
			_, err = w.RedeemTicket(w.ctx, "shop", ticket)
			w.wants(err, login.ErrRedeemed)
			time.Sleep(30 * time.Second)
		}
		if _, err := w.SessionOf(w.ctx, "shop", string(v.ID)); err != nil {
			t.Errorf("the session is gone: %v", err)
		}
		if v.Phone != alice.Phone || v.App != "shop" || !v.AuthTime.Equal(l.Approved) {
			t.Errorf("the session is %+v", v)
		}
	})
}

func TestOfAHundredThatRedeemOneTicketExactlyOneGetsTheSession(t *testing.T) {
	for name, redeem := range map[string]func(w *world, query url.Values, i int) error{
		"a hundred calls of the site": func(w *world, query url.Values, _ int) error {
			_, err := w.RedeemTicket(w.ctx, "shop", query.Get("ticket"))
			return err
		},
		"a hundred browsers": func(w *world, query url.Values, i int) error {
			client := desk
			client.UserAgent = decimal(int64(i))
			_, err := w.RedeemPage(w.ctx, query, client)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, nil)
					h, l := w.approved()
					query := w.query(l)
					won := race(100, func(i int) bool { return redeem(w, query, i) == nil })
					list, err := w.SessionsOf(w.ctx, alice.Phone)
					w.must(err)
					// Rivals may void the session before its browser has its answer.
					if won > 1 || len(list) > 1 || strings.Contains(name, "site") && (won != 1 || len(list) != 1) {
						t.Errorf("%d got in, and there are %d sessions", won, len(list))
					}
					if w.state(h) != login.Redeemed {
						t.Errorf("the login is %s", w.state(h))
					}
				})
			}
		})
	}
}

func TestAHundredRetriesOfOneBrowserGetOneSession(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		ids := make([]login.SessionID, 100)
		won := race(100, func(i int) bool {
			v, err := w.RedeemPage(w.ctx, query, desk)
			ids[i] = v.ID
			return err == nil && v.ID != ""
		})
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("two sessions: %s and %s", ids[0], id)
			}
		}
		if won != 100 {
			t.Errorf("%d of 100 were served", won)
		}
	})
}
