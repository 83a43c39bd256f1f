package dialect

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/park"
)

// guest is what all have in common who wait, parked or not: a place among all that wait,
// which may be taken away, and has the bell that any news rings: its spot, once it has one.
type guest struct {
	place limit.Place
	came  int64 // in nanoseconds since 1970
}

// enter gives g a place. Whoever is Held has lost it from the beginning.
func (g *guest) enter(w *limit.Waiters, v limit.Waiter) limit.Verdict {
	g.came = time.Now().UnixNano()
	return w.Enter(&g.place, v)
}

// Ring makes the guest look what there is to do: see park.Spot. Before it has a spot there
// is no need to, since it will look when it gets one.
func (g *guest) Ring() { g.place.Ring() }

// RingNow is Ring for who holds no lock: see park.Spot.
func (g *guest) RingNow() { g.place.RingNow() }

// wake notes where the guest waits, and tells whether it has lost its place.
func (g *guest) wake(s park.Spot) (lost bool) {
	g.place.Hang(s)
	return g.place.Lost()
}

// patience is when somebody who lost its place is told so: were it sooner, a client would
// come back the sooner the more it is limited.
func (g *guest) patience() time.Time { return time.Unix(0, g.came).Add(limit.Patience) }

// background is for what a guest asks of a store: its request is long gone.
func background() context.Context { return context.Background() }

// reply is the whole of an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// plain are the fields of an answer that belongs to one login and must not be kept,
// indexed, sniffed or blocked by an embedding page's isolation policy.
func plain(contentType string) http.Header {
	h := make(http.Header, 6)
	protect(h, contentType)
	return h
}

func (r reply) send(c echo.Context) error {
	h := c.Response().Header()
	for name, values := range r.header {
		h[name] = values
	}
	c.Response().WriteHeader(r.status)
	_, err := c.Response().Write(r.body)
	return err
}

// longPoll is a request that is held until its protocol has something to say. It answers
// once. It is a part of what has the words, and is given them each time: thousands wait.
type longPoll struct {
	guest
	until int64 // in nanoseconds since 1970
}

// words are what a protocol says in a long poll.
type words interface {
	// look returns what there is to say now, or asks to be rung when there is.
	look() (r reply, ok bool)
	// nothing says that there is nothing yet, at the end of the wait.
	nothing() reply
}

// await says how long to wait.
func (p *longPoll) await(hold time.Duration) { p.until = time.Now().Add(hold).UnixNano() }

// ask lets the words answer if there is something to say, or the time is up.
func (p *longPoll) ask(words words, s park.Spot) {
	lost, until := p.wake(s), time.Unix(0, p.until)
	if lost && p.patience().Before(until) {
		until = p.patience()
	}
	if now := time.Now(); s.Draining() || !now.Before(until) || now.UnixNano() < p.came { // the clock was set back
		p.answer(s, words.nothing())
		return
	}
	if !lost {
		if r, ok := words.look(); ok {
			p.answer(s, r)
			return
		}
	}
	s.Alarm(until)
}

// later looks again soon: a store that was away may be back.
func (p *longPoll) later(s park.Spot) {
	if soon := time.Now().Add(slowPoll); soon.Before(time.Unix(0, p.until)) {
		s.Alarm(soon)
	}
}

func (p *longPoll) answer(s park.Spot, r reply) { s.Answer(r.status, r.header, r.body) }
