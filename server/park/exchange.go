package park

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// This file serves the next request of a parked connection right here, if it is a plain
// one. It is answered by the handler of net/http's server; but its connection need not go back
// to that server, which would begin a goroutine, a reader and two buffers for it.

// exchange is a request that is served here, and its answer. To its handler it is the
// ResponseWriter and the context.
type exchange struct {
	parked *parked
	room   *room
	body   plainBody
	header http.Header
	status int  // 0: nothing is written yet
	untold bool // of what kind the body is
	begun  bool // the answer goes in pieces

	mu      sync.Mutex
	ctx     context.Context // nil: nobody has asked yet when it ends
	cancel  context.CancelFunc
	sending bool // the socket is in use, and may become another
	over    atomic.Bool
}

// pieceSize is how much of an answer a peer must accept in the time for it.
const pieceSize = 16 << 10

// serve serves what has come, or leaves it to net/http.
func (p *parked) serve() {
	m := p.lot.room()
	defer p.lot.keep(m)
	n, err := p.socket.Read(m.in[:])
	switch {
	case errors.Is(err, ErrAgain):
		p.rest()
		return
	case n == 0:
		p.hangUp()
		return
	case n == len(m.in):
		p.handOver()     // or a peer that fills its room each time would keep all others waiting
		p.post(readable) // there may be more
	}
	if r, body, ok := readPlain(m.in[:n], &m.asked); ok && n <= p.lot.largest {
		if r.RemoteAddr = p.socket.Peer(); r.RemoteAddr != "" {
			p.exchange(&r, body, m)
			return
		}
	}
	p.keep(m.in[:n])
	p.resume()
}

func (p *parked) exchange(r *http.Request, body []byte, m *room) {
	e := &exchange{parked: p, room: m, header: m.header, body: plainBody{rest: body}}
	if r.Body = http.NoBody; len(body) > 0 {
		r.Body = &e.body
	}
	m.body.Reset()
	p.done, p.keepAlive, p.http11 = false, !r.Close, true
	defer e.end()
	p.lot.server.Handler.ServeHTTP(e, r.WithContext(e))
	if asked := e.end(); asked {
		p.watch() // until now e was told
	}
	if p.guest != nil {
		p.enter()
		return
	}
	e.finish()
	if p.failed || !p.keepAlive || p.lot.Draining() {
		p.hangUp()
		return
	}
	p.rest()
}

// wait lets g wait on the connection. The handler is about to return, or, if it panics, g
// is gone.
func (e *exchange) wait(g Guest) {
	p := e.parked
	p.guest, p.fields = g, fieldsOf(e.header)
	p.keepAlive = p.keepAlive && !endsConnection(e.header)
}

// errOver is what a goroutine gets that a handler has left behind, and that still writes: the
// room is another's, and so may be the socket.
var errOver = errors.New("park: the handler has returned")

// Header is http.ResponseWriter's, as are the next two.
func (e *exchange) Header() http.Header {
	if e.over.Load() {
		return make(http.Header)
	}
	return e.header
}

// WriteHeader settles the header.
func (e *exchange) WriteHeader(status int) {
	if !e.over.Load() {
		e.settle(status)
	}
}

func (e *exchange) settle(status int) {
	if e.status != 0 || status < 200 { // there is nothing to say before the answer
		return
	}
	e.status = status
	e.parked.keepAlive = e.parked.keepAlive && !endsConnection(e.header)
	delete(e.header, "Transfer-Encoding") // with our Content-Length, the answer could be read in two ways
	if status == http.StatusNotModified {
		delete(e.header, "Content-Type")
	}
	_, told := e.header["Content-Type"]
	e.untold = !told && e.header.Get("Content-Encoding") == ""
	e.room.head = appendFields(e.room.head[:0], e.header)
}

func (e *exchange) Write(b []byte) (int, error) {
	if err := e.writable(); err != nil {
		return 0, err
	}
	return e.room.body.Write(b)
}

// WriteString is io.StringWriter's.
func (e *exchange) WriteString(s string) (int, error) {
	if err := e.writable(); err != nil {
		return 0, err
	}
	return e.room.body.WriteString(s)
}

func (e *exchange) writable() error {
	if e.over.Load() {
		return errOver
	}
	e.settle(http.StatusOK)
	if !hasBody(e.status) {
		return http.ErrBodyNotAllowed
	}
	return nil
}

// Flush sends what there is.
func (e *exchange) Flush() { _ = e.FlushError() }

// FlushError is http.ResponseController's. A stream whose peer does not read must end.
func (e *exchange) FlushError() error {
	if e.over.Load() {
		return errOver
	}
	e.flush()
	if e.parked.failed {
		return net.ErrClosed
	}
	return nil
}

func (e *exchange) flush() {
	e.settle(http.StatusOK)
	if !e.begun {
		e.begun = true
		e.send(e.start(inPieces))
	}
	if e.room.body.Len() > 0 {
		e.send(chunk(e.room.body.Bytes()))
		e.room.body.Reset()
	}
}

// finish sends the rest of the answer.
func (e *exchange) finish() {
	e.settle(http.StatusOK)
	if e.begun {
		e.flush()
		if hasBody(e.status) {
			e.send([]byte("0\r\n\r\n"))
		}
		return
	}
	body := e.room.body.Bytes()
	e.room.wire = append(e.start(len(body)), body...)
	e.send(e.room.wire)
}

// send sends b. Each piece has its time.
func (e *exchange) send(b []byte) {
	e.setSending(true)
	defer e.setSending(false)
	for len(b) > 0 {
		n := min(len(b), pieceSize)
		e.parked.write(b[:n])
		b = b[n:]
	}
}

func (e *exchange) setSending(is bool) {
	if e.over.Load() { // nobody watches any more
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sending = is
	if e.ctx != nil {
		e.watch() // a write to a slow peer has armed the socket for something else
	}
}

// start is the answer's head.
func (e *exchange) start(length int) []byte {
	e.parked.keepAlive = e.parked.keepAlive && !e.parked.lot.Draining()
	if !hasBody(e.status) {
		length = noBody
	} else if e.untold && e.room.body.Len() > 0 {
		e.room.head = append(append(append(e.room.head, "Content-Type: "...), http.DetectContentType(e.room.body.Bytes())...), "\r\n"...)
	}
	return e.parked.head(e.room, e.status, length)
}

// end is when the handler has returned, and tells whether anybody asked for it.
func (e *exchange) end() (asked bool) {
	if e.over.Swap(true) {
		return false
	}
	_ = e.body.Close() // the body is here: there is nothing that could fail
	e.mu.Lock()
	defer e.mu.Unlock()
	if asked = e.cancel != nil; asked {
		e.cancel()
		e.room.renew() // who asks for the end may have left a goroutine behind
	}
	return asked
}

// Done is context.Context's, as are the others. Most handlers never ask, so only then the
// connection is watched. Who asks is about to wait for something.
func (e *exchange) Done() <-chan struct{} {
	e.parked.handOver()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		e.ctx, e.cancel = context.WithCancel(e.parked.lot.life)
		e.watch()
	}
	return e.ctx.Done()
}

// watch asks to be told when the peer has gone, or does so when all is sent.
func (e *exchange) watch() {
	if e.over.Load() || !e.sending && (e.parked.failed || e.parked.socket.Watch(e) != nil) {
		e.cancel()
	}
}

// Ready is the Socket's. It may be told before Watch has returned, so it takes no lock; what
// it uses was there before. An event of what was armed before says nothing of the peer.
func (e *exchange) Ready(gone bool) {
	if gone {
		e.cancel()
	}
}

// Err tells whether it has ended.
func (e *exchange) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.ctx != nil:
		return e.ctx.Err()
	case e.over.Load():
		return context.Canceled
	}
	return nil
}

// Deadline is none.
func (e *exchange) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value knows the exchange itself, and what lets package context put its children below.
func (e *exchange) Value(key any) any {
	if key == (contextKey{}) {
		return e
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		return nil
	}
	return e.ctx.Value(key)
}
