package login_test

import (
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestThreeWrongNumbersDenyALogin(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		h, l := w.scanned()
		right, _ := w.Number(l)
		for i, wrong := range []string{"", "1", " " + right} {
			got, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), wrong)
			w.wants(err, login.ErrWrongNumber)
			want := login.Scanned
			if i == 2 {
				want = login.Denied
			}
			if got.State != want || got.WrongNumbers != i+1 || w.state(h) != want {
				t.Errorf("after %d wrong numbers it is %s", i+1, got.State)
			}
		}
		_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), right)
		w.wants(err, login.ErrDecided)
		_, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
		w.wants(err, nil)
	})
}

func TestTheRightNumberAfterTwoWrongOnesApproves(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		_, l := w.scanned()
		right, _ := w.Number(l)
		for range 2 {
			_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "0"+right)
			w.wants(err, login.ErrWrongNumber)
		}
		l, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), right)
		w.must(err)
		if _, shown := w.Number(l); shown || l.State != login.Approved {
			t.Errorf("it is %s, and the number is shown: %v", l.State, shown)
		}
		// Idempotence does not ask for the number again.
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, nil)
	})
}

func TestADecisionIsFinalAndMayBeRepeated(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		time.Sleep(10 * time.Second)
		again, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		if again != l {
			t.Errorf("a second yes changed %+v to %+v", l, again)
		}
		_, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
		w.wants(err, login.ErrDecided)
		_, err = w.RedeemPage(w.ctx, w.query(l), desk)
		w.must(err)
		got, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		if got.State != login.Redeemed {
			t.Errorf("a yes after the end made it %s", got.State)
		}
		_, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
		w.wants(err, login.ErrDecided)

		_, l = w.scanned()
		no, err := w.Deny(w.ctx, alice.Phone, string(l.Handle))
		w.must(err)
		again, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
		w.must(err)
		if no.State != login.Denied || again != no {
			t.Errorf("a second no changed %+v to %+v", no, again)
		}
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, login.ErrDecided)
	})
}

func TestOnlyThePhoneThatScannedDecides(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		for _, decide := range []func(login.Phone, string) error{
			func(p login.Phone, id string) error { _, err := w.Approve(w.ctx, p, id, ""); return err },
			func(p login.Phone, id string) error { _, err := w.Deny(w.ctx, p, id); return err },
			func(p login.Phone, id string) error { _, err := w.Scanned(w.ctx, p, id); return err },
		} {
			w.wants(decide(alice.Phone, string(l.Handle)), login.ErrNotFound)
			w.wants(decide(login.Phone{}, string(l.Handle)), login.ErrNotFound)
		}
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		for _, decide := range []func(login.Phone, string) error{
			func(p login.Phone, id string) error { _, err := w.Approve(w.ctx, p, id, ""); return err },
			func(p login.Phone, id string) error { _, err := w.Deny(w.ctx, p, id); return err },
			func(p login.Phone, id string) error { _, err := w.Scanned(w.ctx, p, id); return err },
		} {
			w.wants(decide(bob.Phone, string(l.Handle)), login.ErrNotYours)
			w.wants(decide(login.Phone{}, string(l.Handle)), login.ErrNotYours)
			for _, id := range []string{"", "x", h.ID, "AAAAAAAAAAAA"} {
				w.wants(decide(alice.Phone, id), login.ErrNotFound)
			}
		}
		if s := w.state(h); s != login.Scanned {
			t.Errorf("after all that it is %s", s)
		}
	})
}

func TestAPhoneListsWhatItHasScannedAndNotDecided(t *testing.T) {
	inTime(t, func(w *world) {
		_, first := w.scanned()
		time.Sleep(time.Second)
		w.approved()
		_, last := w.scanned()
		time.Sleep(time.Second)
		list, err := w.Undecided(w.ctx, alice.Phone)
		w.must(err)
		if len(list) != 2 || list[0].Handle != last.Handle || list[1].Handle != first.Handle {
			t.Errorf("listed %+v", list)
		}
		if list, err := w.Undecided(w.ctx, bob.Phone); err != nil || len(list) != 0 {
			t.Errorf("bob's list is %+v, %v", list, err)
		}
		time.Sleep(5 * time.Minute)
		if list, _ := w.Undecided(w.ctx, alice.Phone); len(list) != 0 {
			t.Errorf("expired ones are listed: %+v", list)
		}
	})
}
