package park_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/park"
)

// This file tests that an exchange has its room for itself, and takes from its connection
// what is its own.

func (c *client) post(body string) {
	c.t.Helper()
	c.send(fmt.Sprintf("POST /odd?%s HTTP/1.1\r\nHost: x\r\nX-Own: %[1]s\r\nContent-Length: %d\r\n\r\n%[1]s", body, len(body)))
}

// TestAKeptBodyIsNeverSomebodyElses: a handler may leave a goroutine behind that reads.
func TestAKeptBodyIsNeverSomebodyElses(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		var kept []io.Reader
		p.does(func(_ http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.RawQuery, "keep") {
				kept = append(kept, r.Body)
				return
			}
			for _, body := range kept {
				if b, err := io.ReadAll(body); len(b) > 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
					p.t.Errorf("%q, %v", b, err)
				}
			}
			b, err := io.ReadAll(r.Body)
			if string(b) != "mine-alone" || err != nil {
				p.t.Errorf("%q, %v", b, err)
			}
		})
		first, second := p.idler(), p.idler()
		for range 20 { // a pool may forget what it was given
			first.post("keep-this-for-later")
			first.hears("")
			second.post("mine-alone")
			second.hears("")
		}
	})
}

// TestAKeptRequestIsNeverSomebodyElses: whoever asks when it ends may leave a goroutine behind.
func TestAKeptRequestIsNeverSomebodyElses(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		var kept []*http.Request
		p.does(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.RawQuery, "keep") {
				r.Context().Done()
				kept = append(kept, r)
			}
			for _, r := range kept {
				if r.URL.RawQuery != "keep" || r.Header.Get("X-Own") != "keep" || r.ContentLength != 4 {
					p.t.Errorf("%q, %q, %d", r.URL.RawQuery, r.Header.Get("X-Own"), r.ContentLength)
				}
			}
			_, _ = io.WriteString(w, r.URL.RawQuery)
		})
		first, second := p.idler(), p.idler()
		for range 20 { // a pool may forget what it was given
			first.post("keep")
			first.hears("keep")
			second.post("mine-alone")
			second.hears("mine-alone")
		}
	})
}

// TestEveryAnswerHasItsOwnDate, however much of one is kept for the next.
func TestEveryAnswerHasItsOwnDate(t *testing.T) {
	inMemory(t, park.Options{}, 64<<10, func(p *place) {
		c := p.idler()
		for range 5 {
			c.send("GET /now?a HTTP/1.1\r\nHost: x\r\n\r\n")
			if got, want := c.hears("GET a").Header.Get("Date"), time.Now().UTC().Format(http.TimeFormat); got != want {
				p.t.Errorf("%s, want %s", got, want)
			}
			time.Sleep(700 * time.Millisecond)
		}
	})
}

// TestEverybodyHearsOnlyOfHisOwn, at the same time, in answers of every kind.
func TestEverybodyHearsOnlyOfHisOwn(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.does(func(w http.ResponseWriter, r *http.Request) {
			if wait := strings.HasPrefix(r.URL.RawQuery, "w"); wait {
				p.lot.Wait(w, r, &punctual{r.Header.Get("X-Own"), time.Now().Add(time.Millisecond)})
				return
			}
			body, _ := io.ReadAll(r.Body)
			own := string(body)
			w.Header().Set("X-Own", own)
			if strings.HasPrefix(own, "f") {
				_, _ = io.WriteString(w, own[:1])
				w.(http.Flusher).Flush()
				own = own[1:]
			}
			time.Sleep(time.Duration(len(own)%7) * time.Millisecond)
			if r.Header.Get("X-Own") != string(body) || r.URL.RawQuery != string(body) {
				p.t.Errorf("%q, %q, %q", r.Header.Get("X-Own"), r.URL.RawQuery, body)
			}
			_, _ = io.WriteString(w, own)
		})
		var all sync.WaitGroup
		for i := range 16 {
			c := p.idler()
			all.Add(1)
			go func() {
				defer all.Done()
				for j := range 30 {
					own := fmt.Sprintf("%c%d-%s", "bfw"[j%3], i, strings.Repeat(fmt.Sprint(j), j))
					if j%3 == 2 {
						c.send("GET /odd?" + own + " HTTP/1.1\r\nHost: x\r\nX-Own: " + own + "\r\n\r\n")
						c.hears(own)
						continue
					}
					c.post(own)
					if r := c.hears(own); r.Header.Get("X-Own") != own {
						p.t.Errorf("%q: %v", own, r.Header)
					}
				}
			}()
		}
		all.Wait()
	})
}

// TestWhoWaitsKeepsWhatItWasAsked: its room is long somebody else's.
func TestWhoWaitsKeepsWhatItWasAsked(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		kept := map[string]string{}
		p.does(func(w http.ResponseWriter, r *http.Request) {
			kept[r.URL.RawQuery] = r.Header.Get("X-Own")
			w.Header().Set("X-Own", kept[r.URL.RawQuery])
			p.lot.Wait(w, r, p.guest(r.URL.RawQuery))
		})
		clients := map[string]*client{}
		for _, name := range []string{"anna", "bert", "cara"} {
			c := p.idler()
			c.send("GET /odd?" + name + " HTTP/1.1\r\nHost: x\r\nX-Own: of-" + name + "\r\n\r\n")
			<-p.guest(name).came
			clients[name] = c
		}
		for name, c := range clients {
			p.guest(name).say(kept[name])
			if r := c.hears("of-" + name); r.Header.Get("X-Own") != "of-"+name {
				p.t.Error(name, r.Header)
			}
		}
	})
}

// TestTwoRequestsMayBeCutAnywhere, the second with the first.
func TestTwoRequestsMayBeCutAnywhere(t *testing.T) {
	inMemory(t, park.Options{}, 64<<10, func(p *place) {
		request := "POST /now?cut HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
		all := request + "GET /now?next HTTP/1.1\r\nHost: x\r\n\r\n"
		c := p.idler()
		for cut := 1; cut < len(all); cut++ {
			c.send(all[:cut])
			time.Sleep(time.Millisecond)
			c.send(all[cut:])
			c.hears("POST cutbody")
			c.hears("GET next")
			time.Sleep(2 * time.Second) // it is parked again
			p.left(1)
		}
	})
}

// TestRequestsOfTheSizeOfARoom: what is behind one belongs to the next.
func TestRequestsOfTheSizeOfARoom(t *testing.T) {
	const room = 4 << 10
	each(t, park.Options{}, func(p *place) {
		for size := room - 2; size <= room+2; size++ {
			head := "POST /now?first HTTP/1.1\r\nHost: x\r\nContent-Length: "
			body := strings.Repeat("b", size-len(head)-len("3000\r\n\r\n"))
			c := p.idler()
			c.send(fmt.Sprintf("%s%d\r\n\r\n%sGET /now?second HTTP/1.1\r\nHost: x\r\n\r\n", head, len(body), body))
			c.hears("POST first" + body)
			c.hears("GET second")
			c.get("/now?third")
			c.hears("GET third")
		}
	})
}

// TestWhoDripsIsCutOff by the deadline for headers, and does not find it anew with each byte.
func TestWhoDripsIsCutOff(t *testing.T) {
	inMemory(t, park.Options{}, 64<<10, func(p *place) {
		for name, text := range map[string]string{"header": "GET /now HTTP/1.1\r\nHost: x\r\nX-A: ", "empty": ""} {
			c := p.idler()
			began, sent := time.Now(), 0
			for _, err := io.WriteString(c, text+"a"); err == nil; _, err = io.WriteString(c, "a") {
				if sent++; sent > 10000 {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(began); took > 12*time.Second {
				p.t.Errorf("%s: it lives for %v", name, took)
			}
			p.left(0)
		}
	})
}

// TestAnExchangeCannotBeHijacked, and says so, and is none the worse for it.
func TestAnExchangeCannotBeHijacked(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		p.does(func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				p.t.Error(err)
			}
			fmt.Fprint(w, "not hijacked")
		})
		c := p.idler()
		for range 3 {
			c.get("/odd")
			c.hears("not hijacked")
		}
	})
}

// TestAPeerHasTheSameAddressHere as net/http gives it.
func TestAPeerHasTheSameAddressHere(t *testing.T) {
	for _, test := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"[::]:0", "127.0.0.1"}, {"[::]:0", "::1"}, {"[::1]:0", "::1"},
	} {
		t.Run(test.listen+" "+test.dial, func(t *testing.T) {
			inner, err := net.Listen("tcp", test.listen)
			if err != nil {
				t.Skip(err) // there is no IPv6 here
			}
			_, port, _ := net.SplitHostPort(inner.Addr().String())
			open(t, park.Options{}, inner, func(p *place) {
				p.dial = func() net.Conn {
					c, err := net.Dial("tcp", net.JoinHostPort(test.dial, port))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { c.Close() })
					return c
				}
				p.does(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
				c := p.idler()
				c.get("/odd")
				c.hears(c.LocalAddr().String())
			})
		})
	}
}
