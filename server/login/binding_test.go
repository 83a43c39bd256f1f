package login_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// bound starts a login with a binding cookie and has alice scan the login id, as a
// client that draws the QR itself shows it.
func (w *world) bound() (id, binding string, l login.Login) {
	w.t.Helper()
	binding = w.NewBinding()
	start, _, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, Binding: binding})
	w.must(err)
	l, err = w.Scan(w.ctx, alice, "https://login.weixin.qq.com/l/"+string(start), time.Time{})
	w.must(err)
	return string(start), binding, l
}

func TestWithTheScanCodeAloneNobodyHoldsALogin(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		code := w.code(l)
		if strings.Contains(code, h.ID[12:]) || strings.Contains(strings.ToLower(h.ID), code[:8]) {
			t.Errorf("the code %s shows the login id %s", code, h.ID)
		}
		_, err := w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		// All that can be seen in the picture or computed from it.
		for _, text := range []string{
			code, string(l.Handle), string(l.Handle) + code, string(l.Handle) + code[:24], string(l.Handle) + code[4:],
			strings.Repeat(string(l.Handle), 3), "https://login.example/l/" + code,
		} {
			_, err := w.Get(w.ctx, login.Holder{ID: text})
			w.wants(err, login.ErrNotFound)
			_, err = w.RedeemTicket(w.ctx, "shop", text)
			w.wants(err, login.ErrRefused)
		}
	})
}

// The handle is all that two codes of a login share; the secret is in no relation.
func TestTheScanCodeDoesNotDependOnTheSecretOfTheLogin(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		code := w.code(l)
		l.ID = login.HashedSecret{}
		if w.code(l) != code {
			t.Error("another secret gives another code: they are related")
		}
	})
}

func TestALoginIDThatWasScannedCollectsOnlyWithTheBindingCookie(t *testing.T) {
	inTime(t, func(w *world) {
		id, binding, l := w.bound()
		stranger := w.NewBinding()
		for _, forged := range []string{
			"", stranger, binding[:len(binding)-1], binding + "A", strings.ToLower(binding), binding[:22], id,
		} {
			_, err := w.Get(w.ctx, login.Holder{ID: id, Binding: forged})
			w.wants(err, login.ErrNotFound)
			_, err = w.Wait(w.ctx, login.Holder{ID: id, Binding: forged}, 0)
			w.wants(err, login.ErrNotFound)
		}
		got, err := w.Get(w.ctx, login.Holder{ID: id, Binding: binding})
		w.must(err)
		if !got.Bound || got.Handle != l.Handle {
			t.Errorf("got %+v", got)
		}
	})
}

func TestALoginIDThatWasScannedWithoutACookieCollectsForNobody(t *testing.T) {
	inTime(t, func(w *world) {
		h, _ := w.start()
		_, err := w.Scan(w.ctx, alice, h.ID, time.Time{})
		w.must(err)
		for _, binding := range []string{"", w.NewBinding()} {
			_, err = w.Get(w.ctx, login.Holder{ID: h.ID, Binding: binding})
			w.wants(err, login.ErrNotFound)
		}
	})
}

func TestAnAppMayAllowUnboundScans(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.UnboundScan = true })
		h, _ := w.start()
		_, err := w.Scan(w.ctx, alice, h.ID, time.Time{})
		w.must(err)
		if s := w.state(h); s != login.Scanned {
			t.Errorf("it is %s", s)
		}
	})
}

func TestABrowserThatShowsOurPictureNeedsNoCookie(t *testing.T) {
	inTime(t, func(w *world) {
		id, l, err := w.Start(w.ctx, login.Request{App: "shop", Binding: w.NewBinding()})
		w.must(err)
		_, err = w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		if s := w.state(login.Holder{ID: string(id)}); s != login.Scanned {
			t.Errorf("it is %s", s)
		}
	})
}

func TestABindingThatIsNotOursIsNotKept(t *testing.T) {
	inTime(t, func(w *world) {
		ours := w.NewBinding()
		if !w.KnowsBinding(ours) {
			t.Fatal("our own binding is unknown")
		}
		for i := range ours {
			if planted := ours[:i] + string(ours[i]^1) + ours[i+1:]; w.KnowsBinding(planted) {
				t.Errorf("%q passes for %q", planted, ours)
			}
		}
		for _, planted := range []string{"", ours[:22], ours[:21], ours + "A", ours[22:] + ours[:22], strings.Repeat("A", len(ours))} {
			if w.KnowsBinding(planted) {
				t.Errorf("%q passes", planted)
			}
			id, _, err := w.Start(w.ctx, login.Request{App: "shop", Binding: planted})
			w.must(err)
			_, err = w.Scan(w.ctx, alice, string(id), time.Time{})
			w.must(err)
			// Whoever planted it in a browser does not collect with it.
			_, err = w.Get(w.ctx, login.Holder{ID: string(id), Binding: planted})
			w.wants(err, login.ErrNotFound)
		}
	})
}

func TestWhoeverWaitsWithoutTheCookieIsToldWhenTheLoginIDIsScanned(t *testing.T) {
	inTime(t, func(w *world) {
		binding := w.NewBinding()
		id, _, err := w.Start(w.ctx, login.Request{App: "shop", Binding: binding})
		w.must(err)
		told := make(chan error, 2)
		for _, h := range []login.Holder{{ID: string(id)}, {ID: string(id), Binding: binding}} {
			_, err = w.Watch(w.ctx, h, login.Pending, func(l login.Login, err error) {
				if l.State == login.Scanned == errors.Is(err, login.ErrNotFound) {
					t.Errorf("told %s, %v", l.State, err)
				}
				told <- err
			})
			w.must(err)
		}
		_, err = w.Scan(w.ctx, alice, string(id), time.Time{})
		w.must(err)
		first, second := <-told, <-told
		if (first == nil) == (second == nil) {
			t.Errorf("told %v and %v: one must hear that it is over, one of the scan", first, second)
		}
	})
}

func TestThePhoneThatScannedALoginIDMayScanItAgain(t *testing.T) {
	inTime(t, func(w *world) {
		id, _, first := w.bound()
		again, err := w.Scan(w.ctx, alice, id, time.Time{})
		w.must(err)
		if again != first {
			t.Errorf("scanning again changed %+v to %+v", first, again)
		}
		_, err = w.Scan(w.ctx, bob, id, time.Time{})
		w.wants(err, login.ErrTaken)
		_, err = w.Scan(w.ctx, alice, id[:35]+"!", time.Time{})
		w.wants(err, login.ErrNotFound)
		_, err = w.Scan(w.ctx, alice, id[:12]+strings.Repeat("A", 24), time.Time{})
		w.wants(err, login.ErrNotFound)
	})
}
