package web

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// bodyTimeout is how long a client may take to send a body: ours are small.
	bodyTimeout = 10 * time.Second
	// writeTimeout is how long a client may take to accept writeChunk bytes of an answer.
	writeTimeout = 10 * time.Second
	writeChunk   = 16 << 10
	// maxBody is for whatever sets no limit of its own. The camera's frames are the largest.
	maxBody = 256 << 10
)

// bodyDeadline cuts off clients that announce a body and never send it. The deadline
// is lifted as soon as the body has come: net/http goes on reading, to notice that the
// client has gone, and a request may be held for longer than this.
func bodyDeadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength == 0 || r.Body == nil {
			return next(c)
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
		conn := http.NewResponseController(c.Response())
		if conn.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil { // some test doubles cannot
			lift := sync.OnceFunc(func() { _ = conn.SetReadDeadline(time.Time{}) }) // could be set, so can be lifted
			r.Body = &timedBody{r.Body, lift}
		}
		return next(c)
	}
}

// timedBody lifts its deadline at its end.
type timedBody struct {
	io.ReadCloser
	lift func()
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.lift()
	}
	return n, err
}

// writeDeadline cuts off clients that do not read their answers. http.Server's own
// WriteTimeout would begin with the request, and so end long polls and streams. It lifts
// ours after each request.
func writeDeadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := &timedWriter{ResponseWriter: c.Response().Writer, conn: http.NewResponseController(c.Response().Writer)}
		c.Response().Writer = w
		return next(c)
	}
}

// timedWriter gives each piece of an answer its time. The last deadline stands when the
// handler has returned: only then net/http sends what it has gathered.
type timedWriter struct {
	http.ResponseWriter
	conn *http.ResponseController
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

func (w *timedWriter) extend() { _ = w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) } // test doubles cannot
