package park

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// What follows is how a parked connection is a Spot for its guest.

// Ring is the Spot's.
func (p *parked) Ring() { p.post(rung) }

// RingNow is the Spot's. To wake another goroutine, and perhaps a processor for it, would
// take longer than to wake the guest here.
func (p *parked) RingNow() {
	if p.note(rung, lent) {
		p.run()
	}
}

// Alarm is the Spot's.
func (p *parked) Alarm(t time.Time) { p.lot.wheel.set(p, t) }

// Draining is the Spot's.
func (p *parked) Draining() bool { return p.lot.Draining() }

// Answer is the Spot's.
func (p *parked) Answer(status int, header http.Header, body []byte) {
	if p.done || p.isSocket {
		return
	}
	p.done = true
	p.keepAlive = p.keepAlive && header.Get("Connection") != "close" && !p.lot.Draining()
	m := p.lot.room()
	defer p.lot.keep(m)
	p.write(p.answer(m, status, header, len(body), body))
}

// Begin is the Spot's.
func (p *parked) Begin(header http.Header) {
	if p.done || p.isSocket {
		return
	}
	p.keepAlive = p.keepAlive && p.http11
	m := p.lot.room()
	defer p.lot.keep(m)
	p.write(p.answer(m, http.StatusOK, header, inPieces, nil))
}

// Send is the Spot's.
func (p *parked) Send(b []byte) {
	if len(b) == 0 || p.done {
		return
	}
	if !p.isSocket && p.http11 {
		b = chunk(b)
	}
	p.write(b)
}

// End is the Spot's.
func (p *parked) End() {
	if p.done {
		return
	}
	p.done = true
	switch {
	case p.isSocket:
		p.keepAlive = false
	case p.http11:
		p.write([]byte("0\r\n\r\n"))
	}
}

// write sends b. What does not fit into the socket is sent by this goroutine, if it is here
// for this connection alone, and else owed.
func (p *parked) write(b []byte) {
	if p.failed {
		return
	}
	if p.lot.owes(p) {
		p.lot.owe(p, b)
		return
	}
	n, err := p.socket.Write(b)
	if err == nil && n == len(b) {
		return
	}
	if !errors.Is(err, ErrAgain) {
		p.failed = true
		return
	}
	p.mu.Lock()
	isLent := p.state == lent
	p.mu.Unlock()
	if isLent {
		p.lot.owe(p, b[n:])
		return
	}
	if p.push(b[n:]) != nil {
		p.failed = true
	}
}

// push waits until b has been accepted, for writeTime.
func (p *parked) push(b []byte) error {
	p.handOver()
	c, err := p.socket.Attach()
	if err != nil {
		return err
	}
	defer p.lot.pushing(c)()
	_, err = c.Write(b)
	socket, copyErr := p.lot.copyOf(c)
	if copyErr != nil {
		p.socket = gone{}
		c.Close()
		return copyErr
	}
	p.socket = release(c, socket)
	p.watch()
	return err
}

// gone is the socket of a connection that was lost on its way.
type gone struct{}

func (gone) Read([]byte) (int, error)  { return 0, net.ErrClosed }
func (gone) Write([]byte) (int, error) { return 0, net.ErrClosed }
func (gone) Watch(Bell) error          { return net.ErrClosed }
func (gone) Peer() string              { return "" }
func (gone) Attach() (net.Conn, error) { return nil, net.ErrClosed }
func (gone) Close()                    {}
