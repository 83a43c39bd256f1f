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
		var followed rings
		watch := w.NewWatch(h, l)
		w.must(watch.Follow(l, &followed))
		defer watch.Stop()
		w.must(w.store.Logins.Delete(w.ctx, l.Handle))
		synctest.Wait()
		if times, s, _ := f.last(); times != 1 || s != 0 { // its holder holds nothing any more
			t.Errorf("it fired %d times, %q", times, s)
		}
		if got, err, rang := watch.News(); !rang || err != nil || got.State != login.Expired || followed != 1 {
			t.Errorf("rang %v %d times: %q, %v", rang, followed, got.State, err)
		}
		if _, _, rang := watch.News(); rang {
			t.Error("its news are told twice")
		}
	})
}

// rings counts. The tests' world rings it on one goroutine at a time.
type rings int

func (r *rings) Ring() { *r++ }

func TestAFollowerIsNotMisledByAnEarlierState(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.start()
		var bell rings
		watch := w.NewWatch(h, l)
		scanned := l
		scanned.State = login.Scanned // it knows more than the store says
		w.must(watch.Follow(scanned, &bell))
		defer watch.Stop()
		if _, _, rang := watch.News(); rang || bell != 0 {
			t.Error("an earlier state is taken for news")
		}
	})
}
