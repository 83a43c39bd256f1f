package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// front is what every request passes before its handler. It asks Echo's router by itself
// and is no middleware, because Echo makes a function of each for every request.
type front struct {
	echo     *echo.Echo
	log      *slog.Logger
	requests requests
	hosts    hosts
	limits   deadlines
	draining context.Context // may be nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := f.echo.AcquireContext()
	defer f.echo.ReleaseContext(c)
	c.Reset(r, w)
	defer c.SetRequest(nil) // by then it is somebody else's, and a goroutine left behind must not find it
	err := recovered(func() error { return f.pass(c) })
	if err != nil {
		// Write the answer now, so that its status can be logged.
		_ = recovered(func() error { c.Error(err); return nil })
	}
	f.observe(c, err, began)
}

// recovered turns a panic into an error. The panic's value is not logged: it may hold a
// request.
func recovered(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return do()
}

func (f *front) pass(c echo.Context) error {
	r := c.Request()
	closeAmbiguous(c)
	f.limits.set(c)
	if !f.hosts.know(r) {
		return c.String(http.StatusMisdirectedRequest, "This server does not answer for that host.\n")
	}
	f.echo.Router().Find(r.Method, echo.GetPath(r), c)
	if f.draining != nil && slices.Contains(waiting, c.Path()) {
		defer f.drain(c)()
	}
	return c.Handler()(c)
}

// closeAmbiguous ends the connection after a request with Transfer-Encoding. Where a
// proxy and we disagree about the end of a body, the next request on that connection
// would be an attacker's (request smuggling).
func closeAmbiguous(c echo.Context) {
	if len(c.Request().TransferEncoding) > 0 {
		c.Response().Header().Set("Connection", "close")
	}
}

// panicError keeps the stack of a panic for the log and out of the answer.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %T", p.value) }

// observe logs and counts requests by their route. Paths and queries are never
// logged: they hold login ids, scan codes and tickets.
func (f *front) observe(c echo.Context, err error, began time.Time) {
	route, status := c.Path(), c.Response().Status
	if route == "" {
		route = "unknown"
	}
	f.requests.count(route, status)
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelError
	}
	ctx := c.Request().Context()
	if !f.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", method(c.Request().Method)), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", time.Since(began)), slog.String("addr", c.RealIP()),
	}
	if status >= 500 {
		attrs = append(attrs, slog.Any("error", err))
		if p, ok := err.(*panicError); ok { //nolint:errorlint // recovered wraps nothing
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	f.log.LogAttrs(ctx, level, "request", attrs...)
}

// method keeps invented methods out of the log.
func method(name string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, name) {
		return name
	}
	return "other"
}

// waiting are the routes that hold a request on its goroutine until something happens. The
// dialects wait in a park.Lot, which knows how to drain.
var waiting = []string{"/v1/scans/:id", "/phone/scans/:id/state"}

// drain answers a waiting request when draining ends, in its own protocol: each takes the
// end of its context for the end of its patience. Call done after it.
func (f *front) drain(c echo.Context) (done func()) {
	ctx, cancel := context.WithCancel(c.Request().Context())
	stop := context.AfterFunc(f.draining, cancel)
	c.SetRequest(c.Request().WithContext(ctx))
	return func() {
		stop()
		cancel()
	}
}
