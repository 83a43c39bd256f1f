package login_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// Whoever stole the key can derive what its logins and sessions hang on: without it nothing
// of them is under way, for anybody who asks.
func TestWithoutTheirKeyLoginsHaveExpiredAndSessionsHaveEnded(t *testing.T) {
	inTime(t, func(w *world) {
		w.rotate(k2, k1)
		var holders []login.Holder
		pending, _ := w.start()
		scanned, asked := w.scanned()
		approved, _ := w.approved()
		holders = append(holders, pending, scanned, approved)
		_, l := w.approved()
		resume, _ := w.ResumeSecret(l)
		v, err := w.RedeemPage(w.ctx, w.query(l), desk)
		w.must(err)
		c, err := w.Credentials(v)
		w.must(err)
		w.rotate(k1, k2)
		kept, _ := w.signedIn()

		w.rotate(k1)
		for _, h := range holders {
			if s := w.state(h); s != login.Expired {
				t.Errorf("a login is %s", s)
			}
		}
		if l, err := w.Scanned(w.ctx, alice.Phone, string(asked.Handle)); err != nil || l.State != login.Expired {
			t.Errorf("the phone is told %s, %v", l.State, err)
		}
		if list, err := w.Undecided(w.ctx, alice.Phone); err != nil || len(list) != 0 {
			t.Errorf("the phone is asked about %v, %v", list, err)
		}
		_, err = w.Scan(w.ctx, alice, pending.ID, time.Time{}) // which needs no key
		w.wants(err, login.ErrNotFound)
		_, err = w.SessionOf(w.ctx, "shop", string(v.ID))
		w.wants(err, login.ErrNotFound)
		if list, err := w.SessionsOf(w.ctx, alice.Phone); err != nil || len(list) != 1 || list[0].ID != kept.ID {
			t.Errorf("the phone lists %v, %v", list, err)
		}
		_, err = w.SessionOf(w.ctx, "shop", string(kept.ID))
		w.wants(err, nil)
		w.refusesPush("of its session", c.PushTicket, decimal(c.UIN))
		_, err = w.Resume(w.ctx, resume)
		w.wants(err, login.ErrNotFound)

		// The site may still end it for good: the key may come back.
		w.must(w.SignOut(w.ctx, "shop", string(v.ID)))
		w.rotate(k1, k2)
		_, err = w.SessionOf(w.ctx, "shop", string(v.ID))
		w.wants(err, login.ErrNotFound)
	})
}

func TestARenewedPushTicketEndsWithTheKeyOfItsSession(t *testing.T) {
	inTime(t, func(w *world) {
		w.rotate(k2, k1)
		_, c := w.signedIn()
		w.rotate(k3, k2, k1)
		_, next := w.pushed(c.PushTicket, decimal(c.UIN))
		w.rotate(k3, k1)
		w.refusesPush("renewed", next, decimal(c.UIN))
	})
}

func TestWhoWaitsIsToldAtOnceThatTheKeyIsGone(t *testing.T) {
	inTime(t, func(w *world) {
		w.rotate(k2, k1)
		pending, _ := w.start()
		waiting, asked := w.scanned()
		v, _ := w.signedIn()
		w.rotate(k3, k1, k2)
		began := time.Now()
		told := make(chan error, 4)
		wants := func(got login.State, err error) {
			if err == nil && (got != login.Expired || time.Since(began) > time.Second) {
				err = errors.New(got.String() + " after " + time.Since(began).String())
			}
			told <- err
		}
		go func() {
			l, err := w.Wait(w.ctx, pending, login.Pending)
			wants(l.State, err)
		}()
		go func() {
			l, err := w.Wait(w.ctx, waiting, login.Scanned)
			wants(l.State, err)
		}()
		go func() {
			l, err := w.WaitScanned(w.ctx, alice.Phone, string(asked.Handle), login.Scanned)
			wants(l.State, err)
		}()
		go func() {
			_, err := w.WaitEnded(w.ctx, v.ID)
			wants(login.Expired, err)
		}()
		synctest.Wait()
		w.rotate(k3, k2)
		synctest.Wait()
		if len(told) != 0 {
			t.Error("somebody is told although the key is there")
		}
		w.rotate(k3)
		for range 4 {
			if err := <-told; err != nil {
				t.Error(err)
			}
		}
	})
}
