package login_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// fired is what a Watch told, and when.
type fired struct {
	mu     sync.Mutex
	states []login.State
	at     []time.Time
}

func (f *fired) fire(l login.Login, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		l.State = 0
	}
	f.states, f.at = append(f.states, l.State), append(f.at, time.Now())
}

func (f *fired) last() (times int, s login.State, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if times = len(f.states); times > 0 {
		s, at = f.states[times-1], f.at[times-1]
	}
	return times, s, at
}

func (w *world) watch(h login.Holder, since login.State) (f *fired, stop func()) {
	w.t.Helper()
	f = &fired{}
	stop, err := w.Watch(w.ctx, h, since, f.fire)
	w.must(err)
	return f, stop
}

func TestAWatchFiresAtOnceIfTheStateIsAnotherAlready(t *testing.T) {
	inTime(t, func(w *world) {
		h, _ := w.scanned()
		for _, since := range []login.State{0, login.Pending, login.Approved, login.Expired} {
			f, stop := w.watch(h, since)
			if times, s, _ := f.last(); times != 1 || s != login.Scanned {
				t.Errorf("since %q it fired %d times, %q", since, times, s)
			}
			stop()
			stop() // harmless
		}
	})
}

func TestAWatchFiresOnceAtTheFirstChangeAndNeverAgain(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		f, _ := w.watch(h, login.Pending)
		time.Sleep(30 * time.Second)
		if times, _, _ := f.last(); times != 0 {
			t.Fatal("it fired before anything changed")
		}
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, nil)
		time.Sleep(10 * time.Minute)
		if times, s, at := f.last(); times != 1 || s != login.Scanned || at.Sub(l.Started) != 30*time.Second {
			t.Errorf("fired %d times, %q", times, s)
		}
	})
}

func TestAWatchNeverFiresAfterStop(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		f, stop := w.watch(h, login.Pending)
		stop()
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		time.Sleep(10 * time.Minute)
		if times, _, _ := f.last(); times != 0 {
			t.Error("it fired")
		}
	})
}

// writes counts what is saved.
type writes struct {
	login.Table[login.Handle, login.Login]
	n atomic.Int64
}

func (c *writes) Update(ctx context.Context, h login.Handle, change func(*login.Login) error) (login.Login, error) {
	c.n.Add(1)
	return c.Table.Update(ctx, h, change)
}

func TestExpiryFiresAtTheDeadlineWithoutAnyWrite(t *testing.T) {
	for name, test := range map[string]struct {
		make  func(w *world) (login.Holder, login.Login)
		since login.State
		after time.Duration
	}{
		"of the picture":  {(*world).start, login.Pending, 5 * time.Minute},
		"of the question": {(*world).scanned, login.Scanned, 5 * time.Minute},
		"of the ticket":   {(*world).approved, login.Approved, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				count := &writes{}
				w := newWorld(t, func(s login.Store) login.Store {
					count.Table = s.Logins
					s.Logins = count
					return s
				})
				h, l := test.make(w)
				f, _ := w.watch(h, test.since)
				before := count.n.Load()
				time.Sleep(test.after - 1)
				synctest.Wait()
				if times, _, _ := f.last(); times != 0 {
					t.Error("it fired early")
				}
				time.Sleep(time.Hour)
				if times, s, at := f.last(); times != 1 || s != login.Expired || at.Sub(l.Started) != test.after {
					t.Errorf("fired %d times, %q, %v after the start", times, s, at.Sub(l.Started))
				}
				if count.n.Load() != before {
					t.Error("something was written")
				}
			})
		})
	}
}

func TestAScanThatExtendsTheDeadlineMovesTheTimer(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		early, _ := w.watch(h, login.Pending)
		time.Sleep(4 * time.Minute)
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		late, _ := w.watch(h, login.Scanned)
		time.Sleep(time.Hour)
		if times, s, at := early.last(); times != 1 || s != login.Scanned || at.Sub(l.Started) != 4*time.Minute {
			t.Errorf("who watched from the start was told %d times, %q after %v", times, s, at.Sub(l.Started))
		}
		if times, s, at := late.last(); times != 1 || s != login.Expired || at.Sub(l.Started) != 6*time.Minute {
			t.Errorf("who watched from the scan was told %d times, %q after %v", times, s, at.Sub(l.Started))
		}
	})
}

func TestAnApprovalThatShortensTheDeadlineMovesTheTimer(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.approved()
		_ = h
		told := make(chan time.Duration, 1)
		go func() {
			got, err := w.WaitScanned(w.ctx, alice.Phone, string(l.Handle), login.Approved)
			if err != nil || got.State != login.Expired {
				t.Errorf("the phone was told %q, %v", got.State, err)
			}
			told <- time.Since(l.Approved)
		}()
		if after := <-told; after != time.Minute {
			t.Errorf("the phone was told %v after the approval", after)
		}
	})
}

func TestWaitReturnsWithItsContext(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		ctx, cancel := context.WithTimeout(w.ctx, 25*time.Second)
		defer cancel()
		_, err := w.Wait(ctx, h, login.Pending)
		w.wants(err, context.DeadlineExceeded)
		if d := time.Since(l.Started); d != 25*time.Second {
			t.Errorf("it took %v", d)
		}
		for _, foreign := range []string{"", "x", altered(h.ID)} {
			_, err = w.Wait(w.ctx, login.Holder{ID: foreign}, login.Pending)
			w.wants(err, login.ErrNotFound)
		}
	})
}

func TestThePhoneHearsWhenItsBrowserIsIn(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		go func() {
			time.Sleep(3 * time.Second)
			if _, err := w.RedeemPage(w.ctx, w.query(l), desk); err != nil {
				t.Error(err)
			}
		}()
		got, err := w.WaitScanned(w.ctx, alice.Phone, string(l.Handle), login.Approved)
		w.must(err)
		if got.State != login.Redeemed || time.Since(l.Approved) != 3*time.Second {
			t.Errorf("told %q after %v", got.State, time.Since(l.Approved))
		}
		ctx, cancel := context.WithTimeout(w.ctx, 25*time.Second)
		defer cancel()
		_, second := w.scanned()
		still, err := w.WaitScanned(ctx, alice.Phone, string(second.Handle), login.Scanned)
		if err != nil || still.State != login.Scanned {
			t.Errorf("at the end of its patience it was told %q, %v", still.State, err)
		}
		_, err = w.WaitScanned(w.ctx, bob.Phone, string(second.Handle), login.Scanned)
		w.wants(err, login.ErrNotYours)
	})
}
