package login_test

import (
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestBeingHeardOfIsNotedOnceAMinute(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		for _, after := range []time.Duration{59 * time.Second, 2 * time.Second, 5 * time.Second} {
			time.Sleep(after)
			got, err := w.Authenticate(w.ctx, presented(c))
			w.must(err)
			w.must(w.Touch(w.ctx, got))
		}
		got, err := w.Authenticate(w.ctx, presented(c))
		w.must(err)
		if seen := got.LastSeen.Sub(v.Created); seen != 61*time.Second {
			t.Errorf("last seen %v after the beginning", seen)
		}
	})
}

func TestWaitEndedTellsWhyAtOnce(t *testing.T) {
	inTime(t, func(w *world) {
		v, _ := w.signedIn()
		go func() {
			time.Sleep(10 * time.Second)
			if err := w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)); err != nil {
				t.Error(err)
			}
		}()
		got, err := w.WaitEnded(w.ctx, v.ID)
		if err != nil || got.Ended != login.ByPhone || time.Since(v.Created) != 10*time.Second {
			t.Errorf("told %d, %v after %v", got.Ended, err, time.Since(v.Created))
		}
		got, err = w.WaitEnded(w.ctx, v.ID)
		if err != nil || got.Ended != login.ByPhone {
			t.Errorf("asked again it is told %d, %v", got.Ended, err)
		}
		active, _ := w.signedIn()
		got, err = w.WaitEnded(w.deadline(time.Now().Add(25*time.Second)), active.ID)
		if err != nil || got.Ended != login.Active {
			t.Errorf("at the end of its patience it is told %d, %v", got.Ended, err)
		}
		_, err = w.WaitEnded(w.ctx, "AAAAAAAAAAAAAAAAAAAAAAAA")
		w.wants(err, login.ErrNotFound)
	})
}

func TestASessionThatWasVoidedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		_, l := w.approved()
		query := w.query(l)
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		c, err := w.Credentials(v)
		w.must(err)
		_, err = w.RedeemPage(w.ctx, query, other)
		w.wants(err, login.ErrRefused)
		got, err := w.Authenticate(w.ctx, presented(c))
		if err != nil || got.Ended != login.Voided {
			t.Errorf("told %d, %v", got.Ended, err)
		}
		w.refusesPush("of a voided session", c.PushTicket, decimal(c.UIN))
	})
}
