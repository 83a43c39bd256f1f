package park_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/park"
)

// counted is a guest that must see every number that it is told of.
type counted struct {
	*guest
	told atomic.Int64 // the last number, set before the ring
	seen int64        // by Wake
	want int64        // it answers when it has seen this one
	over bool
}

// Wake is the Lot's.
func (c *counted) Wake(s park.Spot) {
	defer c.enter()()
	if c.over {
		c.fail(fmt.Errorf("woken after its answer"))
	}
	c.mu.Lock()
	if c.spot == nil {
		close(c.came)
	}
	c.spot = s
	c.mu.Unlock()
	s.Alarm(time.Now().Add(time.Duration(rand.Int64N(int64(time.Second)))))
	if c.seen = c.told.Load(); c.seen == c.want || s.Draining() {
		c.over = true
		s.Answer(http.StatusOK, nil, []byte("seen"))
	}
}

func (c *counted) ring() {
	c.mu.Lock()
	spot := c.spot
	c.mu.Unlock()
	spot.Ring()
}

// TestNoRingIsLost has many ring at once, at any moment, alarms go off between, and some
// peers go. A ring that got lost would leave a guest that waits for ever.
func TestNoRingIsLost(t *testing.T) {
	const guests, rings = 60, 200
	for round := range 2 {
		each(t, park.Options{}, func(p *place) {
			all := make([]*counted, guests)
			base := p.server.Handler
			p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var i int
				if _, err := fmt.Sscanf(r.URL.Path, "/c%d", &i); err != nil {
					base.ServeHTTP(w, r)
					return
				}
				p.lot.Wait(w, r, all[i])
			})
			var done sync.WaitGroup
			for i := range all {
				all[i] = &counted{guest: newGuest(), want: rings}
				done.Go(func() {
					g, random := all[i], rand.New(rand.NewPCG(uint64(i), uint64(round)))
					c := p.client()
					c.get(fmt.Sprintf("/c%d", i))
					<-g.came
					leaves := i%5 == 0
					at := random.Int64N(rings)
					var ringers sync.WaitGroup
					for range 3 {
						ringers.Go(func() {
							for {
								n := g.told.Add(1)
								if n > rings {
									g.told.Store(rings)
									g.ring()
									return
								}
								g.ring()
								if leaves && n == at {
									c.Close()
								}
							}
						})
					}
					ringers.Wait()
					g.told.Store(rings)
					g.ring()
					if !leaves {
						c.hears("seen")
					}
					<-g.gone
					g.ring() // whoever is late harms nobody
					c.Close()
					if g.trouble != nil {
						p.t.Error(g.trouble)
					}
				})
			}
			done.Wait()
			p.left(0)
		})
	}
}

// deaf is a guest whose first Wake lasts until it is told to answer.
type deaf struct{ in, answer, gone chan struct{} }

func (d *deaf) Wake(s park.Spot) {
	close(d.in)
	<-d.answer
	s.Answer(http.StatusOK, nil, []byte("first"))
}

func (d *deaf) Gone() { close(d.gone) }

// TestWaitDoesNotServeWhatComesNext: its handler has middleware to return to.
func TestWaitDoesNotServeWhatComesNext(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		d := &deaf{in: make(chan struct{}), answer: make(chan struct{}), gone: make(chan struct{})}
		returned := make(chan struct{})
		plain := p.server.Handler
		p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/first":
				p.lot.Wait(w, r, d)
				close(returned)
			case "/second":
				p.wait("the first handler returns", returned)
				_, _ = io.WriteString(w, "second")
			default:
				plain.ServeHTTP(w, r)
			}
		})
		c := p.client()
		c.get("/first")
		p.wait("it waits", d.in)
		c.get("/second") // early
		close(d.answer)
		c.hears("first")
		p.wait("it is gone", d.gone)
		c.hears("second")
	})
}
