package park_test

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/park"
)

// This file tests how an exchange ends: by a panic, when the server stops, and in crowds.

// TestAPanicEndsItsConnectionOnly, and is told of without what it was about.
func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	var told []error
	each(t, park.Options{Trouble: func(err error) { told = append(told, err) }}, func(p *place) {
		other := p.idler()
		for _, value := range []any{"secret", http.ErrAbortHandler} {
			p.does(func(http.ResponseWriter, *http.Request) { panic(value) })
			c := p.idler()
			c.get("/odd")
			c.ends()
			p.left(1)
		}
		other.get("/now")
		other.hears("GET ")
		if len(told) != 1 || strings.Contains(told[0].Error(), "secret") {
			p.t.Error(told)
		}
		told = nil
	})
}

// TestWhoWaitsIsGoneIfItsHandlerPanics, though it never came.
func TestWhoWaitsIsGoneIfItsHandlerPanics(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.does(func(w http.ResponseWriter, r *http.Request) {
			p.lot.Wait(w, r, p.guest("g"))
			panic(http.ErrAbortHandler)
		})
		c := p.idler()
		c.get("/odd")
		p.isGone("g")
		c.ends()
		p.left(0)
	})
}

// TestDrainingWaitsForAnExchange, whose answer is whole and the last.
func TestDrainingWaitsForAnExchange(t *testing.T) {
	for name, flushes := range map[string]bool{"whole": false, "begun": true} {
		t.Run(name, func(t *testing.T) {
			each(t, park.Options{Idle: 50 * time.Millisecond}, func(p *place) {
				began, goOn, drained := make(chan struct{}), make(chan struct{}), make(chan struct{})
				p.does(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, "all ")
					if flushes {
						w.(http.Flusher).Flush()
					}
					close(began)
					<-goOn
					_, _ = io.WriteString(w, "of it")
				})
				c := p.idler()
				c.get("/odd")
				p.wait("it begins", began)
				time.Sleep(200 * time.Millisecond) // it may take longer than a connection may idle
				c.get("/now")                      // is behind, and not answered any more
				go func() {
					defer close(drained)
					if err := p.server.Shutdown(p.t.Context()); err != nil {
						p.t.Error(err)
					}
					if err := p.lot.Drain(p.t.Context()); err != nil {
						p.t.Error(err)
					}
				}()
				p.until("it drains", func() bool { return p.lot.Draining() })
				if n := p.lot.Count(); n != 1 {
					p.t.Errorf("%d are there", n)
				}
				close(goOn)
				if r := c.hears("all of it"); r.Header.Get("X-Kept") != "kept" || r.Close == flushes {
					p.t.Error(r.Header, r.Close)
				}
				c.ends()
				p.wait("it has drained", drained)
			})
		})
	}
}

// TestACrowdThatHangsUpLeavesNothing of what it had: descriptors, goroutines, places.
func TestACrowdThatHangsUpLeavesNothing(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		descriptors := func() int {
			all, _ := os.ReadDir("/proc/self/fd") // elsewhere there are none
			return len(all)
		}
		var begun atomic.Int64
		p.does(func(w http.ResponseWriter, r *http.Request) {
			begun.Add(1)
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			_, _ = io.WriteString(w, "over")
		})
		c := p.idler() // whatever comes once is there
		c.get("/odd")
		p.until("one has begun", func() bool { return begun.Load() == 1 })
		c.Close()
		p.left(0)
		fds, goroutines := descriptors(), runtime.NumGoroutine()
		var crowd []*client
		for range 200 {
			c := p.idler()
			c.get("/odd")
			crowd = append(crowd, c)
		}
		p.until("all have begun", func() bool { return begun.Load() == 201 })
		for _, c := range crowd {
			c.Close()
		}
		p.left(0)
		if p.slow {
			p.until("nothing is left", func() bool { return descriptors() <= fds+2 && runtime.NumGoroutine() <= goroutines+2 })
		}
	})
}
