package dialect

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/r3labs/sse/v2"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/problem"
)

// This file is the JSON dialect as a stream of events (text/event-stream, HTML standard,
// section 9.2), for EventSource. A state is an event of its name, and its id: it comes
// back as Last-Event-ID. What a reconnecting browser has missed is the state it is not in.
//
// A parked stream writes itself: see sse_stream.go. Where a connection cannot be parked,
// the stream is written by r3labs/sse v2.10.0, which loses events and leaks goroutines
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
	Lot       *park.Lot      // where streams wait; nil: on their goroutines
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
func sseSeen(header http.Header, query fields) login.State {
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

	t := &stream{
		SSE: s, secret: login.ID(who.ID).Secret(),
		watch: s.Service.NewWatch(who, l), seen: seen, now: &l, life: time.Now().Add(lifetime()).UnixNano(),
	}
	if t.enter(s.Waiters, waiterFor(c, limit.BySSE, who, l)) != limit.Admitted {
		t.Gone()
		w := newEventWriter(c, cancel)
		w.begin()
		w.later(turnedAway) // any status but 200 would be the end for EventSource
		return nil
	}
	if s.Lot.CanPark(c.Request()) {
		s.Lot.Wait(c.Response(), c.Request(), t)
		return nil
	}
	return s.hold(ctx, c, cancel, t)
}

// sseOver ends EventSource's reconnecting for good.
func sseOver(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// hold runs a stream on the goroutine of its request.
func (s *SSE) hold(ctx context.Context, c echo.Context, cancel context.CancelFunc, t *stream) error {
	w := newEventWriter(c, cancel)
	told, left := make(chan struct{}), make(chan struct{})
	out := new(library)
	t.out = out
	out.server = sse.NewWithCallback(
		func(string, *sse.Subscriber) {
			defer close(told)
			defer out.end()
			s.Lot.Hold(ctx, t)
		},
		func(string, *sse.Subscriber) {
			defer close(left)
			out.server.RemoveStream(sseOnly)
		})
	out.server.AutoReplay, out.server.BufferSize = false, 1
	out.server.CreateStream(sseOnly)
	w.begin()
	r := (&http.Request{URL: &url.URL{RawQuery: "stream=" + sseOnly}}).WithContext(ctx)
	out.server.ServeHTTP(w, r)
	cancel()
	<-told
	<-left
	if !t.seen.Final() {
		w.later(max(out.retry, sseRetry)) // the browser may be gone, and hears nothing
	}
	return nil
}

// library tells a stream's events through r3labs/sse. It writes all fields as they are:
// JSON has no line ends, and the others are words of ours.
type library struct {
	server *sse.Server
	retry  time.Duration
}

func (o *library) say(id, name string, data []byte) {
	o.server.Publish(sseOnly, &sse.Event{ID: []byte(id), Event: []byte(name), Data: data})
}

func (o *library) beat() { o.server.Publish(sseOnly, &sse.Event{Comment: []byte("waiting")}) }

func (o *library) later(d time.Duration) { o.retry = d }

// end ends the handler's loop.
func (o *library) end() { o.server.Publish(sseOnly, &sse.Event{}) }
