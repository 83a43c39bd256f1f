package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWrongTriesAreLimitedInAnyTenMinutes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		who   func(n int) (person, network string)
		limit int
	}{
		{"of a person, wherever from", func(n int) (string, string) { return "eve", fmt.Sprint(n) }, 5},
		{"from a network, whoever it is", func(n int) (string, string) { return fmt.Sprint(n), "net" }, 30},
		{"in all", func(n int) (string, string) { return fmt.Sprint(n), fmt.Sprint(n) }, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewGuesses()
				for n := range tt.limit {
					if wait := g.Take(tt.who(n)); wait != 0 {
						t.Fatalf("try %d waits %v", n+1, wait)
					}
					time.Sleep(100 * time.Millisecond)
				}
				begun := time.Duration(tt.limit) * 100 * time.Millisecond
				for range 3 { // a refused one pushes nobody further away
					if wait := g.Take(tt.who(tt.limit)); wait != 10*time.Minute-begun {
						t.Fatalf("one more waits %v, want %v", wait, 10*time.Minute-begun)
					}
				}
				time.Sleep(10*time.Minute - begun)
				if wait := g.Take(tt.who(tt.limit)); wait != 0 {
					t.Errorf("ten minutes after the first: %v", wait)
				}
				if wait := g.Take(tt.who(tt.limit + 1)); wait != 100*time.Millisecond {
					t.Errorf("ten minutes after the first, two: %v, want 100ms", wait)
				}
			})
		})
	}
}

func TestARightTryTakesBackItselfOnly(t *testing.T) {
	g := NewGuesses()
	for n := range 30 {
		person := fmt.Sprint(n)
		if g.Take(person, "net") != 0 {
			t.Fatalf("wrong try %d waits", n)
		}
		if n < 29 && g.Take("mallory", "net") != 0 {
			t.Fatalf("right try %d waits", n)
		} else if n < 29 {
			g.Return("mallory", "net")
		}
	}
	if g.Take("mallory", "net") == 0 {
		t.Error("30 wrong tries from a network, and being right in between has given some back")
	}
	if g.Take("mallory", "elsewhere") != 0 {
		t.Error("who was always right has to wait")
	}
}

func TestOfManyTriesAtOnceOnlySoManyPass(t *testing.T) {
	g := NewGuesses()
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if g.Take("eve", "net") == 0 {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != 5 {
		t.Errorf("%d passed, want 5", n)
	}
}

func TestTriesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses()
		for n := range 100 {
			g.Take(fmt.Sprint(n), fmt.Sprint(n))
		}
		time.Sleep(11 * time.Minute)
		g.Take("one", "one")
		if p, n := g.person.tries.ItemCount(), g.network.tries.ItemCount(); p != 1 || n != 1 {
			t.Errorf("%d people and %d networks are kept, want 1 each", p, n)
		}
	})
}
