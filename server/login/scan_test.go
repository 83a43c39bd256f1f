package login_test

import (
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestACodeOfEveryPastSlotScansALiveLoginAndAnOldOneNeedsTheNumber(t *testing.T) {
	for _, rule := range []login.NumberRule{login.NumberOnRisk, login.NumberNever, login.NumberAlways} {
		for slotsOld := range 15 {
			inTime(t, func(w *world) {
				w.configure(func(a *login.App) { a.Number = rule })
				h, l := w.start()
				code := w.code(l)
				time.Sleep(time.Duration(slotsOld)*20*time.Second + 19*time.Second)
				w.asks(h)
				l, err := w.Scan(w.ctx, alice, "https://login.example/l/"+code, time.Time{})
				w.must(err)
				want := rule == login.NumberAlways || rule == login.NumberOnRisk && slotsOld > 1
				if l.State != login.Scanned || l.NumberRequired != want {
					t.Errorf("rule %d, a code %d slots old: %s, number required %v, want %v", rule, slotsOld, l.State, l.NumberRequired, want)
				}
				if digits, ok := w.Number(l); ok != want || ok && (len(digits) != 2 || digits[0] == '0') {
					t.Errorf("the number is %q, %v", digits, ok)
				}
			})
		}
	}
}

func TestACodeLivesAsLongAsItsLogin(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  error
	}{{5*time.Minute - 1, nil}, {5 * time.Minute, login.ErrNotFound}, {8 * time.Minute, login.ErrNotFound}} {
		inTime(t, func(w *world) {
			_, l := w.start()
			code := w.code(l)
			time.Sleep(test.after)
			_, err := w.Look(w.ctx, code)
			w.wants(err, test.want)
			_, err = w.Scan(w.ctx, alice, code, time.Time{})
			w.wants(err, test.want)
		})
	}
}

func TestACodeIsTakenFromFiveSecondsBeforeItsSlot(t *testing.T) {
	for _, slot := range []int{1, 2, 14} {
		inTime(t, func(w *world) {
			h, l := w.start()
			begins := l.Started.Add(time.Duration(slot) * 20 * time.Second)
			code, _, ok := w.Code(l, begins)
			if !ok {
				t.Fatal("no code")
			}
			time.Sleep(time.Until(begins.Add(-5*time.Second - 1)))
			_, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.wants(err, login.ErrNotFound)
			time.Sleep(time.Nanosecond)
			w.asks(h)
			l, err = w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			if l.NumberRequired {
				t.Error("a code that is early needs the number")
			}
		})
	}
}

func TestTheCodeChangesEveryTwentySecondsAndEndsWithTheScan(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		seen := map[string]bool{}
		for slot := range 15 {
			for _, into := range []time.Duration{0, 20*time.Second - 1} {
				at := l.Started.Add(time.Duration(slot)*20*time.Second + into)
				code, fresh, ok := w.Code(l, at)
				if !ok || fresh != 20*time.Second-into {
					t.Errorf("slot %d: fresh for %v, %v", slot, fresh, ok)
				}
				seen[code] = true
			}
		}
		if len(seen) != 15 {
			t.Errorf("15 slots showed %d codes", len(seen))
		}
		if _, _, ok := w.Code(l, l.Deadline); ok {
			t.Error("an expired login shows a code")
		}
		l, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		if _, _, ok := w.Code(l, time.Now()); ok {
			t.Error("a scanned login shows a code")
		}
	})
}

func TestWhatCountsIsWhenThePhoneSawTheCode(t *testing.T) {
	for _, test := range []struct {
		name  string
		seen  time.Duration // before the scan; negative: after it
		stale bool
	}{
		{"opened when it was fresh, signed in for minutes", 3 * time.Minute, false},
		{"opened in the next slot", 2*time.Minute + 30*time.Second, false},
		{"opened two slots later", 2*time.Minute + 15*time.Second, true},
		{"opened just now", 0, true},
		{"opened in the future", -time.Hour, true},
		{"opened before the login began", time.Hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTime(t, func(w *world) {
				h, l := w.start()
				code := w.code(l)
				time.Sleep(3 * time.Minute)
				w.asks(h)
				l, err := w.Scan(w.ctx, alice, code, time.Now().Add(-test.seen))
				w.must(err)
				if l.NumberRequired != test.stale {
					t.Errorf("number required: %v", l.NumberRequired)
				}
			})
		})
	}
}

func TestAClockThatIsAheadDoesNotMakeAFreshCodeStale(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		l, err := w.Scan(w.ctx, alice, w.code(l), time.Now().Add(time.Hour))
		w.must(err)
		if l.NumberRequired {
			t.Error("the number is required")
		}
	})
}

func TestACodeIsLockedToTheFirstPhone(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		code := w.code(l)
		first, err := w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		time.Sleep(10 * time.Second)
		_, err = w.Scan(w.ctx, bob, code, time.Time{})
		w.wants(err, login.ErrTaken)
		impostor := alice
		impostor.Issuer = "elsewhere"
		_, err = w.Scan(w.ctx, impostor, code, time.Time{})
		w.wants(err, login.ErrTaken)
		time.Sleep(20 * time.Second)
		renamed := alice // a refreshed token may say more
		renamed.Name = "Alice B."
		again, err := w.Scan(w.ctx, renamed, code, time.Time{})
		w.must(err)
		if again != first {
			t.Errorf("scanning again changed %+v to %+v", first, again)
		}
	})
}

func TestLookingAtACodeChangesNothing(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		code := w.code(l)
		for range 3 {
			seen, err := w.Look(w.ctx, code)
			w.must(err)
			if now, _ := w.Get(w.ctx, h); now != l || seen != l {
				t.Errorf("looked at %+v, it is %+v now and was %+v", seen, now, l)
			}
		}
	})
}

func TestAScanGivesThePhoneTwoMinutesAtLeast(t *testing.T) {
	for _, test := range []struct{ after, want time.Duration }{
		{0, 5 * time.Minute}, {3 * time.Minute, 2 * time.Minute}, {5*time.Minute - 1, 2 * time.Minute},
	} {
		after, want := test.after, test.want
		inTime(t, func(w *world) {
			h, l := w.start()
			code := w.code(l)
			time.Sleep(after)
			_, err := w.Scan(w.ctx, alice, code, time.Time{})
			w.must(err)
			time.Sleep(want - 1)
			if s := w.state(h); s != login.Scanned {
				t.Errorf("%v after the start and %v after the scan it is %s", after, want-1, s)
			}
			time.Sleep(time.Nanosecond)
			if s := w.state(h); s != login.Expired {
				t.Errorf("%v after the scan it is %s", want, s)
			}
			_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
			w.wants(err, login.ErrExpired)
			_, err = w.Deny(w.ctx, alice.Phone, string(l.Handle))
			w.wants(err, login.ErrExpired)
		})
	}
}

func TestForeignCodesAreNotFound(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.start()
		_, l2 := w.start()
		code, code2 := w.code(l), w.code(l2)
		id, _, err := w.Start(w.ctx, login.Request{App: "shop"})
		w.must(err)
		for _, text := range []string{
			"", "abc", code[:27], code + "a", code[:14] + code2[14:], string(l.Handle), altered(string(id)),
			"https://login.example/l/", "https://login.example/l/" + code + "/x",
		} {
			_, err := w.Scan(w.ctx, alice, text, time.Time{})
			w.wants(err, login.ErrNotFound)
			_, err = w.Look(w.ctx, text)
			w.wants(err, login.ErrNotFound)
		}
	})
}

func TestRequestsThatMayNotStartALogin(t *testing.T) {
	inTime(t, func(w *world) {
		long := string(make([]byte, 1025))
		for _, test := range []struct {
			request login.Request
			want    error
		}{
			{login.Request{App: "shop"}, nil},
			{login.Request{App: "shop", SiteState: long[:1024], Lang: long[:35]}, nil},
			{login.Request{App: ""}, login.ErrUnknownApp},
			{login.Request{App: "Shop"}, login.ErrUnknownApp},
			{login.Request{App: "shop", RedirectURI: pageURI + "/"}, login.ErrRedirectURI},
			{login.Request{App: "shop", SiteState: long}, login.ErrTooLong},
			{login.Request{App: "shop", Lang: long[:36]}, login.ErrTooLong},
		} {
			_, _, err := w.Start(w.ctx, test.request)
			w.wants(err, test.want)
		}
	})
}
