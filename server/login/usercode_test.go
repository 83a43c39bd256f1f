package login_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// shown starts a login with a short code.
func (w *world) shown() (login.Holder, login.Login, string) {
	w.t.Helper()
	id, l, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, UserCode: true})
	w.must(err)
	code, ok := w.UserCode(l, time.Now())
	if !ok || !regexp.MustCompile(`^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$`).MatchString(code) {
		w.t.Fatalf("the short code is %q, %v", code, ok)
	}
	return login.Holder{ID: string(id)}, l, code
}

func TestATypedCodeAlwaysNeedsTheNumber(t *testing.T) {
	for _, rule := range []login.NumberRule{login.NumberOnRisk, login.NumberNever, login.NumberAlways} {
		inTime(t, func(w *world) {
			w.configure(func(a *login.App) { a.Number = rule })
			h, _, code := w.shown()
			l, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			number, asked := w.Number(l)
			if l.State != login.Scanned || !l.Typed || !l.NumberRequired || !asked || len(number) != 2 {
				t.Errorf("rule %d: %+v, number %q", rule, l, number)
			}
			wrong := "10"
			if number == wrong {
				wrong = "11"
			}
			for range 2 {
				_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), wrong)
				w.wants(err, login.ErrWrongNumber)
			}
			_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
			w.wants(err, login.ErrWrongNumber)
			if s := w.state(h); s != login.Denied {
				t.Errorf("after three wrong numbers it is %s", s)
			}

			h, _, code = w.shown()
			l, err = w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			number, _ = w.Number(l)
			_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
			w.must(err)
			if s := w.state(h); s != login.Approved {
				t.Errorf("with the number it is %s", s)
			}
		})
	}
}

// Of a login that shows both, the picture is as good as of any other.
func TestThePictureOfALoginWithAShortCodeFollowsTheAppsRule(t *testing.T) {
	inTime(t, func(w *world) {
		_, l, _ := w.shown()
		l, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		if l.NumberRequired || l.Typed {
			t.Errorf("number %v, typed %v", l.NumberRequired, l.Typed)
		}
	})
}

func TestOnlyAPendingLoginThatAskedForAShortCodeHasOne(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		if code, ok := w.UserCode(l, time.Now()); ok {
			t.Errorf("nobody asked for %q", code)
		}
		h, _, code := w.shown()
		time.Sleep(5*time.Minute - 1)
		l, err := w.Get(w.ctx, h)
		w.must(err)
		if now, ok := w.UserCode(l, time.Now()); !ok || now != code {
			t.Errorf("later it is %q, %v, was %q", now, ok, code)
		}
		if _, ok := w.UserCode(l, l.Deadline); ok {
			t.Error("an expired login shows its code")
		}
		l, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		if _, ok := w.UserCode(l, time.Now()); ok {
			t.Error("a scanned login shows its code")
		}
	})
}

func TestAShortCodeLivesAsLongAsItsLoginIsPending(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  error
	}{{0, nil}, {5*time.Minute - 1, nil}, {5 * time.Minute, login.ErrNotFound}, {6 * time.Minute, login.ErrNotFound}, {8 * time.Minute, login.ErrNotFound}} {
		inTime(t, func(w *world) {
			_, _, code := w.shown()
			time.Sleep(tt.after)
			_, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.wants(err, tt.want)
		})
	}
}

// To everybody but the phone that typed it, whose answer may have been lost, a code that
// was used is as unknown as one that never was.
func TestAShortCodeIsUsedOnce(t *testing.T) {
	for _, how := range []string{"typed", "scanned"} {
		t.Run(how, func(t *testing.T) {
			inTime(t, func(w *world) {
				h, l, code := w.shown()
				text, again := code, error(nil)
				if how == "scanned" {
					text, again = w.code(l), login.ErrNotFound
				}
				first, err := w.Scan(w.ctx, alice, text, time.Time{})
				w.must(err)
				_, err = w.Scan(w.ctx, bob, code, time.Time{})
				w.wants(err, login.ErrNotFound)
				second, err := w.Scan(w.ctx, alice, code, time.Time{})
				w.wants(err, again)
				if again == nil && second != first {
					t.Errorf("typing it again changed %+v to %+v", first, second)
				}
				_, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
				w.must(err)
				_, err = w.Scan(w.ctx, bob, code, time.Time{})
				w.wants(err, login.ErrNotFound)
				if s := w.state(h); s != login.Denied {
					t.Errorf("it is %s", s)
				}
			})
		})
	}
}

func TestOfManyPhonesThatTypeOneGetsTheLogin(t *testing.T) {
	w := newWorld(t, nil)
	_, _, code := w.shown()
	won := race(50, func(n int) bool {
		who := alice
		who.Subject = decimal(int64(n))
		_, err := w.Scan(w.ctx, who, code, time.Time{})
		return err == nil
	})
	if won != 1 {
		t.Errorf("%d phones have it", won)
	}
}

// Whoever may open an address could try out short codes there.
func TestLookingDoesNotFindShortCodes(t *testing.T) {
	inTime(t, func(w *world) {
		_, _, code := w.shown()
		for _, text := range []string{code, strings.ReplaceAll(code, "-", ""), strings.ToLower(code), "https://login.example/l/" + code} {
			_, err := w.Look(w.ctx, text)
			w.wants(err, login.ErrNotFound)
		}
		_, err := w.Scan(w.ctx, alice, "https://login.example/l/"+code, time.Time{})
		w.wants(err, login.ErrNotFound)
	})
}

func TestAShortCodeOutlivesTheRotationOfKeys(t *testing.T) {
	inTime(t, func(w *world) {
		_, l, code := w.shown()
		w.config.Keys = keyring(t, keyLine("k2", 2), keyLine("k1", 1))
		w.Configure(w.config)
		if now, _ := w.UserCode(l, time.Now()); now != code {
			t.Errorf("it shows %q, was %q", now, code)
		}
		_, err := w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		_, _, code = w.shown()
		w.config.Keys = keyring(t, keyLine("k3", 3))
		w.Configure(w.config)
		_, err = w.Scan(w.ctx, alice, code, time.Time{})
		w.wants(err, login.ErrNotFound)
	})
}
