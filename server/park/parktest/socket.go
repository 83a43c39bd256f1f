package parktest

import (
	"errors"
	"io"
	"net"

	"qrlatch/server/park"
)

// socket is an end that is parked. It panics when it is used after it was given back or
// closed: a descriptor's number may be somebody else's by then.
type socket struct {
	wire *wire
	side int
	over bool // guarded by the wire's mu
}

func (s *socket) check() {
	if s.over {
		panic("parktest: a Socket is used after its end")
	}
}

// Read is the Socket's.
func (s *socket) Read(b []byte) (n int, err error) {
	s.wire.update(func() {
		s.check()
		n, err = s.wire.take(s.side, b)
	})
	if errors.Is(err, io.EOF) { // as read(2) says it
		err = nil
	}
	return n, err
}

// Write is the Socket's.
func (s *socket) Write(b []byte) (n int, err error) {
	s.wire.update(func() {
		s.check()
		n, err = s.wire.put(s.side, b)
	})
	return n, err
}

// Watch is the Socket's.
func (s *socket) Watch(tell park.Bell) error {
	s.wire.update(func() {
		s.check()
		h := &s.wire.ends[s.side]
		h.bell, h.untold = tell, h.ended || len(h.arriving) > 0
	})
	return nil
}

// Peer is the Socket's.
func (s *socket) Peer() string { return s.wire.ends[1-s.side].addr.String() }

// Attach is the Socket's.
func (s *socket) Attach() (net.Conn, error) {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.check()
	if s.wire.ends[s.side].closed {
		return nil, errors.New("closed")
	}
	s.over = true
	s.wire.ends[s.side].bell = nil
	return &Conn{wire: s.wire, side: s.side}, nil
}

// Close is the Socket's.
func (s *socket) Close() {
	s.wire.mu.Lock()
	s.check()
	s.over = true
	s.wire.mu.Unlock()
	s.wire.hangUp(s.side)
}
