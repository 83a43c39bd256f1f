package web

import (
	"cmp"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// writeChunk is how much of an answer a client must accept in the time for it.
const writeChunk = 16 << 10

// deadlines cut off clients that do nothing.
type deadlines struct {
	bodyBytes   int64
	body, write time.Duration
}

func newDeadlines(l Limits) deadlines {
	standard := DefaultLimits()
	return deadlines{
		bodyBytes: int64(cmp.Or(l.BodyBytes, standard.BodyBytes)),
		body:      cmp.Or(l.BodyTimeout, standard.BodyTimeout), write: cmp.Or(l.WriteTimeout, standard.WriteTimeout),
	}
}

// connection is what net/http's ResponseWriters let one say of theirs.
type connection interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// set gives a request its deadlines. Who answers a parked connection has none to set: the
// request is here, and its park.Lot times what is sent.
func (d deadlines) set(c echo.Context) {
	r, to := c.Request(), c.Response().Writer
	sends := r.ContentLength != 0 && r.Body != nil
	if sends && (r.ContentLength > d.bodyBytes || r.ContentLength < 0) { // else net/http gives no more than was announced
		r.Body = http.MaxBytesReader(c.Response(), r.Body, d.bodyBytes)
	}
	conn, ok := to.(connection)
	if !ok {
		return
	}
	c.Response().Writer = &timedWriter{ResponseWriter: to, conn: conn, timeout: d.write}
	if sends {
		r.Body = timeBody(r.Body, conn, d.body)
	}
}

// timeBody cuts off clients that announce a body and never send it, or one without end. Most
// of whatever reads bodies allows less; the camera's frames are the largest. The deadline is
// lifted as soon as the body has come: net/http goes on reading, to notice that the client
// has gone, and a request may be held for longer than this.
func timeBody(body io.ReadCloser, conn connection, timeout time.Duration) io.ReadCloser {
	if conn.SetReadDeadline(time.Now().Add(timeout)) == nil {
		return &timedBody{ReadCloser: body, conn: conn}
	}
	return body // its connection has gone
}

// timedBody lifts its deadline at its end.
type timedBody struct {
	io.ReadCloser
	conn connection
	over bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && !b.over {
		b.over = true
		_ = b.conn.SetReadDeadline(time.Time{}) // could be set, so can be lifted
	}
	return n, err
}

// timedWriter cuts off clients that do not read their answers. http.Server's own
// WriteTimeout would begin with the request, and so end long polls and streams. It lifts
// ours after each request.
//
// Each piece of an answer has its time. The last deadline stands when the handler has
// returned: only then net/http sends what it has gathered.
type timedWriter struct {
	http.ResponseWriter
	conn    connection
	timeout time.Duration
	set     time.Time // the deadline was, by extend; zero: by somebody else, or never
}

// Unwrap leads http.ResponseController to what it can do.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timedWriter) WriteHeader(status int) {
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *timedWriter) Write(b []byte) (written int, err error) {
	for {
		w.extend()
		n, err := w.ResponseWriter.Write(b[:min(len(b), writeChunk)])
		written += n
		if b = b[n:]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// SetWriteDeadline is for who has a deadline of its own for something. The next piece has
// ours again.
func (w *timedWriter) SetWriteDeadline(t time.Time) error {
	w.set = time.Time{}
	return w.conn.SetWriteDeadline(t)
}

// extend leaves a deadline that was set a moment ago: most answers are a header and one
// piece right behind it.
func (w *timedWriter) extend() {
	now := time.Now()
	if w.set.IsZero() || now.Sub(w.set) > w.timeout/16 {
		w.set = now
		_ = w.conn.SetWriteDeadline(now.Add(w.timeout)) // a write will fail if this does
	}
}
