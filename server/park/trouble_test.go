package park_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"qrlatch/server/park"
)

// A guest that panics ends its own connection. What it panicked with may hold a request, and
// is not told.
func TestAPanicEndsOneConnectionAndIsReported(t *testing.T) {
	var mu sync.Mutex
	var told []string
	each(t, park.Options{Trouble: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err.Error())
	}}, func(p *place) {
		c, other := p.client(), p.client()
		c.get("/clumsy")
		other.get("/other")
		g := p.guest("/clumsy")
		g.do(func(park.Spot) { panic("a secret") })
		c.ends()
		p.isGone("/clumsy")
		p.guest("/other").say("goes on")
		other.hears("goes on")
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 1 || strings.Contains(told[0], "secret") || !strings.Contains(told[0], "trouble_test.go") {
			t.Errorf("told %q", told)
		}
		told = nil
	})
}

// Who never stops sending must not keep its guest from hearing of anything else.
func TestATorrentDoesNotDeafenItsGuest(t *testing.T) {
	each(t, park.Options{}, func(p *place) {
		c := p.client()
		c.send("GET /socket?torrent HTTP/1.1\r\nHost: x\r\n\r\n")
		g := p.guest("torrent")
		<-g.came
		over := make(chan struct{})
		go func() {
			defer close(over)
			for b := []byte(strings.Repeat("x", 1000)); ; {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, c) }() // it reads what is said back
		g.do(func(s park.Spot) { s.End() })
		p.isGone("torrent")
		<-over
	})
}
