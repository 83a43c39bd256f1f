package park_test

import (
	"io"
	"net/http"
	"runtime"
	"testing"

	"qrlatch/server/park"
)

// This file has handlers that keep what was theirs only while they ran, or never return. Nobody
// else may notice.

// TestALateWriteReachesNobody: neither the next answer nor the next connection, whose
// descriptor may have the number.
func TestALateWriteReachesNobody(t *testing.T) {
	for _, asked := range []bool{false, true} {
		each(t, park.Options{}, func(p *place) {
			kept := make(chan http.ResponseWriter, 1)
			p.does(func(w http.ResponseWriter, r *http.Request) {
				if asked {
					r.Context().Done()
				}
				_, _ = io.WriteString(w, "GET ")
				kept <- w
			})
			write := func(w http.ResponseWriter) {
				w.WriteHeader(http.StatusTeapot)
				n, err := io.WriteString(w, "late")
				m, wrong := w.Write([]byte("late"))
				flushed := http.NewResponseController(w).Flush()
				if n+m > 0 || err == nil || wrong == nil || flushed == nil {
					p.t.Errorf("late: %d, %v; %d, %v; %v", n, err, m, wrong, flushed)
				}
			}
			a := p.idler()
			a.get("/odd")
			a.hears("GET ")
			write(<-kept)
			a.get("/odd") // the connection lives
			a.hears("GET ")
			w := <-kept
			a.Close()
			p.left(0)
			others := []*client{p.idler(), p.idler(), p.idler()}
			write(w)
			for _, c := range others {
				c.get("/now?next")
				c.hears("GET next")
			}
		})
	}
}

// TestAHeaderThatWasKeptStaysAsItWas if the handler asked for the end of its request: it may
// have left a goroutine behind, however it ended itself.
func TestAHeaderThatWasKeptStaysAsItWas(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		kept := make(chan http.Header, 20)
		p.does(func(_ http.ResponseWriter, r *http.Request) {
			r.Context().Done()
			kept <- r.Header
			if r.URL.RawQuery == "panic" {
				panic(http.ErrAbortHandler)
			}
		})
		for _, query := range []string{"panic", ""} {
			for range 10 {
				c := p.idler()
				c.send("GET /odd?" + query + " HTTP/1.1\r\nHost: x\r\nX-Own: first\r\n\r\n")
				if query == "" {
					c.hears("")
					c.Close()
				} else {
					c.ends()
				}
				p.left(0)
				c = p.idler()
				c.send("GET /now HTTP/1.1\r\nHost: x\r\nX-Own: second\r\n\r\n")
				c.hears("GET ")
				c.Close()
				p.left(0)
				if own := (<-kept).Get("X-Own"); own != "first" {
					p.t.Errorf("it has become %q", own)
				}
			}
		}
	})
}

// TestTheEndMayBeAskedForAtAnyTime, also just when it comes.
func TestTheEndMayBeAskedForAtAnyTime(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		ended := make(chan struct{})
		p.does(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			go func() {
				<-ctx.Done()
				ended <- struct{}{}
			}()
			runtime.Gosched()
		})
		c := p.idler()
		for range 200 {
			c.get("/odd")
			c.hears("")
			p.wait("it ends", ended)
		}
	})
}

// TestAHandlerMayEndItsGoroutine, as a test's does that has failed.
func TestAHandlerMayEndItsGoroutine(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.does(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
		for range 3 {
			c := p.idler()
			c.get("/odd")
			c.ends()
			p.left(0)
		}
	})
}

// quitter is a guest that goes as badly as one can.
type quitter struct{}

func (quitter) Wake(park.Spot) { panic("of a Wake") }
func (quitter) Gone()          { runtime.Goexit() }

func TestAGuestMayEndItsGoroutine(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.does(func(w http.ResponseWriter, r *http.Request) { p.lot.Wait(w, r, quitter{}) })
		c := p.idler()
		c.get("/odd")
		c.ends()
		p.left(0)
	})
}
