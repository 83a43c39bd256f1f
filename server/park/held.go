package park

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// held is a Spot on the goroutine of the request, or on two of their own for a WebSocket.
type held struct {
	lot   *Lot
	rung  chan struct{}
	alarm *time.Timer
	out   output
	over  bool // answered, ended, or failed
}

// output is where a held guest's answer goes.
type output interface {
	answer(status int, header http.Header, body []byte)
	begin(header http.Header)
	send(b []byte) error
	end()
}

func newHeld(l *Lot, out output) *held {
	return &held{lot: l, rung: make(chan struct{}, 1), alarm: time.NewTimer(farAway), out: out}
}

// hold lets g wait on the goroutine that calls it.
func (l *Lot) hold(w http.ResponseWriter, r *http.Request, g Guest) {
	h := newHeld(l, &answered{w: w, control: http.NewResponseController(w), patience: l.writeTime()})
	h.wait(r.Context().Done(), nil, g)
}

// Hold lets g wait until ctx ends, for an answer that somebody else writes: its Spot's
// methods for that do nothing but end the wait.
func (l *Lot) Hold(ctx context.Context, g Guest) {
	newHeld(l, silent{}).wait(ctx.Done(), nil, g)
}

type silent struct{}

func (silent) answer(int, http.Header, []byte) {}
func (silent) begin(http.Header)               {}
func (silent) send([]byte) error               { return nil }
func (silent) end()                            {}

// wait wakes g until it is over or the peer has gone, and gives it what is heard.
func (h *held) wait(gone <-chan struct{}, heard <-chan []byte, g Guest) {
	defer g.Gone()
	defer h.alarm.Stop()
	var draining chan struct{}
	if h.lot != nil {
		draining = h.lot.draining
	}
	for g.Wake(h); !h.over; {
		select {
		case b, ok := <-heard:
			if !ok {
				return
			}
			g.(Hearer).Hear(h, b)
			continue
		case <-h.rung:
		case <-h.alarm.C:
		case <-draining:
			draining = nil
		case <-gone:
			return
		}
		g.Wake(h)
	}
}

// Ring is the Spot's.
func (h *held) Ring() {
	select {
	case h.rung <- struct{}{}:
	default:
	}
}

// RingNow is the Spot's.
func (h *held) RingNow() { h.Ring() }

// Alarm is the Spot's.
func (h *held) Alarm(t time.Time) { h.alarm.Reset(time.Until(t)) }

// Draining is the Spot's.
func (h *held) Draining() bool { return h.lot.Draining() }

// Answer is the Spot's.
func (h *held) Answer(status int, header http.Header, body []byte) {
	if h.over {
		return
	}
	h.out.answer(status, header, body)
	h.over = true
}

// Begin is the Spot's.
func (h *held) Begin(header http.Header) {
	if !h.over {
		h.out.begin(header)
	}
}

// Send is the Spot's.
func (h *held) Send(b []byte) {
	if !h.over && len(b) > 0 && h.out.send(b) != nil {
		h.over = true
	}
}

// End is the Spot's.
func (h *held) End() {
	if !h.over {
		h.over = true
		h.out.end()
	}
}

// answered writes to net/http.
type answered struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

func (a *answered) answer(status int, header http.Header, body []byte) {
	maps.Copy(a.w.Header(), header)
	a.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	a.w.WriteHeader(status)
	_, _ = a.w.Write(body) // it is the last, whatever becomes of it
}

func (a *answered) begin(header http.Header) {
	maps.Copy(a.w.Header(), header)
	a.w.WriteHeader(http.StatusOK)
}

// send sends b whole and at once. The deadline is set for this only: with HTTP/2, one left
// standing resets the stream at its hour, though nothing is being written.
func (a *answered) send(b []byte) error {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.patience)) // a test's recorder has none
	_, err := a.w.Write(b)
	if err == nil {
		err = a.control.Flush()
	}
	if err == nil {
		_ = a.control.SetWriteDeadline(time.Time{})
	}
	return err
}

func (a *answered) end() {}

// Adopt lets g wait on a connection that was hijacked from http.Server, and for which rest
// was read already. It returns at once; the connection is g's until it is gone.
func (l *Lot) Adopt(c net.Conn, rest []byte, g Hearer) {
	place := l.arrived()
	if wrapped, ok := c.(*conn); ok && l != nil {
		if socket, err := l.copyOf(wrapped); err == nil {
			if wrapped.take() {
				p := &parked{lot: l, place: place, guest: g, isSocket: true, socket: release(wrapped.Conn, socket)}
				p.keep(rest)
				go p.begin()
				return
			}
			if socket != nil {
				socket.Close() // a copy
			}
		}
	}
	h := newHeld(l, rawOutput{c, l.writeTime()})
	heard, over := make(chan []byte, heardAhead), make(chan struct{})
	if len(rest) > 0 {
		heard <- bytes.Clone(rest)
	}
	go listen(c, heard, over)
	go func() {
		defer l.left()
		defer l.report()
		defer close(over)
		defer c.Close()
		h.wait(l.closing(), heard, g)
	}()
}

// report keeps the panic of one guest from ending all others.
func (l *Lot) report() {
	if value := recover(); value != nil && l != nil {
		l.trouble(panicked(value))
	}
}

// closing is closed by Close.
func (l *Lot) closing() <-chan struct{} {
	if l == nil {
		return nil
	}
	return l.closed
}

// heardAhead is how many pieces are read while the guest is busy, perhaps with writing to a
// peer who reads only when it has written.
const heardAhead = 16

// listen reads what the peer sends, until that has no more.
func listen(c net.Conn, heard chan<- []byte, over <-chan struct{}) {
	defer close(heard)
	for b := make([]byte, 4<<10); ; {
		n, err := c.Read(b)
		if n > 0 {
			select {
			case heard <- bytes.Clone(b[:n]):
			case <-over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// rawOutput writes to a hijacked connection.
type rawOutput struct {
	net.Conn
	patience time.Duration
}

func (rawOutput) answer(int, http.Header, []byte) {}
func (rawOutput) begin(http.Header)               {}

func (r rawOutput) send(b []byte) error {
	if err := r.SetWriteDeadline(time.Now().Add(r.patience)); err != nil {
		return err
	}
	_, err := r.Write(b)
	return err
}

func (r rawOutput) end() {}
