package dialect_test

import (
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/gobwas/ws"

	"qrlatch/server/login"
)

// This file is the browsers that wait on a WebSocket.

// allMessage is what a socket is told, to the byte.
type allMessage struct {
	Type        string `json:"type"`
	ID          string `json:"id,omitempty"`
	Text        string `json:"text,omitempty"`
	Image       string `json:"image,omitempty"`
	ExpiresIn   int    `json:"expires_in,omitempty"`
	Number      string `json:"number,omitempty"`
	RedirectURI string `json:"redirect_uri,omitempty"`
	Resume      string `json:"resume,omitempty"`
}

// allSocket is what one connection must hear: the state at once, then every other, of a
// pending login every code, and pings.
type allSocket struct {
	*allCall
	w       *allWorld
	resumed bool // by the secret: that the id was scanned does not matter
	status  int
	delay   time.Duration // before a refusal
	seen    login.State
	slot    int
	pings   int
}

var allResume = regexp.MustCompile(`"resume":"([\w-]{60})"`)

// allWebSocket follows the login over any number of sockets.
func allWebSocket(p *allPage) {
	p.w.mu.Lock()
	p.cursor = true
	p.w.mu.Unlock()
	for pause := time.Duration(0); p.rests(pause); pause = time.Second {
		s := &allSocket{w: p.w, slot: -1}
		if !s.follow(p) {
			return
		}
	}
}

// follow hears one socket; it reports whether the client opens another.
func (s *allSocket) follow(p *allPage) bool {
	query := "id=" + p.w.id
	if s.resumed = p.resume != ""; s.resumed {
		query = "resume=" + p.resume
	}
	c, r, err := p.request("/v1/ws?"+query, 2000, func(c *allCall) {
		s.allCall, c.mayWait = c, s.mayWait
		s.begin()
	}, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	defer c.end()
	if err != nil {
		return true
	}
	defer r.Body.Close()
	if err := s.hold(func(now time.Time) error { return s.answered(r, now) }); err != nil {
		return true
	}
	for r.StatusCode == http.StatusSwitchingProtocols {
		f, err := wsReadFrame(c.in)
		if s.trouble(err) != nil || s.hold(func(now time.Time) error { return s.hears(p, f, now) }) != nil {
			return true
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			_ = ws.WriteFrame(c.Conn, ws.MaskFrameWith(ws.NewPongFrame(f.Payload), [4]byte{1, 2, 3, 4}))
		case ws.OpClose:
			_ = ws.WriteFrame(c.Conn, ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4}))
			return false
		}
	}
	return false
}

// begin says how the request must be answered. It is called with mu held, as are all
// that follow.
func (s *allSocket) begin() {
	w, state := s.w, s.state(s.start)
	s.status = http.StatusSwitchingProtocols
	switch {
	case s.resumed && w.oracle.void:
		if s.start.After(w.voided.Add(10 * time.Minute)) {
			s.status, s.delay = http.StatusNotFound, time.Second
		}
	case s.resumed && state == login.Redeemed: // the session is there for hours
	case s.resumed && w.oracle.forgotten(s.start), !s.resumed && w.unknown(s.start):
		s.status, s.delay = http.StatusNotFound, time.Second
	case state == login.Redeemed:
		s.status = http.StatusConflict
	}
}

// state is the login's as this socket must hear it.
func (s *allSocket) state(now time.Time) login.State {
	state := s.w.oracle.at(now)
	if s.w.oracle.bound && !s.resumed {
		return login.Expired
	}
	return state
}

// since is when it began.
func (s *allSocket) since(state login.State) time.Time {
	if s.w.oracle.bound && !s.resumed {
		state = login.Scanned
	}
	return s.w.oracle.since[state]
}

func (s *allSocket) answered(r *http.Response, now time.Time) error {
	if due := s.start.Add(s.delay); r.StatusCode != s.status || now != due {
		return fmt.Errorf("answered %d, want %d and %v earlier", r.StatusCode, s.status, now.Sub(due))
	}
	if r.StatusCode != http.StatusSwitchingProtocols {
		s.w.said[fmt.Sprint("WebSocket ", r.StatusCode)]++
	} else if s.resumed {
		s.w.said["WebSocket resumed"]++
	}
	return nil
}

func (s *allSocket) mayWait(now time.Time) error {
	switch state := s.state(now); {
	case s.status != http.StatusSwitchingProtocols:
		if !now.Before(s.start.Add(s.delay)) {
			return fmt.Errorf("got no answer")
		}
	case s.seen != state, state == login.Pending && s.slot != s.w.slot(now) && s.slot != s.w.slot(now.Add(-s.w.late)):
		return fmt.Errorf("is told %s and slot %d", s.seen, s.slot)
	case state == login.Denied, state == login.Expired, s.w.oracle.void && !now.Before(s.parting().Add(s.w.late)):
		return fmt.Errorf("its socket is still open")
	case !s.w.times(s.pings, 25*time.Second, s.start, now):
		return fmt.Errorf("heard %d pings", s.pings)
	}
	return nil
}

// parting is when a socket whose session is void must at last be closed: one that heard
// of its session before that was there looks for it again after a second.
func (s *allSocket) parting() time.Time {
	return later(later(s.start, s.w.voided), s.w.oracle.since[login.Redeemed].Add(time.Second))
}

func (s *allSocket) hears(p *allPage, f ws.Frame, now time.Time) error {
	w, state := s.w, s.state(now)
	switch f.Header.OpCode {
	case ws.OpPing:
		w.said["WebSocket ping"]++
		s.pings++
		if due := s.start.Add(time.Duration(s.pings) * 25 * time.Second); !w.inTime(now, due) {
			return fmt.Errorf("a ping %v late", now.Sub(due))
		}
		return nil
	case ws.OpClose:
		return s.closes(f, now)
	}
	due, want := later(s.start, s.since(state)), allMessage{Type: state.String()}
	switch {
	case state == login.Pending && s.slot < w.slot(now):
		s.slot = w.slot(now)
		due = later(s.start, w.turned(s.slot))
		code := w.code(now)
		want = allMessage{Type: "qr", ID: w.id, Text: code.Text, Image: code.Image, ExpiresIn: code.ExpiresIn}
	case s.seen == state:
		return fmt.Errorf("heard %q", f.Payload)
	case state == login.Scanned:
		want.Number = w.number()
	case state == login.Approved, state == login.Redeemed:
		if w.resume == "" {
			w.resume = found(allResume, string(f.Payload))
		}
		want.RedirectURI, want.Resume, p.resume = w.view(now).RedirectURI, w.resume, w.resume
	}
	s.seen = state
	if got := string(f.Payload); f.Header.OpCode != ws.OpText || got != allJSON(want) {
		return fmt.Errorf("heard %q, want %s", got, allJSON(want))
	}
	if !w.inTime(now, due) {
		return fmt.Errorf("heard %q %v late", f.Payload, now.Sub(due))
	}
	w.said["WebSocket "+want.Type]++
	p.knows(w.oracle.at(now).String(), want.RedirectURI)
	return w.discreet(string(f.Payload), now)
}

func (s *allSocket) closes(f ws.Frame, now time.Time) error {
	code, reason := ws.ParseCloseFrameData(f.Payload)
	s.w.said[fmt.Sprint("WebSocket closes ", code)]++
	switch s.seen {
	case login.Denied, login.Expired:
		if code == ws.StatusNormalClosure && now.Equal(later(s.start, s.since(s.seen))) {
			return nil
		}
	case login.Redeemed:
		if code == 4004 && s.w.oracle.void && !now.After(s.parting().Add(s.w.late)) {
			return nil
		}
	}
	return fmt.Errorf("closed with %d %q", code, reason)
}
