package dialect

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/park"
)

// This file is what a stream of events says, and when.

// stream is what one connection is told. It waits parked, or on a goroutine.
type stream struct {
	guest
	*SSE
	secret login.IDSecret
	watch  login.Watch
	out    telling      // how it is told; nil: by its spot
	now    *login.Login // what is to be told next, if it is known already
	shown  shown        // what is needed to make its next code
	seen   login.State  // the last state it knows

	// When it is to end, to be heard of, to change its code, and to ask the store again, in
	// nanoseconds since 1970. 0: never.
	life, beat, turn, again int64
}

// telling is how events are written.
type telling interface {
	say(id, name string, data []byte)
	beat()
	later(time.Duration) // when to come again
	end()
}

// Wake is the Lot's.
func (t *stream) Wake(s park.Spot) {
	lost := t.wake(s)
	out := t.out
	if out == nil {
		out = wire{s}
	}
	now := time.Now().UnixNano()
	if t.beat == 0 {
		t.beat = now + int64(sseBeat)
		if t.out == nil {
			s.Begin(sseHeader())
			s.Send(ssePreamble())
		}
	}
	retry, over := sseRetry, false
	switch {
	case lost:
		retry, over = turnedAway, true
	case s.Draining(), now >= t.life, now < t.came: // the clock was set back
		over = true
	default:
		over = t.tell(out, now)
	}
	if !over {
		s.Alarm(time.Unix(0, t.next()))
		return
	}
	if !t.seen.Final() {
		out.later(retry) // it has lasted long enough, or is not told of this login any more
	}
	out.end()
	s.End()
}

// Offer is the Watch's.
func (t *stream) Offer(l login.Login) bool { return t.watch.Accept(l) }

// Gone is the Lot's.
func (t *stream) Gone() {
	t.watch.Stop()
	t.place.Leave()
}

// tell tells what there is to tell at now, and reports whether that is all.
func (t *stream) tell(out telling, now int64) (over bool) {
	if t.again != 0 && now >= t.again {
		if over = t.follow(t.shown.login(), now); over {
			return true
		}
	}
	l, err, rang := t.watch.News()
	if t.now != nil {
		l, rang, t.now = *t.now, true, nil
	}
	if rang {
		if err != nil {
			return true // its id proves nothing any more
		}
		if over = t.state(out, l, now); over {
			return true
		}
	}
	if t.seen == login.Pending && now >= t.turn {
		t.code(out)
	}
	if now >= t.beat {
		out.beat()
		t.beat += int64(sseBeat)
	}
	return false
}

// state tells the state of l, unless it is known, and waits for the next.
func (t *stream) state(out telling, l login.Login, now int64) (over bool) {
	if l.State != t.seen {
		t.say(out, l.State.String(), l)
		t.seen = l.State
	}
	if t.seen.Final() {
		return true
	}
	t.shown = shownOf(l)
	return t.follow(l, now)
}

// follow waits for the next state after l. What the store cannot say now it is asked again:
// EventSource would take an error for the end.
func (t *stream) follow(l login.Login, now int64) (over bool) {
	t.again = 0
	err := t.watch.Follow(l, t)
	if err != nil && !errors.Is(err, login.ErrNotFound) {
		t.again = now + int64(slowPoll)
		return false
	}
	return err != nil
}

// code tells the code that is to be shown now.
func (t *stream) code(out telling) {
	l, now := t.shown.login(), time.Now()
	_, fresh, ok := t.Service.Code(l, now)
	if !ok {
		t.turn = t.life // its time is up: the watch says so
		return
	}
	t.say(out, "qr", l)
	t.turn = now.Add(fresh).UnixNano()
}

// next is when there is something to do, unless it rings before.
func (t *stream) next() int64 {
	next := min(t.life, t.beat)
	if t.seen == login.Pending && t.turn != 0 {
		next = min(next, t.turn)
	}
	if t.again != 0 {
		next = min(next, t.again)
	}
	return next
}

func (t *stream) say(out telling, name string, l login.Login) {
	data, err := json.Marshal(view(t.Service, t.PublicURL, l.Handle.ID(t.secret), l, time.Now()))
	if err == nil { // a view is but strings and numbers
		out.say(l.State.String(), name, data)
	}
}

// wire writes events to a parked connection, to the byte as the library would.
type wire struct{ park.Spot }

func (w wire) say(id, name string, data []byte) {
	b := make([]byte, 0, len(data)+64)
	b = append(append(append(b, "id: "...), id...), "\ndata: "...)
	b = append(append(append(b, data...), "\nevent: "...), name...)
	w.Send(append(b, "\n\n"...))
}

func (w wire) beat() { w.Send([]byte(": waiting\n\n")) }

func (w wire) later(d time.Duration) { w.Send(sseLater(d)) }

func (w wire) end() {}

// shown is the part of a login from which its codes are made. Who waits keeps no more of it.
type shown struct {
	handle            login.Handle
	keyID, app        string
	started, deadline int64
	userCode          int32
	state             login.State
}

func shownOf(l login.Login) shown {
	return shown{
		handle: l.Handle, keyID: l.KeyID, app: l.App, userCode: int32(l.UserCode), state: l.State,
		started: l.Started.UnixNano(), deadline: l.Deadline.UnixNano(),
	}
}

func (s shown) login() login.Login {
	return login.Login{
		Handle: s.handle, KeyID: s.keyID, App: s.app, UserCode: int(s.userCode), State: s.state,
		Started: time.Unix(0, s.started), Deadline: time.Unix(0, s.deadline),
	}
}

// sseHeader are the fields of a stream. X-Accel-Buffering speaks to nginx, no-transform to
// proxies that would compress, and so gather, what passes.
func sseHeader() http.Header {
	h := plain("text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	return h
}
