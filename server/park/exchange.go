package park

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
	"unique"
)

// This file serves the next request of a parked connection right here, if it is a plain
// one. It is read by net/http's parser, and answered by the same handler; but its connection
// need not go back to a server that would begin a goroutine, a reader and two buffers for it.

// exchange is a request that is served here, and its answer. To its handler it is the
// ResponseWriter and the context.
type exchange struct {
	parked *parked
	room   *room
	header http.Header
	status int  // 0: nothing is written yet
	untold bool // of what kind the body is
	begun  bool // the answer goes in pieces

	guest  Guest // who waits on this connection, from now on
	fields unique.Handle[string]

	mu     sync.Mutex
	ctx    context.Context // nil: nobody has asked yet when it ends
	cancel context.CancelFunc
	over   bool
}

// room is what an exchange needs while it lasts.
type room struct {
	in         [roomForPlain]byte
	from       bytes.Reader
	reader     *bufio.Reader
	head, body bytes.Buffer
	wire       []byte
}

// keptRoom is how large a body may be whose room is kept for others.
const keptRoom = 64 << 10

func newRoom() any { return &room{reader: bufio.NewReaderSize(nil, roomForPlain)} }

// request reads the first n bytes. It is nil if net/http finds fault with them.
func (m *room) request(n int) *http.Request {
	m.from.Reset(m.in[:n])
	m.reader.Reset(&m.from)
	r, err := http.ReadRequest(m.reader)
	if err != nil {
		return nil
	}
	return r
}

// serve serves what has come, or leaves it to net/http.
func (p *parked) serve() {
	m := p.lot.rooms.Get().(*room)
	defer func() {
		if m.body.Cap() <= keptRoom {
			p.lot.rooms.Put(m)
		}
	}()
	n, err := p.socket.Read(m.in[:])
	switch {
	case errors.Is(err, ErrAgain):
		p.rest()
		return
	case n == 0:
		p.hangUp()
		return
	}
	if peer := p.socket.Peer(); peer != "" && n <= p.lot.largest && isPlain(m.in[:n]) {
		if r := m.request(n); r != nil {
			r.RemoteAddr = peer
			p.exchange(r, m)
			return
		}
	}
	p.keep(m.in[:n])
	p.resume()
}

func (p *parked) exchange(r *http.Request, m *room) {
	e := &exchange{parked: p, room: m, header: make(http.Header)}
	m.head.Reset()
	m.body.Reset()
	p.done, p.keepAlive, p.http11 = false, !r.Close, true
	defer e.end()
	p.lot.server.Handler.ServeHTTP(e, r.WithContext(e))
	e.end()
	if e.guest != nil {
		p.guest, p.fields = e.guest, e.fields
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

// wait lets g wait on the connection. The handler is about to return.
func (e *exchange) wait(g Guest) {
	e.guest, e.fields = g, unique.Make(fieldsOf(e.header))
	e.parked.keepAlive = e.parked.keepAlive && e.header.Get("Connection") != "close"
}

// Header is http.ResponseWriter's, as are the next two.
func (e *exchange) Header() http.Header { return e.header }

// WriteHeader settles the header.
func (e *exchange) WriteHeader(status int) {
	if e.status != 0 || status < 200 { // there is nothing to say before the answer
		return
	}
	e.status = status
	e.parked.keepAlive = e.parked.keepAlive && e.header.Get("Connection") != "close" && !e.parked.lot.Draining()
	e.untold = e.header.Get("Content-Type") == "" && e.header.Get("Content-Encoding") == ""
	_ = e.header.WriteSubset(&e.room.head, e.parked.lot.ours) // a Buffer takes everything
}

func (e *exchange) Write(b []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	if !hasBody(e.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return e.room.body.Write(b)
}

// WriteString is io.StringWriter's.
func (e *exchange) WriteString(s string) (int, error) {
	e.WriteHeader(http.StatusOK)
	if !hasBody(e.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return e.room.body.WriteString(s)
}

// Flush sends what there is.
func (e *exchange) Flush() {
	e.WriteHeader(http.StatusOK)
	if !e.begun {
		e.begun = true
		e.parked.write(e.start(inPieces))
	}
	if e.room.body.Len() > 0 && hasBody(e.status) {
		e.parked.write(chunk(e.room.body.Bytes()))
		e.room.body.Reset()
	}
}

// finish sends the rest of the answer.
func (e *exchange) finish() {
	e.WriteHeader(http.StatusOK)
	if e.begun {
		e.Flush()
		if hasBody(e.status) {
			e.parked.write([]byte("0\r\n\r\n"))
		}
		return
	}
	body := e.room.body.Bytes()
	e.room.wire = append(e.start(len(body)), body...)
	e.parked.write(e.room.wire)
}

// start is the answer's head.
func (e *exchange) start(length int) []byte {
	if !hasBody(e.status) {
		length = noBody
	} else if e.untold && e.room.body.Len() > 0 {
		e.room.head.WriteString("Content-Type: " + http.DetectContentType(e.room.body.Bytes()) + "\r\n")
	}
	return e.parked.appendHead(e.room.wire[:0], e.status, e.room.head.Bytes(), length)
}

// end is when the handler has returned.
func (e *exchange) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.cancel != nil {
		e.cancel()
	}
}

// Done is context.Context's, as are the others. Most handlers never ask, so only then the
// connection is watched.
func (e *exchange) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		e.ctx, e.cancel = context.WithCancel(context.Background())
		if e.over || e.parked.socket.Arm(false, e) != nil {
			e.cancel()
		}
	}
	return e.ctx.Done()
}

// Ready is the Socket's: the peer has gone. It may be told so before Arm has returned, so it
// takes no lock; what it uses was there before.
func (e *exchange) Ready(bool) { e.cancel() }

// Err tells whether it has ended.
func (e *exchange) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		return nil
	}
	return e.ctx.Err()
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
