package login_test

import (
	"testing"
	"testing/synctest"

	"qrlatch/server/login"
)

// A store that has lost a record, such as one that failed over or was emptied, leaves nobody
// waiting for ever.
func TestWhoWaitsForARecordThatIsLostIsTold(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		f, stop := w.watch(h, login.Pending)
		defer stop()
		watch := ringing{Watch: w.NewWatch(h, l)}
		w.must(watch.Follow(l, &watch))
		defer watch.Stop()
		w.must(w.store.Logins.Delete(w.ctx, l.Handle))
		synctest.Wait()
		if times, s, _ := f.last(); times != 1 || s != 0 { // its holder holds nothing any more
			t.Errorf("it fired %d times, %q", times, s)
		}
		if got, err, rang := watch.News(); !rang || err != nil || got.State != login.Expired || watch.rings != 1 {
			t.Errorf("rang %v %d times: %q, %v", rang, watch.rings, got.State, err)
		}
		if _, _, rang := watch.News(); rang {
			t.Error("its news are told twice")
		}
	})
}

// ringing counts how often it is rung. The tests' world rings it on one goroutine at a time.
type ringing struct {
	login.Watch
	rings int
}

func (c *ringing) Offer(l login.Login) bool { return c.Accept(l) }

func (c *ringing) Ring() { c.rings++ }

func (c *ringing) RingNow() { c.Ring() }

func TestAFollowerIsNotMisledByAnEarlierState(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		watch := ringing{Watch: w.NewWatch(h, l)}
		scanned := l
		scanned.State = login.Scanned // it knows more than the store says
		w.must(watch.Follow(scanned, &watch))
		defer watch.Stop()
		if _, _, rang := watch.News(); rang || watch.rings != 0 {
			t.Error("an earlier state is taken for news")
		}
	})
}
