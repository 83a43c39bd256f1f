package park_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"qrlatch/server/park"
)

// This file tests what an exchange knows of its peer, and its context.

// wait waits for something that must happen.
func (p *place) wait(what string, c <-chan struct{}) {
	p.t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		p.t.Fatalf("never: %s", what)
	}
}

func TestAHandlerIsToldThatItsPeerHasGone(t *testing.T) {
	for name, leave := range map[string]func(*client){
		"closed": func(c *client) { c.Close() },
		"half":   func(c *client) { c.closeWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, park.Options{}, func(p *place) {
				began, told, after := make(chan struct{}), make(chan struct{}), make(chan struct{})
				p.does(func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
					defer cancel()
					defer context.AfterFunc(ctx, func() { close(after) })()
					close(began)
					<-ctx.Done()
					fmt.Fprint(w, ctx.Err(), r.Context().Err(), context.Cause(r.Context()))
					close(told)
				})
				c := p.idler()
				c.get("/odd")
				p.wait("it begins", began)
				leave(c)
				p.wait("it is told", told)
				p.wait("its function is called", after)
				if name == "half" {
					c.hears("context canceled context canceled context canceled")
					c.ends()
				}
				p.left(0)
			})
		})
	}
}

// TestASlowPeerIsWatchedStill: to write to it, its connection becomes another for a while.
func TestASlowPeerIsWatchedStill(t *testing.T) {
	for name, meanwhile := range map[string]bool{"before": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			each(t, park.Options{}, func(p *place) {
				much := bytes.Repeat([]byte("x"), 8<<20)
				sent, told := make(chan struct{}), make(chan struct{})
				p.does(func(w http.ResponseWriter, r *http.Request) {
					if !meanwhile {
						r.Context().Done()
					}
					go func() {
						time.Sleep(20 * time.Millisecond) // much is on its way
						<-r.Context().Done()
						close(told)
					}()
					_, _ = w.Write(much)
					if err := http.NewResponseController(w).Flush(); err != nil || r.Context().Err() != nil {
						p.t.Error(err, r.Context().Err())
					}
					close(sent)
					<-told
				})
				c := p.idler()
				c.get("/odd")
				time.Sleep(50 * time.Millisecond)
				if n, err := io.CopyN(io.Discard, c.in, int64(len(much))); err != nil {
					p.t.Fatal(n, err)
				}
				p.wait("all is sent", sent)
				c.Close()
				p.wait("it is told", told)
				p.left(0)
			})
		})
	}
}

// TestAStreamEndsWhosePeerDoesNotRead, whether its handler looks at errors or waits for
// the end of its context.
func TestAStreamEndsWhosePeerDoesNotRead(t *testing.T) {
	for name, watches := range map[string]bool{"errors": false, "context": true} {
		t.Run(name, func(t *testing.T) {
			each(t, park.Options{Write: 200 * time.Millisecond}, func(p *place) {
				ended := make(chan struct{})
				p.does(func(w http.ResponseWriter, r *http.Request) {
					defer close(ended)
					var gone <-chan struct{}
					if watches {
						gone = r.Context().Done()
					}
					for {
						_, _ = w.Write(make([]byte, 1<<20))
						err := http.NewResponseController(w).Flush()
						select {
						case <-gone:
							return
						default:
						}
						if err != nil && !watches {
							return
						}
					}
				})
				c := p.idler()
				c.get("/odd")
				p.wait("it ends", ended)
				p.left(0)
			})
		})
	}
}

// TestWhoNeverReadsIsCutOff, however many requests it sends.
func TestWhoNeverReadsIsCutOff(t *testing.T) {
	inMemory(t, park.Options{Write: time.Second}, 1<<10, func(p *place) {
		p.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 300)) })
		c := p.idler()
		began := time.Now()
		for sent := 0; ; sent++ {
			if _, err := io.WriteString(c, "GET /odd HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				break
			}
			if sent > 1000 {
				p.t.Fatal("it is served still")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 3*time.Second {
			p.t.Errorf("it was there for %v", took)
		}
		p.left(0)
	})
}

// TestASlowReaderGetsAllOfIt: each 16 kB have their time, as docs/limits.md says.
func TestASlowReaderGetsAllOfIt(t *testing.T) {
	inMemory(t, park.Options{Write: time.Second}, 1<<10, func(p *place) {
		want := bytes.Repeat([]byte("slow"), 64<<10)
		p.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want) })
		c := p.idler()
		c.get("/odd")
		r, err := http.ReadResponse(c.in, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		var got bytes.Buffer
		for err == nil {
			_, err = io.CopyN(&got, r.Body, 8<<10)
			time.Sleep(300 * time.Millisecond)
		}
		if !bytes.Equal(got.Bytes(), want) {
			p.t.Errorf("it got %d of %d: %v", got.Len(), len(want), err)
		}
	})
}

// TestAContextIsOverWhenTheHandlerHasReturned, asked before or not.
func TestAContextIsOverWhenTheHandlerHasReturned(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		for _, ask := range []bool{false, true} {
			served := make(chan context.Context, 2)
			var cancel func()
			p.does(func(_ http.ResponseWriter, r *http.Request) {
				child := r.Context()
				if ask {
					child, cancel = context.WithCancel(child)
				}
				if r.Context().Err() != nil {
					p.t.Error(r.Context().Err())
				}
				served <- r.Context()
				served <- child
			})
			c := p.idler()
			c.get("/odd")
			c.hears("")
			kept, child := <-served, <-served
			if kept.Err() != context.Canceled {
				p.t.Errorf("asked %v: %v", ask, kept.Err())
			}
			p.wait("it ends", kept.Done())
			p.wait("its child ends", child.Done())
			if ask {
				cancel()
			}
			later, cancel := context.WithCancel(kept)
			p.wait("a later child ends", later.Done())
			cancel()
			c.get("/now") // nothing has become of the connection
			c.hears("GET ")
		}
	})
}
