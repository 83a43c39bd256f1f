package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/r3labs/sse/v2"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// This file is the JSON dialect as a stream of events (text/event-stream, HTML standard,
// section 9.2), for EventSource. A state is an event of its name, and its id: it comes
// back as Last-Event-ID. What a reconnecting browser has missed is the state it is not in.
//
// The stream is written by r3labs/sse v2.10.0, which loses events and leaks goroutines
// unless it is used in one order:
//
//   - Each connection has a Server with one stream and one subscriber: whoever is slow
//     holds up nobody else.
//   - Events are published from OnSubscribe: before it, they go to nobody.
//   - An event without data and comment ends the handler's loop; RemoveStream would drop
//     what is still queued. RemoveStream is called from OnUnsubscribe only: earlier, it
//     leaves goroutines behind that wait for the stream for ever.
//   - Our handler returns after both callbacks have.
//
// What the library cannot do is done around it. It answers an unknown stream with 500 and
// a Last-Event-ID that is no number with 400, so it gets a request of our own, never the
// browser's; it ignores failed writes and knows no deadline, so it writes to an
// [eventWriter], which also keeps its header fields from ours; and it has no log of
// events (its replay repeats the last one seen), because the login's state is the log.

// SSE streams a login's states.
type SSE struct {
	Service   *login.Service
	PublicURL string
	Waiters   *limit.Waiters // counts those who wait; nil: any number may
}

const (
	// sseBeat keeps proxies from taking a quiet stream for a dead one: nginx waits 60 s.
	sseBeat = 15 * time.Second
	// ssePatience is how long one write may take: somebody who reads nothing must not
	// hold a goroutine. It is shorter than sseBeat, so few events can queue up.
	ssePatience = 10 * time.Second
	// sseRetry is when a browser whose stream broke comes back.
	sseRetry = 2 * time.Second
	// sseOnly names the one stream of a Server.
	sseOnly = "login"
)

// sseCursors are the parameters that polyfills, which cannot always set a header, send in
// place of Last-Event-ID. lastEventId is that of Yaffle's.
var sseCursors = []string{"since", "last_event_id", "lastEventId"}

// Routes adds the dialect's endpoints. fetch-based polyfills ask before they send
// Last-Event-ID; EventSource does not.
func (s *SSE) Routes(e *echo.Echo) {
	e.GET("/v1/logins/:id/events", s.events)
	e.OPTIONS("/v1/logins/:id/events", (&JSON{Service: s.Service}).preflight)
}

// sseSeen reads the last state that the browser knows. EventSource repeats the first
// query for ever, so the header counts before it. Whatever is no state counts as none:
// to hear the current state once more harms nobody, and EventSource never comes back
// after a 400.
func sseSeen(header http.Header, query url.Values) login.State {
	texts := make([]string, 0, 1+len(sseCursors))
	if values := header.Values("Last-Event-ID"); len(values) == 1 {
		texts = append(texts, values[0])
	}
	for _, name := range sseCursors {
		texts = append(texts, query.Get(name))
	}
	for _, text := range texts {
		if state, ok := login.ParseState(text); ok && state != 0 {
			return state
		}
	}
	return 0
}

func (s *SSE) events(c echo.Context) error {
	p, err := parameters(c, sseCursors...)
	if err != nil {
		allowAnyRegistered(c, s.Service)
		return problem.BadRequest(err.Error())
	}
	seen := sseSeen(c.Request().Header, p)
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	who := login.Holder{ID: c.Param("id"), Addr: browserOf(c).Addr, ShowsNumber: true}
	l, err := s.Service.Get(ctx, who)
	switch {
	case errors.Is(err, login.ErrNotFound) && seen.Final():
		// Forgotten since: for its browser it is over all the same.
		allowAnyRegistered(c, s.Service)
		return sseOver(c)
	case errors.Is(err, login.ErrNotFound):
		pause(ctx, c, s.Waiters, slowPoll)
		allowAnyRegistered(c, s.Service)
		return problem.FromLogin(err)
	case err != nil:
		// The store is away. EventSource would take a 503 for the end, so it hears
		// nothing, and when to come again.
		allowAnyRegistered(c, s.Service)
		w := newEventWriter(c, cancel)
		w.begin()
		w.later(sseRetry)
		return nil
	}
	if app, ok := s.Service.App(l.App); ok && !allowOrigin(c, app) {
		return errForeignPage()
	}
	if l.State.Final() && l.State == seen {
		return sseOver(c)
	}

	seat := s.Waiters.Sit(ctx, waiterFor(c, limit.BySSE, who, l))
	defer seat.Leave()
	w := newEventWriter(c, cancel)
	if seat.Verdict != limit.Admitted {
		w.begin()
		w.later(turnedAway) // any status but 200 would be the end for EventSource
		return nil
	}
	life := time.NewTimer(lifetime())
	defer life.Stop()
	t := &telling{SSE: s, ctx: seat, who: who, seen: seen, life: life.C}
	told, left := make(chan struct{}), make(chan struct{})
	t.stream = sse.NewWithCallback(
		func(string, *sse.Subscriber) {
			defer close(told)
			t.tell(l)
		},
		func(string, *sse.Subscriber) {
			defer close(left)
			t.stream.RemoveStream(sseOnly)
		})
	t.stream.AutoReplay, t.stream.BufferSize = false, 1
	t.stream.CreateStream(sseOnly)
	w.begin()
	r := (&http.Request{URL: &url.URL{RawQuery: "stream=" + sseOnly}}).WithContext(seat)
	t.stream.ServeHTTP(w, r)
	retry := sseRetry
	if seat.Lost() {
		retry = turnedAway
	}
	cancel()
	<-told
	<-left
	if !t.seen.Final() {
		w.later(retry) // we are draining, or it has lasted long enough, or the browser is gone and hears nothing
	}
	return nil
}

// sseOver ends EventSource's reconnecting for good.
func sseOver(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// telling is what one connection is told.
type telling struct {
	*SSE
	stream *sse.Server
	ctx    context.Context
	who    login.Holder
	seen   login.State // the last state it knows
	code   string      // the code it shows
	life   <-chan time.Time
}

// tell publishes every state from l on, until the last one or the connection's end.
func (t *telling) tell(l login.Login) {
	defer t.stream.Publish(sseOnly, &sse.Event{}) // ends the handler's loop
	beat := time.NewTicker(sseBeat)
	defer beat.Stop()
	for ok := true; ok; {
		if l.State != t.seen {
			t.say(l.State.String(), l)
			t.seen = l.State
		}
		if l.State.Final() {
			return
		}
		l, ok = t.next(l, beat.C)
	}
}

// next waits until the login leaves the state of l, and fills the time with the codes and
// the heartbeat. It reports false at the end of the connection or the login.
func (t *telling) next(l login.Login, beat <-chan time.Time) (login.Login, bool) {
	type news struct {
		login login.Login
		err   error
	}
	changed := make(chan news, 1)
	stop, err := t.Service.Watch(t.ctx, t.who, l.State, func(l login.Login, err error) { changed <- news{l, err} })
	if err != nil {
		limit.Pause(t.ctx, slowPoll) // the store is away; EventSource would take a 503 for the end
		return l, t.ctx.Err() == nil && !errors.Is(err, login.ErrNotFound)
	}
	defer stop()
	for {
		var turn <-chan time.Time // when the slot ends; never without a code
		if code, fresh, ok := t.Service.Code(l, time.Now()); ok {
			if code != t.code {
				t.say("qr", l)
				t.code = code
			}
			turn = time.After(fresh)
		}
		select {
		case n := <-changed:
			return n.login, n.err == nil
		case <-turn:
		case <-beat:
			t.stream.Publish(sseOnly, &sse.Event{Comment: []byte("waiting")})
		case <-t.life:
			return l, false
		case <-t.ctx.Done():
			return l, false
		}
	}
}

// say publishes one event. The library writes all fields as they are: JSON has no line
// ends, and the others are words of ours.
func (t *telling) say(name string, l login.Login) {
	data, err := json.Marshal(view(t.Service, t.PublicURL, login.ID(t.who.ID), l, time.Now()))
	if err != nil {
		return // a view is but strings and numbers
	}
	t.stream.Publish(sseOnly, &sse.Event{ID: []byte(l.State.String()), Event: []byte(name), Data: data})
}
