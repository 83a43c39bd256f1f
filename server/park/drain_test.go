package park_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
)

// This file tests the end of a Lot.

func TestDrainingSaysGoodbyeToAllAndThenReturns(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		var waiting []*client
		for _, path := range []string{"/a", "/b", "/c"} {
			c := p.client()
			c.get(path)
			<-p.guest(path).came
			waiting = append(waiting, c)
		}
		idle := p.client()
		idle.get("/now")
		idle.hears("GET ")
		p.left(4)
		ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
		defer cancel()
		if err := p.lot.Drain(ctx); err != nil {
			p.t.Fatal(err)
		}
		if n := p.lot.Count(); n != 0 {
			p.t.Errorf("%d are left", n)
		}
		for _, c := range waiting {
			if r := c.hears("draining"); !r.Close {
				p.t.Error("it may go on")
			}
			c.ends()
		}
		idle.ends()
		for _, path := range []string{"/a", "/b", "/c"} {
			if n := p.guest(path).wakes.Load(); n != 2 {
				p.t.Errorf("%s was woken %d times", path, n)
			}
		}
		late := p.client()
		late.get("/late")
		late.hears("draining")
		late.ends()
		if err := p.lot.Drain(ctx); err != nil {
			p.t.Error("a second time:", err)
		}
	})
}

// TestDrainingEndsInTime: a guest that does not go is hung up on by Close.
func TestDrainingEndsInTime(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.guest("/w").stubborn = true
		p.guest("s").stubborn = true
		c, s := p.client(), p.client()
		c.get("/w")
		<-p.guest("/w").came
		s.get("/socket?s")
		<-p.guest("s").came
		ctx, cancel := context.WithTimeout(p.t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := p.lot.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			p.t.Errorf("%v", err)
		}
		p.lot.Close()
		p.isGone("/w")
		p.isGone("s")
		c.ends()
	})
}

// TestDrainAndCloseMayWaitAtOnce: whoever is told first that all have left must not be the
// only one.
func TestDrainAndCloseMayWaitAtOnce(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			lot := park.New(park.Options{Idle: time.Minute})
			near, far := pipe()
			g := newGuest()
			g.stubborn = true
			lot.Adopt(far, nil, hearer{g})
			<-g.came
			for range 3 {
				go func() { _ = lot.Drain(t.Context()) }()
			}
			synctest.Wait()
			lot.Close()
			synctest.Wait()
			near.Close()
		})
	}
}

func TestWhoComesAfterCloseIsHungUpOn(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.lot.Close()
		c := p.client()
		c.get("/w")
		p.isGone("/w")
		c.ends()
		s := p.client()
		s.get("/socket?s")
		p.isGone("s")
	})
}

// TestAHeldSocketEndsWithClose: one that cannot be parked is in the books, too.
func TestAHeldSocketEndsWithClose(t *testing.T) {
	for _, name := range []string{"silent", "drained"} {
		synctest.Test(t, func(t *testing.T) {
			lot := park.New(park.Options{Idle: time.Minute})
			near, far := pipe()
			g := newGuest()
			g.stubborn = name == "silent"
			lot.Adopt(far, []byte("early"), hearer{g})
			if b := make([]byte, 5); !reads(near, b) || string(b) != "early" || lot.Count() != 1 {
				t.Errorf("%q, %d are there", b, lot.Count())
			}
			g.do(func(s park.Spot) { s.Send([]byte("word")) })
			if b := make([]byte, 4); !reads(near, b) || string(b) != "word" {
				t.Errorf("%q", b)
			}
			lot.Close()
			<-g.gone
			if reads(near, make([]byte, 1)) {
				t.Error("it is not hung up on")
			}
		})
	}
}

// TestNoLotIsOneWithoutRoom: everything works on goroutines.
func TestNoLotIsOneWithoutRoom(t *testing.T) {
	var lot *park.Lot
	if lot.Count() != 0 || lot.Draining() || lot.Drain(t.Context()) != nil {
		t.Error("nobody is there")
	}
	lot.Close()
	synctest.Test(t, func(t *testing.T) {
		g := newGuest()
		near, far := pipe()
		lot.Adopt(far, nil, hearer{g})
		if _, err := near.Write([]byte("word.")); err != nil {
			t.Error(err)
		}
		if b := make([]byte, 5); !reads(near, b) || string(b) != "word." {
			t.Errorf("%q", b)
		}
		<-g.gone
	})
	w := &recorder{header: http.Header{}}
	g := newGuest()
	go g.say("held")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	lot.Wait(w, r, g)
	if w.body.String() != "held" || w.header.Get("Content-Length") != "4" {
		t.Errorf("%q %v", w.body.String(), w.header)
	}
}
