package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd behind one address keeps only itself waiting.
func TestACrowdKeepsOnlyItselfWaiting(t *testing.T) {
	for _, tt := range []struct {
		crowds int
		waits  time.Duration // of somebody from elsewhere, while a turn lasts a second
	}{{0, 0}, {1, 0}, {2, time.Second}, {3, time.Second}, {5, 2 * time.Second}} {
		t.Run(fmt.Sprint(tt.crowds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := NewTurns(TurnLimits{AtOnce: 4, AtOncePerNetwork: 2, Present: 1000, PresentPerNetwork: 50})
				var now, most atomic.Int64
				var all sync.WaitGroup
				for n := range 50 * tt.crowds {
					all.Go(func() {
						done, err := turns.Wait(t.Context(), fmt.Sprint(n%tt.crowds))
						if err != nil {
							t.Error(err)
							return
						}
						most.Store(max(most.Load(), now.Add(1)))
						time.Sleep(time.Second)
						now.Add(-1)
						done()
					})
				}
				synctest.Wait()
				began := time.Now()
				done, err := turns.Wait(t.Context(), "home")
				if took := time.Since(began); err != nil || took != tt.waits {
					t.Errorf("waits %v, %v, want %v", took, err, tt.waits)
				}
				done()
				all.Wait()
				if want := int64(min(4, 2*tt.crowds)); most.Load() != want {
					t.Errorf("%d at once, want %d", most.Load(), want)
				}
				if turns.present != 0 || len(turns.crowds) != 0 {
					t.Error("somebody is left")
				}
			})
		})
	}
}

func TestWhereThereIsNoRoomNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(TurnLimits{AtOnce: 1, AtOncePerNetwork: 1, Present: 5, PresentPerNetwork: 3})
		ctx, leave := context.WithCancel(t.Context())
		full := func(networks ...string) {
			t.Helper()
			for _, network := range networks {
				soon, cancel := context.WithTimeout(t.Context(), time.Second)
				if _, err := turns.Wait(soon, network); !errors.Is(err, ErrCrowded) {
					t.Errorf("%s: %v", network, err)
				}
				cancel()
			}
		}
		enter := func(networks ...string) {
			for _, network := range networks {
				go func() { _, _ = turns.Wait(ctx, network) }()
			}
			synctest.Wait()
		}
		enter("a", "a", "a")
		full("a")
		enter("b", "b")
		full("a", "b", "c")
		leave()
		synctest.Wait()
		if turns.present != 1 || len(turns.crowds) != 1 {
			t.Errorf("%d are left, of %d networks: want the one that has its turn", turns.present, len(turns.crowds))
		}
	})
}

func TestATurnEndsOnce(t *testing.T) {
	turns := NewTurns(TurnLimits{AtOnce: 1, AtOncePerNetwork: 1, Present: 5, PresentPerNetwork: 3})
	done, err := turns.Wait(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	done()
	done()
	if turns.present != 0 {
		t.Errorf("%d are left", turns.present)
	}
}
