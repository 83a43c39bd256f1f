package park_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"qrlatch/server/park"
)

// This file tests that who rings a guest and cannot wait does not: RingNow.

func TestWhoRingsNowDoesNotWaitForThePeer(t *testing.T) {
	each(t, park.Options{Write: time.Minute}, func(p *place) {
		much := bytes.Repeat([]byte("much "), 4<<20/5)
		c := p.client()
		c.get("/w")
		g := p.guest("/w")
		<-g.came
		g.mu.Lock()
		g.todo = append(g.todo, func(s park.Spot) { s.Answer(http.StatusOK, nil, much) })
		spot := g.spot
		g.mu.Unlock()
		rung := make(chan struct{})
		go func() { defer close(rung); spot.RingNow() }()
		p.wait("it has rung", rung) // though nobody has read yet
		c.hears(string(much))
		p.isGone("/w")
		c.get("/now?next") // behind the answer, on the same connection
		c.hears("GET next")
	})
}

func TestPartsThatWaitForThePeerStayInOrder(t *testing.T) {
	each(t, park.Options{Write: time.Minute}, func(p *place) {
		c := p.client()
		c.get("/w")
		g := p.guest("/w")
		<-g.came
		const parts = 40
		g.mu.Lock()
		g.todo = append(g.todo, func(s park.Spot) {
			s.Begin(http.Header{})
			for i := range parts {
				s.Send(bytes.Repeat([]byte{byte('a' + i%26)}, 200_000))
			}
			s.End()
		})
		spot := g.spot
		g.mu.Unlock()
		rung := make(chan struct{})
		go func() { defer close(rung); spot.RingNow() }()
		p.wait("it has rung", rung)
		r, err := http.ReadResponse(c.in, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		all, err := io.ReadAll(r.Body)
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range parts {
			if part := all[i*200_000 : (i+1)*200_000]; part[0] != byte('a'+i%26) || bytes.Count(part, part[:1]) != len(part) {
				p.t.Fatalf("part %d is not whole", i)
			}
		}
		p.isGone("/w")
	})
}
