package park

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// room is what an exchange needs while it lasts, and an answer while it is written.
type room struct {
	in         [roomForPlain]byte
	asked      plainHeader // of the request
	header     http.Header // of the answer
	body       bytes.Buffer
	head, wire []byte
	date       []byte // of the answer before
	second     int64  // since 1970, in which that was
}

// keptRoom is how large a room may have grown to be kept for others.
const keptRoom = 64 << 10

func (l *Lot) room() *room {
	if m, ok := l.rooms.Get().(*room); ok {
		return m
	}
	m := new(room)
	m.renew()
	return m
}

// renew leaves what a handler has been given to whoever may still have it.
func (m *room) renew() {
	m.asked, m.header = plainHeader{}, make(http.Header)
}

// keep keeps a room for others.
func (l *Lot) keep(m *room) {
	m.asked.forget()
	clear(m.header)
	if max(m.body.Cap(), cap(m.wire)) <= keptRoom {
		l.rooms.Put(m)
	}
}

// plainBody is the body of a plain request, which is in a room. Nobody waits for more of it.
type plainBody struct {
	mu     sync.Mutex
	rest   []byte
	closed bool
}

// Read is io.Reader's.
func (b *plainBody) Read(into []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n := copy(into, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// Close is io.Closer's. Whoever has kept the body could read in it what comes into the room
// next.
func (b *plainBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest, b.closed = nil, true
	return nil
}

// dateAt is now as answers say it. Many say the same: they know nothing below a second.
func (m *room) dateAt(now time.Time) []byte {
	if second := now.Unix(); second != m.second || len(m.date) == 0 {
		m.second, m.date = second, now.UTC().AppendFormat(m.date[:0], http.TimeFormat)
	}
	return m.date
}
