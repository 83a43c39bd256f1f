package web

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// closeAmbiguous ends the connection after a request with Transfer-Encoding. Where a
// proxy and we disagree about the end of a body, the next request on that connection
// would be an attacker's (request smuggling).
func closeAmbiguous(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(c.Request().TransferEncoding) > 0 {
			c.Response().Header().Set("Connection", "close")
		}
		return next(c)
	}
}

// panicError keeps the stack of a panic for the log and out of the answer.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %T", p.value) }

// recovery turns a panic into an error. The panic's value is not logged: it may hold
// a request.
func recovery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = &panicError{value: value, stack: debug.Stack()}
			}
		}()
		return next(c)
	}
}

// observe logs and counts requests by their route. Paths and queries are never
// logged: they hold login ids, scan codes and tickets.
func observe(log *slog.Logger, m *Metrics) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			began := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err) // write the answer now, so that its status can be logged
			}
			route, status := c.Path(), c.Response().Status
			if route == "" {
				route = "unknown"
			}
			m.Requests.WithLabelValues(route, fmt.Sprint(status/100)+"xx").Inc()
			level := slog.LevelDebug
			attrs := []slog.Attr{
				slog.String("method", method(c.Request().Method)), slog.String("route", route), slog.Int("status", status),
				slog.Duration("took", time.Since(began)), slog.String("addr", c.RealIP()),
			}
			if status >= 500 {
				level = slog.LevelError
				attrs = append(attrs, slog.Any("error", err))
				if p, ok := err.(*panicError); ok { //nolint:errorlint // recovery wraps nothing
					attrs = append(attrs, slog.String("stack", string(p.stack)))
				}
			}
			log.LogAttrs(c.Request().Context(), level, "request", attrs...)
			return nil
		}
	}
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

// drain answers every waiting request when draining ends, in its own protocol: each
// takes the end of its context for the end of its patience.
func drain(draining context.Context) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !slices.Contains(waiting, c.Path()) {
				return next(c)
			}
			ctx, cancel := context.WithCancel(c.Request().Context())
			defer cancel()
			defer context.AfterFunc(draining, cancel)()
			c.SetRequest(c.Request().WithContext(ctx))
			return next(c)
		}
	}
}
