package park

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// This file is the way out of net/http and back. Connections come to http.Server through
// Listener, and come back through it when a parked one is readable.

// Detacher is a connection that knows how to become a Socket. It must not be used
// afterwards, and is not closed by it.
type Detacher interface{ Detach() (Socket, error) }

// conn is a connection of http.Server that can be parked. Between two requests it is
// parked by itself: to net/http, whose reader waits for the next one, it then seems to be
// at its end, and net/http forgets it, goroutine, buffers and all.
type conn struct {
	net.Conn
	lot   *Lot
	first []byte // read while it was parked
	odd   bool   // it has been parked, and came back with what is not a plain request

	// What follows is for the goroutine that serves it, but for taken.
	size  int       // of net/http's empty buffer
	phase phase     // what net/http is doing
	until time.Time // when net/http would end an idle connection

	mu    sync.Mutex
	taken bool // the connection is somebody else's now
}

// phase tells the pause between two requests from everything else. net/http reports the
// pause, then sets a deadline for it, and sets another one as soon as there are bytes.
type phase uint8

const (
	busy phase = iota
	pausing
	idle
)

// acceptPause is how long nothing is accepted when it cannot be.
const acceptPause = 50 * time.Millisecond

type contextKey struct{}

// Serve makes s take its connections from inner, and park them here. It returns what
// s.Serve returns. s must not be serving already, and must have no ConnState or
// ConnContext. The headers of a request and of its answer are the handler's until it returns,
// unless it has asked for its context's end; and no Write of another goroutine may be under
// way when it does.
func (l *Lot) Serve(s *http.Server, inner net.Listener) error {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*conn); ok {
			return context.WithValue(ctx, contextKey{}, c)
		}
		return ctx
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok && state == http.StateIdle {
			c.phase = pausing
		}
	}
	l.server = s
	if s.MaxHeaderBytes > 0 {
		l.largest = min(l.largest, s.MaxHeaderBytes)
	}
	outer := &listener{Listener: inner, lot: l, accepted: make(chan accepted), closed: make(chan struct{})}
	go outer.accept()
	return s.Serve(outer)
}

// listener gives http.Server new connections and those that come back.
type listener struct {
	net.Listener
	lot      *Lot
	accepted chan accepted
	once     sync.Once
	closed   chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

// accept waits by itself when there are no descriptors left: http.Server would, and with
// it those who come back, who need none.
func (l *listener) accept() {
	for {
		c, err := l.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.lot.trouble(err)
			select {
			case <-time.After(acceptPause):
			case <-l.closed:
			}
			continue
		}
		select {
		case l.accepted <- accepted{c, err}:
		case <-l.closed:
			if c != nil {
				c.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		if a.err != nil || !l.lot.canDetach(a.conn) {
			return a.conn, a.err
		}
		return &conn{Conn: a.conn, lot: l.lot}, nil
	case c := <-l.lot.resumed:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// deliver gives a connection back to the server, or hangs up if that takes no more.
func (l *Lot) deliver(c *conn) {
	if l.Draining() || l.isClosed() {
		c.Close()
		return
	}
	select {
	case l.resumed <- c:
	case <-l.draining:
		c.Close()
	case <-l.closed:
		c.Close()
	}
}

func (l *Lot) canDetach(c net.Conn) bool {
	switch c.(type) {
	case Detacher:
		return true
	case syscall.Conn:
		if !canPoll {
			return false
		}
		_, err := l.poller()
		return err == nil
	}
	return false
}

// copyOf takes the first step to a Socket of a connection, the one that may fail: it copies
// the descriptor, and changes nothing for who has the connection. A Detacher needs none.
func (l *Lot) copyOf(c net.Conn) (Socket, error) {
	if wrapped, ok := c.(*conn); ok {
		c = wrapped.Conn
	}
	if _, ok := c.(Detacher); ok {
		return nil, nil
	}
	poll, err := l.poller()
	if err != nil {
		return nil, err
	}
	return poll.copyOf(c)
}

// release takes the second step: c is not used any more.
func release(c net.Conn, copied Socket) Socket {
	if d, ok := c.(Detacher); ok {
		if socket, err := d.Detach(); err == nil {
			return socket
		}
		copied = gone{}
	}
	c.Close()
	return copied
}

// SetReadDeadline is called by net/http for an idle connection: that long it may idle
// here, too, but only idleGrace of it with a goroutine.
func (c *conn) SetReadDeadline(t time.Time) error {
	if c.phase == pausing {
		c.phase, c.until = idle, t
		t = time.Now() // the next request is served here, if it is a plain one
		if c.odd {
			t = t.Add(idleGrace)
		}
	} else if c.phase != busy { // a reader in the background may look at it at this moment
		c.phase = busy
	}
	return c.Conn.SetReadDeadline(t)
}

// Read is net/http's reader. The room that it offers tells whether it holds bytes of a
// next request already: only an empty buffer is as large as that of the first Read.
func (c *conn) Read(b []byte) (int, error) {
	if c.size == 0 {
		c.size = len(b)
	}
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if c.phase != idle || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if len(b) == c.size && c.lot.parkIdle(c) {
		return 0, net.ErrClosed
	}
	// Some of the next request is in the buffer: it is net/http's business.
	c.phase = busy
	if err := c.Conn.SetReadDeadline(c.until); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Close does nothing to a connection that net/http only believes it has.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		return nil
	}
	c.taken = true
	return c.Conn.Close()
}

// CloseWrite lets net/http say that nothing more comes, before it hangs up on somebody who
// is still sending.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// take makes the connection the caller's, unless it is closed.
func (c *conn) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.taken
	c.taken = true
	return !was
}

// parkIdle parks a connection between two requests.
func (l *Lot) parkIdle(c *conn) bool {
	if l.Draining() || l.isClosed() {
		return false
	}
	socket, err := l.copyOf(c)
	if err != nil {
		return false
	}
	place := l.arrived()
	if !c.take() {
		if socket != nil {
			socket.Close()
		}
		l.left()
		return false
	}
	p := &parked{lot: l, place: place, socket: release(c.Conn, socket)}
	p.beginIdle()
	return true
}
