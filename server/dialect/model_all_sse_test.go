package dialect_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"qrlatch/server/login"
)

// This file is the browsers that wait on a stream of events, as EventSource does.

// allStream is what one connection must hear: every state that it is not in, once and at
// its moment, and of a pending login every code.
type allStream struct {
	*allCall
	w      *allWorld
	status int
	seen   login.State
	slot   int // of the code that it shows; -1: none
	beats  int // comments so far
	greet  bool
	ends   bool // no more events may come
}

// allSSE follows the login over any number of streams, to its end.
func allSSE(p *allPage) {
	p.w.mu.Lock()
	p.cursor = true
	p.w.mu.Unlock()
	told := map[login.State]bool{} // on this page, which never forgets its cursor
	for pause := time.Duration(0); p.rests(pause); pause = 2 * time.Second {
		s := &allStream{w: p.w, seen: p.since, slot: -1}
		goesOn := s.follow(p, told)
		if !goesOn {
			return
		}
	}
}

// follow hears one stream; it reports whether EventSource comes back.
func (s *allStream) follow(p *allPage, told map[login.State]bool) bool {
	var fields []string
	query := ""
	switch {
	case p.since == 0:
	case p.n%2 == 0:
		fields = append(fields, "Last-Event-ID: "+p.since.String())
	default: // as polyfills do that cannot set a field
		query = "?since=" + p.since.String()
	}
	c, r, err := p.request("/v1/logins/"+p.w.id+"/events"+query, 6000, func(c *allCall) {
		s.allCall, c.mayWait = c, s.mayWait
		s.begin()
	}, fields...)
	defer c.end()
	if err != nil {
		return true
	}
	defer r.Body.Close()
	if err := s.hold(func(now time.Time) error { return s.answered(r, now) }); err != nil {
		return true
	}
	if r.StatusCode != http.StatusOK {
		return false
	}
	for in := bufio.NewReader(r.Body); ; {
		block, err := readBlock(in)
		switch {
		case errors.Is(err, io.EOF):
			return s.hold(func(time.Time) error { return s.ended() }) != nil || !s.seen.Final()
		case s.trouble(err) != nil:
			return true
		}
		if s.hold(func(now time.Time) error { return s.hears(p, block, now, told) }) != nil {
			return true
		}
	}
}

// begin says how the request must be answered. It is called with mu held, as are all
// that follow.
func (s *allStream) begin() {
	o := s.w.oracle
	switch state := o.at(s.start); {
	case s.w.unknown(s.start) && !s.seen.Final():
		s.status = http.StatusNotFound
	case s.w.unknown(s.start), state.Final() && s.seen == state:
		s.status = http.StatusNoContent
	default:
		s.status = http.StatusOK
	}
}

func (s *allStream) answered(r *http.Response, now time.Time) error {
	due := s.start
	if s.status == http.StatusNotFound {
		due = due.Add(time.Second)
	}
	if r.StatusCode != s.status || now != due {
		return fmt.Errorf("answered %d, want %d and %v earlier", r.StatusCode, s.status, now.Sub(due))
	}
	if r.StatusCode != http.StatusOK {
		s.w.said[fmt.Sprint("SSE ", r.StatusCode)]++
	} else if s.seen != 0 {
		s.w.said["SSE with a cursor"]++
	}
	return nil
}

// over tells whether the login goes on without this browser, or not at all.
func (s *allStream) over(now time.Time) bool { return s.w.oracle.at(now).Final() || s.w.oracle.bound }

func (s *allStream) mayWait(now time.Time) error {
	switch state := s.w.oracle.at(now); {
	case s.status == http.StatusNotFound && now.Before(s.start.Add(time.Second)):
		return nil
	case s.status != http.StatusOK:
		return errors.New("got no answer")
	case s.over(now):
		return errors.New("its stream has not ended")
	case s.seen != state, state == login.Pending && s.slot != s.w.slot(now) && s.slot != s.w.slot(now.Add(-s.w.late)):
		return fmt.Errorf("is told %s and slot %d", s.seen, s.slot)
	case !s.w.times(s.beats, 15*time.Second, s.start, now):
		return fmt.Errorf("heard %d beats", s.beats)
	}
	return nil
}

func (s *allStream) hears(p *allPage, b heard, now time.Time, told map[login.State]bool) error {
	w := s.w
	state, name := w.oracle.at(now), b.field("event")
	var due time.Time
	switch {
	case !s.greet:
		if s.greet = true; b.text+"\n" != sseHello || now != s.start {
			return fmt.Errorf("greeted with %q", b.text)
		}
		return nil
	case s.ends:
		return fmt.Errorf("after the end: %q", b.text)
	case b.text == ": waiting\n":
		w.said["SSE waiting"]++
		s.beats++
		due = s.start.Add(time.Duration(s.beats) * 15 * time.Second)
	case strings.HasPrefix(b.text, "retry: ") && w.oracle.bound:
		w.said["SSE retry"]++
		s.ends, due = true, w.oracle.since[login.Scanned]
	case w.oracle.bound:
		return fmt.Errorf("the id was scanned, and it heard %q", b.text)
	case name == "qr" && state == login.Pending && s.slot < w.slot(now):
		s.slot = w.slot(now)
		due = later(s.start, w.turned(s.slot))
	case name == state.String() && s.seen != state:
		if told[state] {
			return fmt.Errorf("%s for a second time", name)
		}
		told[state], s.seen, s.ends = true, state, state.Final()
		due = later(s.start, w.oracle.since[state])
	default:
		return fmt.Errorf("heard %q", b.text)
	}
	if !w.inTime(now, due) {
		return fmt.Errorf("heard %q %v late", b.text, now.Sub(due))
	}
	if name == "" {
		return nil
	}
	w.said["SSE "+name]++
	if want := fmt.Sprintf("id: %s\ndata: %s\nevent: %s\n", state, w.json(now), name); b.text != want {
		return fmt.Errorf("heard %q, want %q", b.text, want)
	}
	p.knows(state.String(), w.view(now).RedirectURI)
	return w.discreet(b.text, now)
}

func (s *allStream) ended() error {
	if !s.ends || s.seen == 0 {
		return fmt.Errorf("the stream ended after %q", s.seen)
	}
	return nil
}
