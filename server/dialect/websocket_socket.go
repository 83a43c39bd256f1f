package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/time/rate"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

const (
	// wsQueue is how many messages of the site may wait for a reader.
	wsQueue = 64
	// Clients have little to say: a pong now and then, and a request for a picture.
	wsFramesPerSecond = 1
	wsFrameBurst      = 30
	// wsDiscard is how much is read of a client that broke the rules.
	wsDiscard = 64 << 10
)

// socket is one open connection. Two goroutines work on it: receive reads, run writes
// and owns every other field but the channels. Whoever else has news puts it into a channel
// that has room or does without, and so is never held up by a slow reader.
type socket struct {
	*WebSocket
	conn    net.Conn
	id      login.ID        // empty if it was opened with a resume secret
	login   login.Login     // as the client knows it
	session login.SessionID // from the approval on
	secret  string
	watch   func(since login.State, fire func(login.Login, error)) (stop func(), err error)

	place    *limit.Place
	unwatch  func()
	unlisten func() // nil: it does not listen yet
	picture  wsPicture

	changes chan login.Login   // one watch at a time, so one fits
	ended   chan login.Session // likewise
	mail    chan []byte
	asked   chan struct{} // for the picture
	pings   chan []byte
	over    chan farewell // the first counts
	silent  chan struct{} // closed when receive has ended

	frames  *rate.Limiter // of receive
	flooded bool          // of receive
}

func newSocket(w *WebSocket, id login.ID, l login.Login, watch func(login.State, func(login.Login, error)) (func(), error)) *socket {
	return &socket{
		WebSocket: w, id: id, login: l, watch: watch,
		unwatch: func() {},
		changes: make(chan login.Login, 1), ended: make(chan login.Session, 1),
		mail: make(chan []byte, wsQueue), asked: make(chan struct{}, 1), pings: make(chan []byte, 1),
		over: make(chan farewell, 1), silent: make(chan struct{}),
		frames: rate.NewLimiter(wsFramesPerSecond, wsFrameBurst),
	}
}

// receive reads until the client has said goodbye, broken the rules, or gone.
func (s *socket) receive(first []byte) {
	defer close(s.silent)
	var frames wsFrames
	bye, over := frames.feed(first, s.hear)
	for b := make([]byte, 512); !over; {
		n, err := 0, s.conn.SetReadDeadline(time.Now().Add(wsPing+wsPong))
		if err == nil {
			n, err = s.conn.Read(b)
		}
		if err != nil {
			s.end(farewell{})
			return
		}
		if bye, over = frames.feed(b[:n], s.hear); !over && s.flooded {
			bye, over = farewell{ws.StatusPolicyViolation, "too many frames"}, true
		}
	}
	s.end(bye)
	if bye.reason != "" { // it broke the rules: read away what it sends before it reads our reason
		_, _ = io.CopyN(io.Discard, s.conn, wsDiscard)
	}
}

// hear takes what the client has sent. What it does not know it ignores: clients of
// tomorrow may know more.
func (s *socket) hear(op ws.OpCode, payload []byte) {
	if s.flooded = s.flooded || !s.frames.Allow(); s.flooded {
		return
	}
	if op == ws.OpPing {
		offer(s.pings, payload)
		return
	}
	var request struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(payload, &request) == nil && request.Type == "picture" {
		offer(s.asked, struct{}{})
	}
}

// end makes the writer say goodbye, unless it has another reason already.
func (s *socket) end(bye farewell) { offer(s.over, bye) }

// offer gives v to a channel that has room.
func offer[T any](to chan T, v T) bool {
	select {
	case to <- v:
		return true
	default:
		return false
	}
}

// run tells the client what happens until there is a reason to part, and parts.
func (s *socket) run() {
	bye := s.talk()
	s.unwatch()
	s.deafen()
	if bye.code != 0 && s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(bye.code, bye.reason))) == nil {
		patience := time.NewTimer(wsGoodbye)
		select {
		case <-s.silent:
		case <-patience.C:
		}
		patience.Stop()
	}
	s.conn.Close()
	<-s.silent
}

// talk returns how to part.
func (s *socket) talk() farewell {
	ping := time.NewTicker(wsPing)
	life := time.NewTimer(lifetime())
	code, again := time.NewTimer(wsPing), time.NewTimer(wsPing)
	code.Stop()
	again.Stop()
	defer ping.Stop()
	defer life.Stop()
	defer code.Stop()
	defer again.Stop()
	var draining <-chan struct{}
	if s.Draining != nil {
		draining = s.Draining.Done()
	}
	if bye, over := s.tell(code); over {
		return bye
	}
	s.follow(again)
	for {
		mail := s.mail
		if s.login.State != login.Redeemed {
			mail = nil // the client first hears that there is a session
		}
		var err error
		select {
		case s.login = <-s.changes:
			if bye, over := s.tell(code); over {
				return bye
			}
			s.follow(again)
		case <-code.C:
			if bye, over := s.tell(code); over {
				return bye
			}
		case <-again.C:
			s.follow(again)
		case message := <-mail:
			err = s.say(wsMessage{Type: "message", Data: message})
		case v := <-s.ended:
			return s.deliver(signedOut(v))
		case <-s.asked:
			err = s.sayPicture()
		case payload := <-s.pings:
			err = s.write(ws.NewPongFrame(payload))
		case <-ping.C:
			err = s.write(ws.NewPingFrame(nil))
		case bye := <-s.over:
			return bye
		case <-life.C:
			if s.login.State == login.Pending || s.login.State == login.Scanned { // a session's lasts
				return goAway()
			}
		case <-draining:
			return s.deliver(goAway())
		}
		if err != nil {
			return farewell{} // it reads nothing
		}
	}
}

// goAway parts with a client that is to come back. Many must not do so all at once.
func goAway() farewell {
	return farewell{ws.StatusGoingAway, fmt.Sprintf("going away, retry in %d s", 1+rand.N(5))}
}

// listen takes the session's messages from now on, if it does not yet: without a gap, in
// which the site would be told that nobody is here.
func (s *socket) listen() {
	if s.unlisten != nil {
		return
	}
	s.unlisten = s.Messages.Listen(s.session, func(message []byte) bool {
		kept := offer(s.mail, message)
		if !kept {
			s.end(farewell{ws.StatusPolicyViolation, "reads too slowly"})
		}
		return kept
	})
}

// deafen ends listen: what it has kept is in s.mail then, and nothing comes after it.
func (s *socket) deafen() {
	if s.unlisten != nil {
		s.unlisten()
		s.unlisten = func() {}
	}
}

// follow asks to be told of the next change. What cannot be read now is asked for again.
func (s *socket) follow(again *time.Timer) {
	s.unwatch()
	s.unwatch = func() {}
	var stop func()
	var err error
	if s.login.State == login.Redeemed {
		stop, err = s.Service.WatchSession(s.session, func(v login.Session) { offer(s.ended, v) })
		if errors.Is(err, login.ErrNotFound) && time.Since(s.login.Redeemed) > wsBegin {
			s.end(farewell{ws.StatusInternalServerError, "the session did not begin"})
			return
		}
	} else {
		stop, err = s.watch(s.login.State, func(l login.Login, err error) {
			if err != nil { // its id was scanned out of a picture, and proves nothing any more
				l = login.Login{State: login.Expired}
			}
			offer(s.changes, l)
		})
		if errors.Is(err, login.ErrNotFound) {
			offer(s.changes, login.Login{State: login.Expired})
			return
		}
	}
	if err != nil {
		again.Reset(wsAgain)
		return
	}
	s.unwatch = stop
}

func (s *socket) write(f ws.Frame) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(wsPatience)); err != nil {
		return err
	}
	b, err := ws.CompileFrame(f)
	if err == nil {
		_, err = s.conn.Write(b)
	}
	return err
}
