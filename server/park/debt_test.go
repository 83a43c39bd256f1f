package park_test

import (
	"bytes"
	"io"
	"net"
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
		rung := make(chan struct{})
		go func() {
			defer close(rung)
			g.rings(func(s park.Spot) { s.Answer(http.StatusOK, nil, much) })
		}()
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
		rung := make(chan struct{})
		go func() {
			defer close(rung)
			g.rings(func(s park.Spot) {
				s.Begin(http.Header{})
				for i := range parts {
					s.Send(bytes.Repeat([]byte{byte('a' + i%26)}, 200_000))
				}
				s.End()
			})
		}()
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

// refusing is a listener that, once told to, accepts nobody.
type refusing struct {
	net.Listener
	now chan struct{}
}

func (r *refusing) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	select {
	case <-r.now:
		if err == nil {
			c.Close()
		}
		return nil, net.ErrClosed
	default:
		return c, err
	}
}

// TestWhoRingsDoesNotWaitForTheServer to take back a connection on which the next request has
// come already.
func TestWhoRingsDoesNotWaitForTheServer(t *testing.T) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", in.Addr().String())
		if err != nil {
			t.Error(err)
		}
		return c
	}
	inner := &refusing{in, make(chan struct{})}
	open(t, park.Options{}, inner, func(p *place) {
		p.dial = dial
		p.slow = true
		c := p.client()
		c.send("GET /w HTTP/1.1\r\nHost: x\r\n\r\nGET /now?behind HTTP/1.1\r\nHost: x\r\n\r\n")
		g := p.guest("/w")
		p.wait("it waits", g.came)
		close(inner.now)
		dial().Close() // nobody serves from now on
		rung := make(chan struct{})
		go func() {
			defer close(rung)
			g.rings(func(s park.Spot) { s.Answer(http.StatusOK, nil, []byte("w")) })
		}()
		p.wait("it has rung", rung)
		c.hears("w")
	})
}

// rings has the guest do something in a Wake by RingNow.
func (g *guest) rings(f func(park.Spot)) {
	g.mu.Lock()
	g.todo = append(g.todo, f)
	spot := g.spot
	g.mu.Unlock()
	spot.RingNow()
}
