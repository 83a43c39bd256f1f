package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/time/rate"

	"qrlatch/server/login"
	"qrlatch/server/park"
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

// socket is one open connection. It waits parked, or on goroutines: its spot sees to it
// that its methods are called one at a time. Whoever else has news leaves it in inbox.
type socket struct {
	guest
	*WebSocket
	spot    park.Spot
	lost    bool     // its place
	id      login.ID // empty if it was opened with a resume secret
	secret  string
	session login.SessionID // from the approval on

	now   *login.Login // what is to be told next, if it is known already
	shown shown        // the login as the client knows it
	watch login.Watch
	inbox inbox

	unwatch  func() // of the session
	unlisten func() // nil: it does not listen yet
	picture  *wsPicture

	frames    wsFrames
	allowance *rate.Limiter // of frames; nil: it has sent none
	bye       *farewell     // how it parts, if it does
	deaf      bool          // the client has parted, or broken the rules
	discarded int

	// When it is to be pinged, to be given up, to change its code, to ask the store again,
	// to end, and when its login was redeemed, in nanoseconds since 1970. 0: never.
	ping, silent, turn, again, life, redeemed int64
}

// start is the first thing that a socket does.
func (s *socket) start(now int64) {
	s.ping, s.silent = now+int64(wsPing), now+int64(wsPing+wsPong)
	s.life = now + int64(lifetime())
	l := *s.now
	s.now = nil
	s.told(l)
}

// Hear is the Lot's.
func (s *socket) Hear(spot park.Spot, b []byte) {
	s.spot = spot
	switch {
	case s.deaf:
		s.discard(len(b))
		return
	case s.now != nil:
		s.start(time.Now().UnixNano()) // it has sent something before our answer
	}
	if s.bye == nil {
		s.silent = time.Now().Add(wsPing + wsPong).UnixNano()
	}
	bye, over := s.frames.feed(b, s.hear)
	if over {
		s.deaf = true
		parted := s.bye != nil
		if !parted {
			s.part(bye)
		}
		if parted || bye.reason == "" {
			spot.End() // it has said goodbye too
		}
	}
	s.arm()
}

// discard reads away what a client sends before it has read why we part. Closed at once,
// the connection might be reset before.
func (s *socket) discard(n int) {
	if s.discarded += n; s.discarded > wsDiscard {
		s.spot.End()
	}
}

// hear takes what the client has sent. What it does not know it ignores: clients of
// tomorrow may know more.
func (s *socket) hear(op ws.OpCode, payload []byte) {
	if s.bye != nil {
		return
	}
	if s.allowance == nil {
		s.allowance = rate.NewLimiter(wsFramesPerSecond, wsFrameBurst)
	}
	if !s.allowance.Allow() {
		s.part(farewell{ws.StatusPolicyViolation, "too many frames"})
		s.deaf = true
		return
	}
	if op == ws.OpPing {
		s.write(ws.NewPongFrame(payload))
	}
	if op != ws.OpText {
		return
	}
	var request struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(payload, &request) == nil && request.Type == "picture" {
		s.sayPicture()
	}
}

// Offer is the Watch's.
func (s *socket) Offer(l login.Login) bool { return s.watch.Accept(l) }

// Wake is the Lot's.
func (s *socket) Wake(spot park.Spot) {
	s.spot = spot
	now := time.Now().UnixNano()
	s.lost = s.wake(spot)
	switch {
	case s.bye != nil:
		if now >= s.silent || now < s.came {
			spot.End()
		}
	case s.now != nil:
		s.start(now)
	}
	if s.bye == nil {
		s.attend(now)
	}
	s.arm()
}

// attend does what there is to do at now.
func (s *socket) attend(now int64) {
	if l, err, rang := s.watch.News(); rang {
		if err != nil { // its id was scanned out of a picture, and proves nothing any more
			l = login.Login{State: login.Expired}
		}
		if s.told(l); s.bye != nil {
			return
		}
	}
	if s.again != 0 && now >= s.again {
		s.follow(s.shown.login(), now)
	}
	if s.turn != 0 && now >= s.turn {
		s.sayCode()
	}
	over := s.read()
	switch {
	case s.bye != nil:
	case over != nil:
		s.part(signedOut(*over))
	case s.spot.Draining(), now < s.came, now >= s.life && s.shown.state < login.Approved: // a session's lasts
		s.part(goAway())
	case s.lost && now >= s.patience().UnixNano():
		// Clients come back as soon as they are closed: no sooner than after a while.
		s.part(farewell{wsTryAgainLater, "another socket took this place, retry in 30 s"})
	case now >= s.silent:
		s.part(farewell{})
	case now >= s.ping:
		s.write(ws.NewPingFrame(nil))
		s.ping += int64(wsPing)
	}
}

// read passes on what the site has sent, once the client has heard that there is a
// session, and returns the session if that has ended.
func (s *socket) read() (over *login.Session) {
	mail, over, full := s.inbox.take(s.shown.state == login.Redeemed)
	for _, message := range mail {
		s.say(wsMessage{Type: "message", Data: message})
	}
	if full && s.bye == nil {
		s.part(farewell{ws.StatusPolicyViolation, "reads too slowly"})
	}
	return over
}

// arm sets the alarm to what is due next.
func (s *socket) arm() {
	next := min(s.ping, s.silent)
	if s.bye != nil {
		next = s.silent
	}
	for _, at := range []int64{s.turn, s.again, s.life} {
		if at != 0 && s.bye == nil && (at != s.life || s.shown.state < login.Approved) {
			next = min(next, at)
		}
	}
	if s.lost && s.bye == nil {
		next = min(next, s.patience().UnixNano())
	}
	s.spot.Alarm(time.Unix(0, next))
}

// Gone is the Lot's.
func (s *socket) Gone() {
	s.watch.Stop()
	s.unfollow()
	s.deafen()
	s.place.Leave()
}

// part says how it ends, after what the site was told is on its way, and waits for the
// client to hang up.
func (s *socket) part(bye farewell) {
	s.deafen()
	if mail, _, _ := s.inbox.take(s.shown.state == login.Redeemed); bye.code != 0 {
		for _, message := range mail {
			s.say(wsMessage{Type: "message", Data: message})
		}
	}
	s.bye = &bye
	s.watch.Stop()
	s.unfollow()
	if bye.code == 0 {
		s.spot.End() // it reads nothing
		return
	}
	s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(bye.code, bye.reason)))
	s.silent = time.Now().Add(wsGoodbye).UnixNano()
}

// goAway parts with a client that is to come back. Many must not do so all at once.
func goAway() farewell {
	return farewell{ws.StatusGoingAway, fmt.Sprintf("going away, retry in %d s", 1+rand.N(5))}
}

// listen takes the session's messages from now on, if it does not yet: without a gap, in
// which the site would be told that nobody is here.
func (s *socket) listen() {
	if s.unlisten == nil {
		s.unlisten = s.Messages.Listen(s.session, s.inbox.put, s.RingNow)
	}
}

// deafen ends listen: what it has kept is in the inbox then, and nothing comes after it.
func (s *socket) deafen() {
	if s.unlisten != nil {
		s.unlisten()
		s.unlisten = func() {}
	}
}

// follow asks to be told of the next change after l.
func (s *socket) follow(l login.Login, now int64) {
	s.again = 0
	var err error
	if l.State != login.Redeemed {
		err = s.watch.Follow(l, s)
	} else {
		s.unfollow()
		s.unwatch, err = s.Service.WatchSession(s.session, func(v login.Session) {
			s.inbox.end(v)
			s.Ring()
		})
		if errors.Is(err, login.ErrNotFound) && now-s.redeemed > int64(wsBegin) {
			s.part(farewell{ws.StatusInternalServerError, "the session did not begin"})
			return
		}
	}
	switch {
	case errors.Is(err, login.ErrNotFound) && l.State != login.Redeemed:
		s.told(login.Login{State: login.Expired})
	case err != nil:
		s.again = now + int64(wsAgain)
	}
}

func (s *socket) unfollow() {
	if s.unwatch != nil {
		s.unwatch()
		s.unwatch = nil
	}
}

func (s *socket) write(f ws.Frame) {
	if b, err := ws.CompileFrame(f); err == nil { // a frame of ours can be written
		s.spot.Send(b)
	}
}

// inbox is what others leave for a socket.
type inbox struct {
	mu   sync.Mutex
	mail [][]byte
	over *login.Session
	full bool
}

// put keeps a message, if there is room.
func (b *inbox) put(message []byte) (kept bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mail) >= wsQueue {
		b.full = true
		return false
	}
	b.mail = append(b.mail, message)
	return true
}

// end notes that the session has ended.
func (b *inbox) end(v login.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = &v
}

// take empties the inbox, but leaves the mail to whom may not have it yet.
func (b *inbox) take(may bool) (mail [][]byte, over *login.Session, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if may {
		mail, b.mail = b.mail, nil
	}
	return mail, b.over, b.full
}
