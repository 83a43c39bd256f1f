package problem

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// Of gives the answer for any error that a handler or Echo itself returned. What
// nobody foresaw is a 500 that shows nothing of the error.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var he *echo.HTTPError
	if errors.As(err, &he) && he.Code >= 400 && he.Code < 600 {
		// Its message may be anything, the text of an inner error included.
		p = plain(he.Code)
		p.cause = err
		return p
	}
	if p, ok := fromLogin(err); ok {
		return p
	}
	return Internal(err)
}

// Write answers with the problem of err. It logs nothing.
func Write(c echo.Context, err error) error {
	p := Of(err)
	h := c.Response().Header()
	for _, challenge := range p.Challenges {
		h.Add(echo.HeaderWWWAuthenticate, challenge)
	}
	if p.RetryAfter > 0 {
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(seconds(p.RetryAfter)))
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	if c.Request().Method == http.MethodHead {
		return c.NoContent(p.Status)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.Blob(p.Status, "application/problem+json", body)
}

// seconds rounds up: a client that is too early only meets the limit again.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// ErrorHandler is an echo.HTTPErrorHandler for an Echo that has nothing but problems
// to tell. It logs those that are ours to mend: the route and never the URL, in which
// there are login ids and tickets.
func ErrorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		gone := errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil
		if p := Of(err); p.Status >= 500 && !gone {
			log.Error("request failed", "method", c.Request().Method, "route", c.Path(), "status", p.Status, "error", p.Error())
		}
		if c.Response().Committed {
			return
		}
		if err := Write(c, err); err != nil {
			log.Debug("answer not written", "route", c.Path(), "error", err)
		}
	}
}
