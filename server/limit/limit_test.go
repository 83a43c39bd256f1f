package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestABucketFillsAgainWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewPerMinute(2)
		for range 2 {
			if l.Take("a") != 0 {
				t.Fatal("two were not allowed")
			}
		}
		if wait := l.Take("a"); wait != 30*time.Second {
			t.Errorf("the third waits %v, want 30s", wait)
		}
		if l.Take("b") != 0 {
			t.Error("another key waits as well")
		}
		time.Sleep(30 * time.Second)
		if l.Take("a") != 0 {
			t.Error("half a minute gives none")
		}
		if l.Take("a") == 0 {
			t.Error("half a minute gives two")
		}
		time.Sleep(2 * time.Minute)
		for range 10 { // minutes, each of other keys
			for i := range 200 {
				l.Take(fmt.Sprint(time.Now(), i))
			}
			time.Sleep(2 * time.Minute)
		}
		kept := 0
		for i := range l.shards {
			kept += len(l.shards[i].now) + len(l.shards[i].then)
		}
		if kept > 400 { // of the last two
			t.Errorf("%d buckets are kept", kept)
		}
	})
}

func TestOfManyAtOnceOnlySoManyPass(t *testing.T) {
	l := NewPerMinute(10)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if l.Take("a") == 0 {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != 10 {
		t.Errorf("%d passed, want 10", n)
	}
}

func TestNoLimitAllowsEverything(t *testing.T) {
	l := NewPerMinute(0)
	for range 1000 {
		if l.Take("a") != 0 {
			t.Fatal("somebody waits")
		}
	}
}
