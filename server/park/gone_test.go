package park_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
)

// This file tests peers that go, at every moment, and peers that are slow.

// leaves are the ways to go.
var leaves = map[string]func(*client){
	"half": func(c *client) { c.closeWrite() },
	"hung": func(c *client) { c.Close() },
}

func eachLeave(t *testing.T, o park.Options, run func(p *place, leave func(*client))) {
	t.Helper()
	for name, leave := range leaves {
		t.Run(name, func(t *testing.T) { each(t, o, func(p *place) { run(p, leave) }) })
	}
}

func TestWhoGoesWhileParkedIsGone(t *testing.T) {
	eachLeave(t, park.Options{}, func(p *place, leave func(*client)) {
		for _, early := range []string{"", "GET /now HTTP/1.1\r\nHost: x\r\n\r\n"} {
			c := p.client()
			path := fmt.Sprintf("/%d", len(early))
			c.get(path)
			<-p.guest(path).came
			c.send(early) // it has asked for more, and does not want it any more
			leave(c)
			p.isGone(path)
			p.left(0)
			c.ends()
		}
	})
}

func TestWhoGoesBeforeItIsParkedIsGone(t *testing.T) {
	eachLeave(t, park.Options{}, func(p *place, leave func(*client)) {
		for i := range 20 {
			c := p.client()
			path := fmt.Sprintf("/%d", i)
			c.get(path)
			leave(c)
			p.until("gone, if it came", func() bool {
				select {
				case <-p.guest(path).came:
					<-p.guest(path).gone
				default:
				}
				return p.lot.Count() == 0
			})
		}
		p.left(0)
	})
}

func TestWhoGoesWhileItIsAnsweredIsGone(t *testing.T) {
	eachLeave(t, park.Options{}, func(p *place, leave func(*client)) {
		c := p.client()
		c.get("/w")
		g := p.guest("/w")
		<-g.came
		g.do(func(s park.Spot) {
			leave(c)
			s.Answer(http.StatusOK, nil, []byte("w"))
		})
		p.isGone("/w")
		p.left(0)
	})
}

// TestWhoGoesWhileIdleIsForgotten also gives a last request, sent with the end, its answer.
func TestWhoGoesWhileIdleIsForgotten(t *testing.T) {
	eachLeave(t, park.Options{}, func(p *place, leave func(*client)) {
		for _, last := range []string{"", "GET /now?last HTTP/1.1\r\nHost: x\r\n\r\n"} {
			c := p.client()
			path := fmt.Sprintf("/%d", len(last))
			c.get(path)
			<-p.guest(path).came
			p.guest(path).say("w")
			c.hears("w")
			c.send(last)
			leave(c)
			p.left(0)
		}
	})
}

func TestALastRequestIsAnswered(t *testing.T) {
	inMemory(t, park.Options{}, 1<<10, func(p *place) {
		for _, first := range []string{"/w", "/now"} {
			c := p.client()
			c.get(first)
			want := "GET "
			if first == "/w" {
				want = "w"
				<-p.guest(first).came
				p.guest(first).say(want)
			}
			c.hears(want)
			time.Sleep(2 * time.Second) // it is idle, and parked
			synctest.Wait()
			if n := p.lot.Count(); n != 1 {
				p.t.Fatalf("%d are parked", n)
			}
			c.together(func() { // in one event
				c.get("/now?last")
				c.closeWrite()
			})
			c.hears("GET last")
			c.ends()
			p.left(0)
		}
	})
}

// TestWhoGoesInTheMiddleOfALargeAnswerIsGone: what does not fit is being pushed.
func TestWhoGoesInTheMiddleOfALargeAnswerIsGone(t *testing.T) {
	large := bytes.Repeat([]byte("large "), 3<<20)
	eachLeave(t, park.Options{Write: 2 * time.Second}, func(p *place, leave func(*client)) {
		c := p.client()
		c.get("/w")
		g := p.guest("/w")
		<-g.came
		g.do(func(s park.Spot) { s.Answer(http.StatusOK, nil, large) })
		if _, err := io.ReadFull(c.in, make([]byte, 1000)); err != nil {
			p.t.Fatal(err)
		}
		leave(c)
		p.isGone("/w")
		p.left(0)
	})
}

// TestASlowReaderDelaysNobodyAndIsCut has a reader of a large answer and one of a stream
// read nothing, while others are woken.
func TestASlowReaderDelaysNobodyAndIsCut(t *testing.T) {
	large := bytes.Repeat([]byte("large "), 3<<20)
	each(t, park.Options{Write: 3 * time.Second}, func(p *place) {
		for _, path := range []string{"/answer", "/stream"} {
			p.client().get(path)
			<-p.guest(path).came
		}
		began := time.Now()
		p.guest("/answer").do(func(s park.Spot) { s.Answer(http.StatusOK, nil, large) })
		p.guest("/stream").do(func(s park.Spot) {
			s.Begin(nil)
			for i := 0; i < len(large); i += 1 << 16 {
				s.Send(large[i:min(len(large), i+1<<16)])
			}
		})
		for i := range 20 {
			c := p.client()
			path := fmt.Sprintf("/%d", i)
			c.get(path)
			<-p.guest(path).came
			p.guest(path).say(path)
			c.hears(path)
			c.Close()
			p.isGone(path)
		}
		if took := time.Since(began); took > 2*time.Second || !p.slow && took > 0 {
			p.t.Errorf("the others were delayed by %v", took)
		}
		p.isGone("/answer")
		p.isGone("/stream")
		p.left(0)
		if took := time.Since(began); took < 3*time.Second || took > 8*time.Second || !p.slow && took > 3*time.Second+park.Tick {
			p.t.Errorf("they are cut after %v", took)
		}
	})
}

// TestASlowAndSteadyReaderGetsAll reads an answer that takes longer than any part of it may.
func TestASlowAndSteadyReaderGetsAll(t *testing.T) {
	inMemory(t, park.Options{Write: 3 * time.Second}, 1<<10, func(p *place) {
		c := p.client()
		c.get("/s")
		g := p.guest("/s")
		<-g.came
		piece := strings.Repeat("x", 1500)
		g.do(func(s park.Spot) {
			s.Begin(nil)
			for range 10 {
				s.Send([]byte(piece))
			}
			s.End()
		})
		r, err := http.ReadResponse(c.in, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		for all, b := 0, make([]byte, 1000); ; time.Sleep(time.Second) {
			n, err := io.ReadFull(r.Body, b)
			if all += n; err != nil {
				if all != 10*len(piece) {
					p.t.Errorf("%d bytes, %v", all, err)
				}
				break
			}
		}
		c.get("/now?after") // the connection goes on
		c.hears("GET after")
	})
}

// TestASocketIsHeardToItsEnd: what was sent before the end is heard, and then it is gone.
func TestASocketIsHeardToItsEnd(t *testing.T) {
	eachLeave(t, park.Options{}, func(p *place, leave func(*client)) {
		for i, early := range []string{"", "early "} {
			name := fmt.Sprint(i)
			c := p.client()
			c.send("GET /socket?" + name + " HTTP/1.1\r\nHost: x\r\n\r\n" + early)
			r, err := http.ReadResponse(c.in, nil)
			if err != nil || r.StatusCode != http.StatusSwitchingProtocols {
				p.t.Fatal(r, err)
			}
			_ = r.Body.Close()
			if early == "" {
				c.send("early ")
			}
			said := make([]byte, 6)
			if _, err := io.ReadFull(c.in, said); err != nil || string(said) != "early " {
				p.t.Fatalf("%q, %v", said, err)
			}
			if p.lot.Count() != 1 {
				p.t.Errorf("%d are parked", p.lot.Count())
			}
			c.send(strings.Repeat("word ", 2000) + "end")
			if i == 0 {
				_, _ = io.ReadFull(c.in, make([]byte, 10_003))
			}
			leave(c)
			p.isGone(name)
			if heard := p.guest(name).heard.String(); heard != "early "+strings.Repeat("word ", 2000)+"end" && i == 0 {
				p.t.Errorf("heard %d bytes", len(heard))
			}
			p.left(0)
		}
	})
}

// together makes what f does one event to the server.
func (c *client) together(f func()) {
	c.Conn.(interface{ Together(func()) }).Together(f)
}
