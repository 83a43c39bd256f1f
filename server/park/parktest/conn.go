package parktest

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"qrlatch/server/park"
)

// wire is a connection with its two ends.
type wire struct {
	mu      sync.Mutex
	changed *sync.Cond
	limit   int
	quiet   bool // no bell is rung
	ends    [2]half
}

// half is an end, and what is on its way to it.
type half struct {
	addr     net.Addr
	arriving []byte
	ended    bool // nothing comes after that
	closed   bool // nobody reads that

	bell   park.Bell // nil: nobody is told
	untold bool      // of something that has come, or of the end
}

func (h *half) end() { h.untold, h.ended = h.untold || !h.ended, true }

func newWire(limit int, client, server net.Addr) *wire {
	w := &wire{limit: max(1, limit)}
	w.changed = sync.NewCond(&w.mu)
	w.ends[0].addr, w.ends[1].addr = client, server
	return w
}

// update changes the wire, and tells everybody who waits for a change.
func (w *wire) update(change func()) {
	w.mu.Lock()
	change()
	w.changed.Broadcast()
	if w.quiet {
		w.mu.Unlock()
		return
	}
	var bells [2]park.Bell
	for i := range w.ends {
		h := &w.ends[i]
		if h.bell != nil && h.untold {
			bells[i], h.untold = h.bell, false
		}
	}
	gone := [2]bool{w.ends[0].ended, w.ends[1].ended}
	w.mu.Unlock()
	for i, bell := range bells {
		if bell != nil {
			bell.Ready(gone[i])
		}
	}
}

// take reads what has arrived at an end, if anything has. Call it with mu held.
func (w *wire) take(side int, b []byte) (n int, err error) {
	h := &w.ends[side]
	switch {
	case h.closed:
		return 0, net.ErrClosed
	case len(h.arriving) > 0:
		n = copy(b, h.arriving)
		if h.arriving = slices.Delete(h.arriving, 0, n); len(h.arriving) == 0 {
			h.arriving = nil // who only waits costs nothing
		}
		return n, nil
	case h.ended:
		return 0, io.EOF
	}
	return 0, park.ErrAgain
}

// put writes what there is room for. Call it with mu held.
func (w *wire) put(side int, b []byte) (n int, err error) {
	to := &w.ends[1-side]
	switch {
	case w.ends[side].closed || to.ended:
		return 0, net.ErrClosed
	case to.closed:
		return 0, syscall.EPIPE
	}
	n = min(len(b), w.limit-len(to.arriving))
	to.arriving = append(to.arriving, b[:n]...)
	to.untold = to.untold || n > 0
	if n < len(b) {
		return n, park.ErrAgain
	}
	return n, nil
}

func (w *wire) hangUp(side int) {
	w.update(func() {
		w.ends[side].closed, w.ends[side].bell, w.ends[side].arriving = true, nil, nil
		w.ends[1-side].end()
	})
}

// Conn is an end of a connection.
type Conn struct {
	wire *wire
	side int

	// What follows is guarded by the wire's mu.
	given                 bool // to a Socket
	readUntil, writeUntil time.Time
	readAlarm, writeAlarm *time.Timer
}

// Detach makes the connection a Socket.
func (c *Conn) Detach() (park.Socket, error) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.given || c.wire.ends[c.side].closed {
		return nil, net.ErrClosed
	}
	c.given = true
	for _, alarm := range []*time.Timer{c.readAlarm, c.writeAlarm} {
		if alarm != nil {
			alarm.Stop()
		}
	}
	c.wire.changed.Broadcast() // whoever reads it had better not
	return &socket{wire: c.wire, side: c.side}, nil
}

// wait has try move bytes until all are moved, or until. Both ends may wait at once.
func (c *Conn) wait(op string, until *time.Time, try func() (done bool, err error)) error {
	w := c.wire
	for {
		var done bool
		var err error
		moved := false
		w.mu.Lock()
		for !moved {
			switch {
			case c.given:
				err = net.ErrClosed
			case !until.IsZero() && !time.Now().Before(*until):
				err = os.ErrDeadlineExceeded
			default:
				if done, err = try(); err == park.ErrAgain { //nolint:errorlint // it is the wire's
					w.changed.Wait()
					err = nil
					continue
				}
			}
			moved = true
		}
		w.mu.Unlock()
		if err != nil && !errors.Is(err, io.EOF) {
			return &net.OpError{Op: op, Net: "memory", Err: err}
		}
		w.update(func() {})
		if done || err != nil {
			return err
		}
	}
}

// Read reads what has arrived, when something has.
func (c *Conn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	err = c.wait("read", &c.readUntil, func() (bool, error) {
		n, err = c.wire.take(c.side, b)
		return true, err
	})
	return n, err
}

// Write returns when all of b is on its way.
func (c *Conn) Write(b []byte) (n int, err error) {
	err = c.wait("write", &c.writeUntil, func() (bool, error) {
		put, err := c.wire.put(c.side, b[n:])
		if n += put; put > 0 {
			err = nil
		}
		return n == len(b), err
	})
	return n, err
}

// Close closes the connection, unless it was given away.
func (c *Conn) Close() error {
	c.wire.mu.Lock()
	given := c.given
	c.wire.mu.Unlock()
	if !given {
		c.wire.hangUp(c.side)
	}
	return nil
}

// IsHungUp tells whether the other end was closed, though not all of what it sent may
// have been read.
func (c *Conn) IsHungUp() bool {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	return c.wire.ends[1-c.side].closed
}

// CloseWrite ends what the other end reads.
func (c *Conn) CloseWrite() error {
	c.wire.update(func() { c.wire.ends[1-c.side].end() })
	return nil
}

// Together makes of all that f does with the connection one event to who has armed it.
func (c *Conn) Together(f func()) {
	c.wire.update(func() { c.wire.quiet = true })
	f()
	c.wire.update(func() { c.wire.quiet = false })
}

// LocalAddr and RemoteAddr are as the Listener was told.
func (c *Conn) LocalAddr() net.Addr { return c.wire.ends[c.side].addr }

// RemoteAddr is the other end's.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.ends[1-c.side].addr }

// SetDeadline sets both.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // they cannot fail
	return c.SetWriteDeadline(t)
}

// SetReadDeadline is net.Conn's.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.deadline(&c.readUntil, &c.readAlarm, t)
	return nil
}

// SetWriteDeadline is net.Conn's.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.deadline(&c.writeUntil, &c.writeAlarm, t)
	return nil
}

func (c *Conn) deadline(until *time.Time, alarm **time.Timer, t time.Time) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if *alarm != nil {
		(*alarm).Stop()
	}
	*until, *alarm = t, nil
	if c.given || t.IsZero() {
		return
	}
	if left := time.Until(t); left > 0 {
		*alarm = time.AfterFunc(left, func() {
			c.wire.mu.Lock()
			defer c.wire.mu.Unlock()
			c.wire.changed.Broadcast()
		})
		return
	}
	c.wire.changed.Broadcast()
}
