package park

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// alarmed makes a place in a wheel that notes when it goes off.
func alarmed(number int) *parked {
	return &parked{place: uint8(number % wheelShards), state: running} // so that news are only noted
}

func (p *parked) wentOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.news&timeUp != 0
	p.news = 0
	return was
}

// TestNoAlarmIsEarlyAndNoneIsLate sets alarms at moments of all kinds, and holds the wheel
// to what it promises of each.
func TestNoAlarmIsEarlyAndNoneIsLate(t *testing.T) {
	for _, after := range []time.Duration{
		-time.Hour, 0, 1, Tick - 1, Tick, Tick + 1, time.Second, 25 * time.Second, buckets*Tick - 1, buckets * Tick, buckets*Tick + 1,
		26 * time.Second, 3 * buckets * Tick, 5 * time.Minute,
	} {
		for _, rest := range []time.Duration{0, 7 * time.Millisecond, time.Minute} { // the wheel stands still for so long
			synctest.Test(t, func(t *testing.T) {
				closed := make(chan struct{})
				defer close(closed)
				var w wheel
				w.start(func() {}, closed)
				time.Sleep(rest)
				p := alarmed(3)
				want := time.Now().Add(after)
				w.set(p, want)
				if after > 0 {
					time.Sleep(after - 1)
					if synctest.Wait(); p.wentOff() {
						t.Errorf("%v after %v: early", after, rest)
					}
				}
				time.Sleep(Tick + 1)
				if synctest.Wait(); !p.wentOff() {
					t.Errorf("%v after %v: late", after, rest)
				}
				time.Sleep(time.Minute)
				if p.wentOff() {
					t.Errorf("%v after %v: it goes off again", after, rest)
				}
				w.remove(p)
				synctest.Wait()
			})
		}
	}
}

// TestTheWheelIsASortedList sets, moves and takes back alarms at random, and holds the wheel
// against a list that is looked through at every tick.
func TestTheWheelIsASortedList(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			closed := make(chan struct{})
			defer close(closed)
			var w wheel
			w.start(func() {}, closed)
			all := make([]*parked, 200)
			due := make(map[*parked]time.Time)
			for i := range all {
				all[i] = alarmed(i)
			}
			in := map[*parked]bool{}
			for range 150 {
				for range random.IntN(20) {
					p := all[random.IntN(len(all))]
					switch random.IntN(4) {
					case 0:
						w.remove(p)
						delete(due, p)
						delete(in, p)
					default:
						at := time.Now().Add(time.Duration(random.Int64N(int64(time.Minute)) - int64(time.Second)))
						w.set(p, at)
						if now := time.Now(); at.Before(now) {
							at = now // it is due already
						}
						due[p], in[p] = at, true
					}
				}
				time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
				synctest.Wait()
				now := time.Now()
				for i, p := range all {
					at, set := due[p]
					switch off := p.wentOff(); {
					case off && (!set || now.Before(at)):
						t.Fatalf("seed %d: %d goes off %v early, set: %v", seed, i, at.Sub(now), set)
					case off:
						delete(due, p)
					case set && now.Sub(at) > Tick:
						t.Fatalf("seed %d: %d is %v late", seed, i, now.Sub(at))
					}
				}
				if everybody := w.all(); len(everybody) != len(in) || int(w.count.Load()) != len(in) ||
					slices.ContainsFunc(everybody, func(p *parked) bool { return !in[p] }) {
					t.Fatalf("seed %d: %d are there, %d counted, want %d", seed, len(everybody), w.count.Load(), len(in))
				}
			}
			for p := range in {
				w.remove(p)
			}
			for i := range w.shards {
				for _, p := range w.shards[i].buckets {
					if p != nil {
						t.Error("somebody is left")
					}
				}
			}
		})
	}
}
