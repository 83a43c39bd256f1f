package phone

import (
	"testing"
	"testing/synctest"
	"time"
)

func hashOf(n int) tokenHash { return tokenHash{byte(n), byte(n >> 8), byte(n >> 16)} }

func lasting() verdict { return verdict{who: alice, until: time.Now().Add(time.Minute)} }

func denial() verdict { return verdict{err: ErrBadToken, until: time.Now().Add(time.Minute)} }

func TestAFloodOfRefusedTokensCostsLimitedMemoryAndMakesNobodyForgotten(t *testing.T) {
	v := newVerdicts()
	for n := range 1000 {
		v.add(hashOf(n), lasting())
	}
	const last = 3 * verdictsAtOnce
	for n := 1000; n <= last; n++ {
		v.add(hashOf(n), denial())
	}
	if len(v.refused) != verdictsAtOnce {
		t.Errorf("keeps %d refused ones", len(v.refused))
	}
	for n := range 1000 {
		if found, ok := v.of(hashOf(n)); !ok || found.who != alice || !v.wasGood(hashOf(n)) {
			t.Fatalf("%d is forgotten", n)
		}
	}
	if found, ok := v.of(hashOf(last)); !ok || found.err == nil || v.wasGood(hashOf(last)) {
		t.Error("the last is not refused")
	}
}

func TestManyGoodTokensCostLimitedMemory(t *testing.T) {
	v := newVerdicts()
	for n := range knownAtOnce + 1000 {
		v.add(hashOf(n), lasting())
	}
	if len(v.good) != verdictsAtOnce || len(v.known) != knownAtOnce {
		t.Errorf("keeps %d verdicts and %d hashes", len(v.good), len(v.known))
	}
}

func TestATokenThatIsRefusedWasNotGood(t *testing.T) {
	v := newVerdicts()
	v.add(hashOf(1), lasting())
	v.add(hashOf(1), denial())
	if found, ok := v.of(hashOf(1)); !ok || found.err == nil || v.wasGood(hashOf(1)) {
		t.Errorf("%+v", found)
	}
	v.add(hashOf(1), lasting())
	if found, ok := v.of(hashOf(1)); !ok || found.err != nil || !v.wasGood(hashOf(1)) {
		t.Errorf("%+v", found)
	}
}

// What is remembered of a person is gone a minute after it was said, though nobody comes.
func TestVerdictsAreGoneAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerdicts()
		for n := range 50 {
			v.add(hashOf(n), verdict{who: alice, until: time.Now().Add(activeFor)})
			v.add(hashOf(1000+n), verdict{err: ErrBadToken, until: time.Now().Add(inactiveFor)})
			time.Sleep(time.Second)
		}
		time.Sleep(inactiveFor + sweepEvery)
		synctest.Wait()
		v.mu.Lock()
		if len(v.refused) != 0 {
			t.Errorf("%d refused ones are kept", len(v.refused))
		}
		v.mu.Unlock()
		time.Sleep(time.Minute - inactiveFor - sweepEvery)
		synctest.Wait()
		v.mu.Lock()
		if len(v.good) != 0 || v.sweeping {
			t.Errorf("%d are kept, sweeping: %v", len(v.good), v.sweeping)
		}
		v.mu.Unlock()
		if !v.wasGood(hashOf(1)) {
			t.Error("that it was good is forgotten")
		}
	})
}
