package login_test

import (
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestTheNumberIsShownByWhoeverIsThereAndCan(t *testing.T) {
	able := func(h login.Holder) login.Holder { h.ShowsNumber = true; return h }
	for name, test := range map[string]struct {
		before func(w *world, h login.Holder)
		want   bool
	}{
		"nobody":                       {func(*world, login.Holder) {}, false},
		"one who cannot waits":         {func(w *world, h login.Holder) { w.waits(h) }, false},
		"one who can waits":            {func(w *world, h login.Holder) { w.waits(able(h)); time.Sleep(3 * time.Minute) }, true},
		"one who can asked lately":     {func(w *world, h login.Holder) { w.asks(able(h)); time.Sleep(w.just(while)) }, true},
		"one who can asked long ago":   {func(w *world, h login.Holder) { w.asks(able(h)); time.Sleep(while + 1) }, false},
		"and since then one who can't": {func(w *world, h login.Holder) { w.asks(able(h)); time.Sleep(5 * time.Second); w.asks(h) }, true},
		"one who can is gone":          {func(w *world, h login.Holder) { w.waits(able(h))(); w.every(5*time.Second, 9, h) }, false},
	} {
		everywhere(t, name, func(t *testing.T, run inWorld) {
			run(t, func(w *world) {
				h, l := w.start()
				test.before(w, h)
				w.settle()
				if w.NumberShown(l) != test.want {
					t.Errorf("shown: %v", !test.want)
				}
			})
		})
	}
}

// The phone waits for the same login: it shows its person no number.
func TestAPhoneThatWaitsIsNoBrowser(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.scanned()
		go func() { _, _ = w.WaitScanned(w.ctx, alice.Phone, string(l.Handle), login.Scanned) }()
		synctest.Wait()
		if w.NumberShown(l) {
			t.Error("the phone counts")
		}
		w.must(func() error { _, err := w.Deny(w.ctx, alice.Phone, string(l.Handle)); return err }())
	})
}
