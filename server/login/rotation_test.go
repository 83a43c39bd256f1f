package login_test

import (
	"testing"
	"time"

	"qrlatch/server/login"
)

// rotate puts newer keys in front, or takes older ones away.
func (w *world) rotate(lines ...string) {
	w.config.Keys = keyring(w.t, lines...)
	w.Configure(w.config)
}

var k1, k2, k3 = keyLine("k1", 1), keyLine("k2", 2), keyLine("k3", 3)

func TestWhatBeganUnderAnOldKeyIsFinishedUnderNewerOnes(t *testing.T) {
	inTime(t, func(w *world) {
		binding := w.NewBinding()
		id, l, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, Binding: binding})
		w.must(err)
		code := w.code(l)
		_, before := w.signedIn()

		w.rotate(k2, k1)
		if w.code(l) != code {
			t.Error("the picture changed")
		}
		l, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		w.rotate(k3, k2, k1)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		query := w.query(l)
		if query.Get("kid") != "k1" {
			t.Errorf("it is signed with %s", query.Get("kid"))
		}
		w.rotate(keyLine("k4", 4), k3, k2, k1)
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		c, err := w.Credentials(v)
		w.must(err)
		w.rotate(keyLine("k5", 5), keyLine("k4", 4), k3, k2, k1)
		again, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		if retried, _ := w.Credentials(again); retried != c || again != v {
			t.Error("the retry got something else")
		}
		for _, c := range []login.Credentials{before, c} {
			if _, err := w.Authenticate(w.ctx, presented(c)); err != nil {
				t.Errorf("a session of the old key: %v", err)
			}
		}
		if !w.KnowsBinding(binding) {
			t.Error("a binding cookie of the old key is unknown")
		}
		w.pushed(c.PushTicket, decimal(c.UIN))

		_, fresh := w.approved()
		if kid := w.query(fresh).Get("kid"); kid != "k5" {
			t.Errorf("a new login is signed with %s", kid)
		}
		if s := w.state(login.Holder{ID: string(id)}); s != login.Redeemed {
			t.Errorf("it is %s", s)
		}
		if _, now := w.signedIn(); now.UIN != c.UIN {
			t.Error("the account's number changed")
		}
	})
}

func TestTwentyRotationsInMidFlowLoseNoLogin(t *testing.T) {
	inTime(t, func(w *world) {
		lines := []string{k1}
		type flight struct {
			h login.Holder
			l login.Login
		}
		var open []flight
		for n := range 20 {
			h, l := w.start()
			l, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
			w.must(err)
			open = append(open, flight{h, l})
			lines = append([]string{keyLine("r"+decimal(int64(n)), byte(10+n))}, lines...)
			w.rotate(lines...)
			time.Sleep(2 * time.Second)
		}
		for _, f := range open {
			l, err := w.Approve(w.ctx, alice.Phone, string(f.l.Handle), "")
			w.must(err)
			if _, err := w.RedeemPage(w.ctx, w.query(l), desk); err != nil || w.state(f.h) != login.Redeemed {
				t.Errorf("a login of %s: %v", l.KeyID, err)
			}
		}
	})
}

func TestARetiredKeyIsRefused(t *testing.T) {
	inTime(t, func(w *world) {
		w.rotate(k2, k1) // accounts hang on k1, logins on k2
		binding := w.NewBinding()
		_, pending := w.start()
		code := w.code(pending)
		_, scanned := w.scanned()
		_, approved := w.approved()
		query := w.query(approved)
		_, signed := w.approved()
		v, err := w.RedeemPage(w.ctx, w.query(signed), desk)
		w.must(err)
		c, err := w.Credentials(v)
		w.must(err)

		w.rotate(k3, k1)
		_, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.wants(err, login.ErrNotFound)
		if _, _, ok := w.Code(pending, time.Now()); ok {
			t.Error("it shows a code")
		}
		if _, ok := w.RedirectURI(approved); ok {
			t.Error("it has a redirect_uri")
		}
		_, err = w.RedeemPage(w.ctx, query, desk)
		w.wants(err, login.ErrRefused)
		_, err = w.RedeemTicket(w.ctx, "shop", query.Get("ticket"))
		w.wants(err, login.ErrRefused)
		_, err = w.Authenticate(w.ctx, presented(c))
		w.wants(err, login.ErrNotFound)
		_, err = w.Credentials(v)
		w.wants(err, login.ErrNotFound)
		if w.KnowsBinding(binding) {
			t.Error("its binding cookie is known")
		}
		if _, ok := w.Number(scanned); ok {
			t.Error("it shows a number")
		}
		// The phone can still get rid of what hangs on it.
		_, err = w.Deny(w.ctx, alice.Phone, string(scanned.Handle))
		w.wants(err, nil)
		w.wants(w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID)), nil)
	})
}

func TestAKeyOfTheSameNameWithAnotherSecretIsAnotherKey(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		_, c := w.signedIn()
		w.rotate(keyLine("k1", 9))
		_, err := w.RedeemPage(w.ctx, query, desk)
		w.wants(err, login.ErrRefused)
		_, err = w.RedeemTicket(w.ctx, "shop", query.Get("ticket"))
		w.wants(err, login.ErrRefused)
		_, err = w.Authenticate(w.ctx, presented(c))
		w.wants(err, login.ErrNotFound)
	})
}

// An app that required a number while its key is gone must not be waved through.
func TestWithoutItsKeyALoginThatNeedsTheNumberIsNotApprovedWithoutIt(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		w.rotate(k2, k1)
		h, l := w.scanned()
		w.rotate(k3, k1)
		_, _ = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		if s := w.state(h); s == login.Approved {
			w.rotate(k3, k2, k1) // the key file is put right again
			if _, ok := w.RedirectURI(mustGet(w, h)); ok {
				t.Error("it was approved without the number, and can be collected")
			}
		}
	})
}

func mustGet(w *world, h login.Holder) login.Login {
	l, err := w.Get(w.ctx, h)
	w.must(err)
	return l
}
