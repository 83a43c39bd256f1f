package login_test

import (
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestAResumeSecretLeadsToTheLoginAndThenToItsSession(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		if _, ok := w.ResumeSecret(l); ok {
			t.Error("a pending login has a resume secret")
		}
		_, l = w.scanned()
		if _, ok := w.ResumeSecret(l); ok {
			t.Error("a scanned login has a resume secret")
		}
		h, l := w.approved()
		secret, ok := w.ResumeSecret(l)
		id, known := w.SessionIDOf(l)
		if !ok || !known || len(secret) != 60 {
			t.Fatalf("the secret is %q", secret)
		}
		r, err := w.Resume(w.ctx, secret)
		w.must(err)
		if r.Begun() || r.ID != id || r.App != "shop" || r.Login != l {
			t.Errorf("before the redemption it leads to %+v", r)
		}
		v, err := w.RedeemPage(w.ctx, w.query(l), desk)
		w.must(err)
		if v.ID != id {
			t.Errorf("the session is %s and was foretold as %s", v.ID, id)
		}
		now, err := w.Get(w.ctx, h)
		w.must(err)
		if again, ok := w.ResumeSecret(now); !ok || again != secret {
			t.Errorf("after the redemption the secret is another")
		}
		time.Sleep(11 * time.Hour) // the login is forgotten
		r, err = w.Resume(w.ctx, secret)
		w.must(err)
		if !r.Begun() || r.Session.ID != id || r.Session.Ended != login.Active {
			t.Errorf("during the session it leads to %+v", r)
		}
		w.must(w.SignOutByPhone(w.ctx, alice.Phone, string(id)))
		r, err = w.Resume(w.ctx, secret)
		w.must(err)
		if r.Session.Ended != login.ByPhone {
			t.Errorf("after sign-out it says %d", r.Session.Ended)
		}
		time.Sleep(11 * time.Minute)
		_, err = w.Resume(w.ctx, secret)
		w.wants(err, login.ErrNotFound)
	})
}

func TestAResumeSecretOutlivesANewKeyAndNotItsOwn(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		secret, _ := w.ResumeSecret(l)
		w.config.Keys = keyring(t, keyLine("k2", 2), keyLine("k1", 1))
		w.Configure(w.config)
		_, err := w.Resume(w.ctx, secret)
		w.must(err)
		w.config.Keys = keyring(t, keyLine("k2", 2))
		w.Configure(w.config)
		_, err = w.Resume(w.ctx, secret)
		w.wants(err, login.ErrNotFound)
		if _, ok := w.ResumeSecret(l); ok {
			t.Error("there is a secret without a key")
		}
	})
}

func TestAnExpiredLoginHasNoSession(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.approved()
		secret, _ := w.ResumeSecret(l)
		time.Sleep(time.Minute)
		l, err := w.Get(w.ctx, h)
		w.must(err)
		if _, ok := w.SessionIDOf(l); ok {
			t.Error("it leads to one")
		}
		r, err := w.Resume(w.ctx, secret)
		w.must(err)
		if r.Begun() || r.Login.State != login.Expired {
			t.Errorf("the secret leads to %+v", r)
		}
	})
}

func TestWatchResumedFiresOnceWhenTheTicketIsRedeemed(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		secret, _ := w.ResumeSecret(l)
		fired := make(chan login.State, 9)
		stop, err := w.WatchResumed(secret, login.Approved, func(l login.Login, _ error) { fired <- l.State })
		w.must(err)
		defer stop()
		_, err = w.RedeemPage(w.ctx, w.query(l), desk)
		w.must(err)
		if got := <-fired; got != login.Redeemed || len(fired) > 0 {
			t.Errorf("fired with %v and %d times more", got, len(fired))
		}
		_, err = w.WatchResumed(secret[:59]+"*", login.Approved, nil)
		w.wants(err, login.ErrNotFound)
	})
}

func TestWatchSessionFiresOnceWhenItEnds(t *testing.T) {
	inTime(t, func(w *world) {
		v, _ := w.signedIn()
		fired := make(chan login.Ending, 9)
		stop, err := w.WatchSession(v.ID, func(v login.Session) { fired <- v.Ended })
		w.must(err)
		defer stop()
		time.Sleep(time.Hour)
		if len(fired) > 0 {
			t.Error("fired for an active session")
		}
		w.must(w.SignOut(w.ctx, "shop", string(v.ID)))
		if got := <-fired; got != login.SignedOut || len(fired) > 0 {
			t.Errorf("fired with %v and %d times more", got, len(fired))
		}
		_, err = w.WatchSession("AAAAAAAAAAAAAAAAAAAAAAAA", nil)
		w.wants(err, login.ErrNotFound)
	})
}
