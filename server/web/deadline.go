package web

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// bodyTimeout is how long a client may take to send a body: ours are small.
const bodyTimeout = 10 * time.Second

// bodyDeadline cuts off clients that announce a body and never send it. The deadline
// is lifted as soon as the body has come: net/http goes on reading, to notice that the
// client has gone, and a request may be held for longer than this.
func bodyDeadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength == 0 || r.Body == nil {
			return next(c)
		}
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
