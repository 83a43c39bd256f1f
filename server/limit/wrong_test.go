package limit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWrongTriesOfAKeyAreLimitedInAnyTenMinutesAndRightOnesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hits := 0
		w := NewWrong(3, func() { hits++ })
		for n := range 3 {
			for range 5 {
				if w.Take("alice") != 0 {
					t.Fatal("a right try waits")
				}
				w.Return("alice")
			}
			if wait := w.Take("alice"); wait != 0 {
				t.Fatalf("try %d waits %v", n+1, wait)
			}
			time.Sleep(time.Minute)
		}
		for range 3 { // a refused one pushes nobody further away
			if wait := w.Take("alice"); wait != 7*time.Minute {
				t.Errorf("one more waits %v, want 7m", wait)
			}
		}
		if w.Take("bob") != 0 {
			t.Error("bob waits for alice")
		}
		time.Sleep(7 * time.Minute)
		if w.Take("alice") != 0 || w.Take("alice") != time.Minute {
			t.Error("ten minutes after the first wrong try there is not one more")
		}
		if hits != 4 {
			t.Errorf("%d were reported, want 4", hits)
		}
	})
}

func TestWhoLooksHowLongToWaitCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(60, 2).Report(func() { t.Error("a look was reported") })
		for range 5 {
			if l.Wait("a") != 0 {
				t.Fatal("waits for nothing")
			}
		}
		l.Take("a")
		l.Take("a")
		for range 5 {
			if wait := l.Wait("a"); wait != time.Second {
				t.Errorf("waits %v, want 1s", wait)
			}
		}
		if l.Wait("b") != 0 || (*PerMinute)(nil).Wait("a") != 0 {
			t.Error("others wait")
		}
		time.Sleep(time.Second)
		if l.Wait("a") != 0 || l.Take("a") != 0 {
			t.Error("waits after it has waited")
		}
	})
}
