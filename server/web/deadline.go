package web

import (
	"cmp"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// writeChunk is how much of an answer a client must accept in the time for it.
const writeChunk = 16 << 10

// bodyDeadline cuts off clients that announce a body and never send it, or one without
// end. Most of whatever reads bodies allows less; the camera's frames are the largest.
// The deadline is lifted as soon as the body has come: net/http goes on reading, to notice
// that the client has gone, and a request may be held for longer than this.
func bodyDeadline(l Limits) echo.MiddlewareFunc {
	most := int64(cmp.Or(l.BodyBytes, DefaultLimits().BodyBytes))
	timeout := cmp.Or(l.BodyTimeout, DefaultLimits().BodyTimeout)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if r.ContentLength == 0 || r.Body == nil {
				return next(c)
			}
			r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
			conn := http.NewResponseController(c.Response())
			if conn.SetReadDeadline(time.Now().Add(timeout)) == nil { // some test doubles cannot
				lift := sync.OnceFunc(func() { _ = conn.SetReadDeadline(time.Time{}) }) // could be set, so can be lifted
				r.Body = &timedBody{r.Body, lift}
			}
			return next(c)
		}
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
func writeDeadline(timeout time.Duration) echo.MiddlewareFunc {
	timeout = cmp.Or(timeout, DefaultLimits().WriteTimeout)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			to := c.Response().Writer
			c.Response().Writer = &timedWriter{ResponseWriter: to, conn: http.NewResponseController(to), timeout: timeout}
			return next(c)
		}
	}
}

// timedWriter gives each piece of an answer its time. The last deadline stands when the
// handler has returned: only then net/http sends what it has gathered.
type timedWriter struct {
	http.ResponseWriter
	conn    *http.ResponseController
	timeout time.Duration
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

func (w *timedWriter) extend() { _ = w.conn.SetWriteDeadline(time.Now().Add(w.timeout)) } // test doubles cannot
