package login_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// slow answers reads late, as a store on another machine does: what it returns was
// true when it was read.
type slow[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	before, after atomic.Int64 // nanoseconds that a read takes, before and after its moment
}

func (s *slow[K, R]) Get(ctx context.Context, key K) (R, error) {
	time.Sleep(time.Duration(s.before.Load()))
	r, err := s.Table.Get(ctx, key)
	time.Sleep(time.Duration(s.after.Load()))
	return r, err
}

func (s *slow[K, R]) Owned(ctx context.Context, phone login.Phone) ([]R, error) {
	list, err := s.Table.Owned(ctx, phone)
	time.Sleep(time.Duration(s.after.Load()))
	return list, err
}

func (s *slow[K, R]) Delete(ctx context.Context, key K) error {
	time.Sleep(time.Duration(s.before.Load()))
	return s.Table.Delete(ctx, key)
}

// slowLogins is a world whose logins are read slowly once somebody says so.
func slowLogins(t *testing.T) (*world, *slow[login.Handle, login.Login]) {
	logins := &slow[login.Handle, login.Login]{}
	return newWorld(t, func(s login.Store) login.Store {
		logins.Table = s.Logins
		s.Logins = logins
		return s
	}), logins
}

func TestAWatchThatIsStoppedWhileAChangeIsReadDoesNotFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, logins := slowLogins(t)
		h, l := w.start()
		f, stop := w.watch(h, login.Pending)
		logins.after.Store(int64(5 * time.Second))
		go func() { _, _ = w.Scan(w.ctx, alice, w.code(l), time.Time{}) }()
		time.Sleep(6 * time.Second) // saved after five; now it is being read for the watch
		stop()
		time.Sleep(time.Minute)
		if times, s, _ := f.last(); times != 0 {
			t.Errorf("it fired %d times, %q", times, s)
		}
	})
}

func TestAWatchThatTwoChangesReachAtOnceFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, logins := slowLogins(t)
		h, l := w.scanned()
		f, stop := w.watch(h, login.Scanned)
		defer stop()
		logins.after.Store(int64(5 * time.Second))
		// Neither reads before it writes: each is on its way to the watch for five seconds.
		go func() { _, _ = w.Tell(w.ctx, l, 1) }()
		time.Sleep(time.Second)
		go func() { _, _ = w.Approve(w.ctx, alice.Phone, string(l.Handle), "") }()
		time.Sleep(time.Second)
		go func() { _, _ = w.RedeemPage(w.ctx, w.query(mustLoad(w, h)), desk) }()
		time.Sleep(time.Minute)
		if times, s, _ := f.last(); times != 1 || s != login.Approved {
			t.Errorf("it fired %d times, %q", times, s)
		}
	})
}

func mustLoad(w *world, h login.Holder) login.Login {
	l, err := w.store.Logins.(*slow[login.Handle, login.Login]).Table.Get(w.ctx, login.Handle(h.ID[:12]))
	w.must(err)
	return l
}

// A read that took long must not put off an expiry that has been brought forward
// meanwhile: the phone would believe for minutes that its browser is coming.
func TestALateReadDoesNotPutOffAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := &slow[login.Handle, login.Login]{}
		w := newWorld(t, func(s login.Store) login.Store {
			logins.Table = s.Logins
			s.Logins = logins
			return s
		})
		h, l := w.scanned()

		// A browser comes to wait, and its read of the scanned login takes ten seconds.
		logins.after.Store(int64(5 * time.Second))
		go func() { _, _ = w.Wait(w.ctx, h, login.Scanned) }()
		time.Sleep(6 * time.Second) // its second read has begun
		logins.after.Store(0)

		l, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		got, err := w.WaitScanned(w.deadline(time.Now().Add(time.Hour)), alice.Phone, string(l.Handle), login.Approved)
		w.must(err)
		if late := time.Since(l.Deadline); got.State != login.Expired || late > time.Second {
			t.Errorf("the phone was told %q, %v after the ticket had expired", got.State, late)
		}
	})
}

// A session ends by itself as well. Its record is forgotten at that very moment, so
// a read that is only a little late finds nothing.
func TestWaitEndedReturnsWhenASessionRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := &slow[login.SessionID, login.Session]{}
		w := newWorld(t, func(s login.Store) login.Store {
			sessions.Table = s.Sessions
			s.Sessions = sessions
			return s
		})
		v, _ := w.signedIn()
		sessions.before.Store(int64(time.Millisecond))
		_, _ = w.WaitEnded(w.deadline(v.Expires.Add(time.Hour)), v.ID)
		if late := time.Since(v.Expires); late > time.Second {
			t.Errorf("it returned %v after the session had run out", late)
		}
	})
}

// deadline is a context that ends at at.
func (w *world) deadline(at time.Time) context.Context {
	ctx, cancel := context.WithDeadline(w.ctx, at)
	w.t.Cleanup(cancel)
	return ctx
}
