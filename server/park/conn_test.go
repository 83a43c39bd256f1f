package park_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
)

// This file tests what becomes of connections: they go on, idle, and come back with every
// byte that was sent on them.

func TestAParkedRequestIsAnsweredAndItsConnectionGoesOn(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		c := p.client()
		for i := range 5 {
			path := fmt.Sprintf("/%d", i)
			c.get(path)
			<-p.guest(path).came
			if p.lot.Count() != 1 {
				p.t.Errorf("%d are parked", p.lot.Count())
			}
			p.guest(path).say("word " + path)
			if r := c.hears("word " + path); r.Header.Get("X-Kept") != "kept" || r.Header.Get("Content-Type") != "text/plain" || r.Header.Get("Date") == "" {
				p.t.Errorf("%v", r.Header)
			}
			p.isGone(path)
			for range 3 { // on goroutines again, each request with a context of its own
				c.get("/now?" + path)
				c.hears("GET " + path)
			}
		}
	})
}

func TestAnIdleConnectionIsParkedAndComesBack(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		c := p.client()
		for i := range 2 {
			c.get("/now?1")
			c.hears("GET 1")
			p.left(1) // after a second
			c.send("GET /now?2 HTT")
			p.left(0)
			c.send("P/1.1\r\nHost: x\r\n\r\n")
			c.hears("GET 2")
			if i > 0 || p.slow {
				return
			}
			p.left(1)
		}
	})
}

// TestAnIdleConnectionCostsNoGoroutine also holds its end to the moment.
func TestAnIdleConnectionCostsNoGoroutine(t *testing.T) {
	inMemory(t, park.Options{Idle: 30 * time.Second}, 1<<10, func(p *place) {
		c := p.client()
		c.get("/now")
		c.hears("GET ")
		began := time.Now()
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		if s := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(s, "(*conn).serve") || p.lot.Count() != 1 {
			p.t.Errorf("%d are parked\n%s", p.lot.Count(), s)
		}
		_ = c.SetReadDeadline(time.Time{})
		rest, err := io.ReadAll(c.Conn)
		if took := time.Since(began); took < 30*time.Second || took > 30*time.Second+2*park.Tick {
			p.t.Errorf("it may idle for %v: %q, %v", took, rest, err)
		}
	})
}

const nowRequest = "GET /now?%d HTTP/1.1\r\nHost: x\r\n\r\n"

// TestRequestsThatComeEarlyAreAnsweredInOrder sends more than one request at a time.
func TestRequestsThatComeEarlyAreAnsweredInOrder(t *testing.T) {
	const wait = "GET /w HTTP/1.1\r\nHost: x\r\n\r\n"
	now := func(i int) string { return fmt.Sprintf(nowRequest, i) }
	post := "POST /now?p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
	for _, tt := range []struct {
		name         string
		first, while string // sent at once, and while /w waits
		want         string // besides "w"
	}{
		{"behind", wait + now(1), "", "w|GET 1"},
		{"before", now(1) + wait, "", "GET 1|w"},
		{"around", now(1) + wait + now(2) + now(3), "", "GET 1|w|GET 2|GET 3"},
		{"while it waits", wait, now(1), "w|GET 1"},
		{"both", wait + now(1), now(2), "w|GET 1|GET 2"},
		{"a body before", post + wait, now(1), "POST pbody|w|GET 1"},
		{"a body behind", wait + post, post + now(1), "w|POST pbody|POST pbody|GET 1"},
		{"an empty line behind a body, as old clients send", post + "\r\n" + wait + post, "\r\n" + now(1), "POST pbody|w|POST pbody|GET 1"},
		{"bare line feeds", strings.ReplaceAll(wait+now(1), "\r", ""), strings.ReplaceAll(now(2), "\r", ""), "w|GET 1|GET 2"},
		{"more than a buffer of them", wait + strings.Repeat(now(1), 200), strings.Repeat(now(2), 200),
			"w" + strings.Repeat("|GET 1", 200) + strings.Repeat("|GET 2", 200)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, park.Options{}, func(p *place) {
				c := p.client()
				go io.WriteString(c, tt.first) //nolint:errcheck // nothing would be heard
				first := strings.Split(tt.want, "|")
				for len(first) > 0 && first[0] != "w" {
					c.hears(first[0])
					first = first[1:]
				}
				<-p.guest("/w").came
				c.send(tt.while)
				p.guest("/w").say("w")
				for _, want := range first {
					c.hears(want)
				}
				c.closeWrite()
				c.ends()
			})
		})
	}
}

// TestARequestMayBeCutAnywhere sends the first bytes of a request with the one before it,
// which is parked or answered at once, and the others soon or much later.
func TestARequestMayBeCutAnywhere(t *testing.T) {
	const head = "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
	for _, before := range []string{"GET /w", "GET /now?0", "POST /now?0"} {
		next, body := fmt.Sprintf(nowRequest, 1), ""
		if before == "POST /now?0" {
			next, body = "\r\n"+next, "body" // as old clients send
		}
		for _, pause := range []time.Duration{0, 3 * time.Second} {
			t.Run(fmt.Sprint(before, " ", pause), func(t *testing.T) {
				inMemory(t, park.Options{}, 1<<10, func(p *place) {
					for at := range len(next) + 1 {
						if before == "POST /now?0" && at == 0 {
							continue // the empty line must come with the body
						}
						c := p.client()
						c.send(fmt.Sprintf(head, before, len(body), body) + next[:at])
						want := before[:strings.Index(before, " ")] + " 0" + body
						if before == "GET /w" {
							want = "w"
							<-p.guest("/w").came
							p.guest("/w").say(want)
						}
						c.hears(want)
						time.Sleep(pause)
						synctest.Wait()
						c.send(next[at:])
						c.hears("GET 1")
						c.Close()
						p.left(0)
						p.mu.Lock()
						clear(p.guests)
						p.mu.Unlock()
					}
				})
			})
		}
	}
}

func TestOldAndClosingClientsGetTheirAnswerAndTheEnd(t *testing.T) {
	for _, tt := range []struct{ name, request, header string }{
		{"HTTP/1.0", "GET /w HTTP/1.0\r\n\r\n", ""},
		{"HTTP/1.0, kept alive", "GET /w HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ""},
		{"close", "GET /w HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", ""},
		{"close by the guest", "GET /w HTTP/1.1\r\nHost: x\r\n\r\n", "close"},
	} {
		for _, streams := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, " ", streams), func(t *testing.T) {
				if streams && tt.header != "" {
					t.Skip("a stream has no last word in its header")
				}
				each(t, park.Options{}, func(p *place) {
					c := p.client()
					c.send(tt.request)
					<-p.guest("/w").came
					p.guest("/w").do(func(s park.Spot) {
						if !streams {
							header := http.Header{}
							if tt.header != "" {
								header.Set("Connection", tt.header)
							}
							s.Answer(http.StatusOK, header, []byte("a word"))
							return
						}
						s.Begin(nil)
						s.Send([]byte("a "))
						s.Send(nil)
						s.Send([]byte("word"))
						s.End()
					})
					if r := c.hears("a word"); !r.Close {
						p.t.Errorf("it is to be kept: %v", r.Header)
					}
					c.ends()
				})
			})
		}
	}
}

// TestAStreamIsReadBackByAClient has net/http's client read what is written in pieces.
func TestAStreamIsReadBackByAClient(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		c := p.client()
		for range 2 {
			c.get("/s")
			g := p.guest("/s")
			<-g.came
			want := ""
			for i, size := range []int{1, 15, 16, 255, 4096, 70_000} {
				piece := strings.Repeat(string(rune('a'+i)), size)
				want += piece
				g.do(func(s park.Spot) {
					if i == 0 {
						s.Begin(http.Header{"X-Own": {"own"}})
					}
					s.Send([]byte(piece))
				})
			}
			go g.do(func(s park.Spot) { s.End() })
			if r := c.hears(want); r.Header.Get("X-Own") != "own" || r.Header.Get("X-Kept") != "kept" {
				p.t.Errorf("%v", r.Header)
			}
			p.isGone("/s")
			p.mu.Lock()
			clear(p.guests)
			p.mu.Unlock()
		}
		c.get("/now?after")
		c.hears("GET after")
	})
}

// TestOnlyAGetWithoutABodyIsParked: whoever else waits does so on a goroutine.
func TestOnlyAGetWithoutABodyIsParked(t *testing.T) {
	for _, tt := range []struct{ request, want string }{
		{"HEAD /w HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		{"POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "w"},
		{"POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "w"},
		{"GET /w HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "w"},
		{"GET /w HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "w"},
	} {
		t.Run(strings.ReplaceAll(tt.request, "\r\nHost: x\r\n", " "), func(t *testing.T) {
			each(t, park.Options{}, func(p *place) {
				c := p.client()
				c.send(tt.request)
				<-p.guest("/w").came
				if n := p.lot.Count(); n != 0 {
					p.t.Errorf("%d are parked", n)
				}
				p.guest("/w").say("w")
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
				r, err := http.ReadResponse(c.in, &http.Request{Method: tt.request[:strings.Index(tt.request, " ")]})
				if err != nil {
					p.t.Fatal(err)
				}
				body, _ := io.ReadAll(r.Body)
				if _ = r.Body.Close(); string(body) != tt.want || r.ContentLength != 1 {
					p.t.Errorf("%q", body)
				}
				c.get("/now?after")
				c.hears("GET after")
			})
		})
	}
}
