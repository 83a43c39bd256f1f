package login_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestAWaitingBrowserOwnsNoGoroutine(t *testing.T) {
	inTime(t, func(w *world) {
		var holders []login.Holder
		for range 100 {
			h, _ := w.start()
			holders = append(holders, h)
		}
		before := runtime.NumGoroutine()
		var stops []func()
		for i := range 5000 {
			_, stop := w.watch(holders[i%len(holders)], login.Pending)
			stops = append(stops, stop)
		}
		synctest.Wait()
		if now := runtime.NumGoroutine(); now > before+10 { // of the runtime's own, some come and go
			t.Errorf("5000 watches have %d goroutines", now-before)
		}
		for _, stop := range stops {
			stop()
		}
		for range 100 {
			ctx, cancel := context.WithTimeout(w.ctx, time.Second)
			_, err := w.Wait(ctx, holders[0], login.Pending)
			w.wants(err, context.DeadlineExceeded)
			cancel()
		}
		if now := runtime.NumGoroutine(); now > before+10 { // of the runtime's own, some come and go
			t.Errorf("%d goroutines are left", now-before)
		}
	})
}

// Watches come and go while logins change: whoever stays is told exactly once, and
// whoever stopped is never told afterwards.
func TestThousandsOfWatchesOnOneAndOnManyLogins(t *testing.T) {
	for name, logins := range map[string]int{"one login": 1, "many logins": 50} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(w *world) {
				var holders []login.Holder
				var all []login.Login
				for range logins {
					h, l := w.start()
					holders, all = append(holders, h), append(all, l)
				}
				var actors sync.WaitGroup
				for actor := range 40 {
					actors.Go(func() {
						r := rand.New(rand.NewPCG(uint64(actor), 3))
						for range 100 {
							watchForAWhile(w, holders[r.IntN(logins)], r)
						}
					})
				}
				for i, l := range all {
					actors.Go(func() { liveALife(w, l, rand.New(rand.NewPCG(uint64(i), 4))) })
				}
				actors.Wait()
			})
		})
	}
}

func watchForAWhile(w *world, h login.Holder, r *rand.Rand) {
	var times, afterStop atomic.Int64
	var stopped atomic.Bool
	since := login.State(r.IntN(6) + 1)
	stop, err := w.Watch(w.ctx, h, since, func(l login.Login, err error) {
		times.Add(1)
		if stopped.Load() {
			afterStop.Add(1)
		}
		if err != nil || l.State == since {
			w.t.Errorf("told %q, %v, since %q", l.State, err, since)
		}
	})
	if errors.Is(err, login.ErrNotFound) {
		return // forgotten meanwhile
	}
	if err != nil {
		w.t.Error(err)
		return
	}
	time.Sleep(time.Duration(r.IntN(6000)) * time.Millisecond)
	now, err := w.Get(w.ctx, h)
	time.Sleep(time.Nanosecond) // virtual: everybody who has something to do has done it
	if err == nil && now.State != since && times.Load() == 0 {
		w.t.Errorf("it is %q and was never told, since %q", now.State, since)
	}
	stop()
	stopped.Store(true)
	time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
	if times.Load() > 1 || afterStop.Load() > 0 {
		w.t.Errorf("told %d times, %d times after stop", times.Load(), afterStop.Load())
	}
}

// liveALife takes a login through all its states at random moments, or lets it go.
func liveALife(w *world, l login.Login, r *rand.Rand) {
	pause := func() { time.Sleep(time.Duration(r.IntN(120_000)) * time.Millisecond) }
	pause()
	code, _, ok := w.Code(l, time.Now())
	if !ok {
		return
	}
	if _, err := w.Scan(w.ctx, alice, code, time.Time{}); err != nil {
		w.t.Error(err)
	}
	pause()
	if r.IntN(4) == 0 {
		if _, err := w.Deny(w.ctx, alice.Phone, string(l.Handle)); err != nil && !errors.Is(err, login.ErrExpired) {
			w.t.Error(err)
		}
		return
	}
	l, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
	if err != nil {
		if !errors.Is(err, login.ErrExpired) {
			w.t.Error(err)
		}
		return
	}
	uri := w.query(l)
	pause()
	if _, err := w.RedeemPage(w.ctx, uri, desk); err != nil && !errors.Is(err, login.ErrRefused) {
		w.t.Error(err)
	}
}
