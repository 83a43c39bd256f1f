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

// Render is the answer with the problem of err, for who cannot use [Write].
func Render(err error) (status int, header http.Header, body []byte) {
	p := Of(err)
	header = http.Header{
		echo.HeaderCacheControl:        {"no-store"},
		echo.HeaderXContentTypeOptions: {"nosniff"},
		echo.HeaderContentType:         {"application/problem+json"},
	}
	for _, challenge := range p.Challenges {
		header.Add(echo.HeaderWWWAuthenticate, challenge)
	}
	if p.RetryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(seconds(p.RetryAfter)))
	}
	body, _ = json.Marshal(p) // it has but texts and a number
	return p.Status, header, body
}

// Write answers with the problem of err. It logs nothing.
func Write(c echo.Context, err error) error {
	status, header, body := Render(err)
	for name, values := range header {
		c.Response().Header()[name] = values
	}
	if c.Request().Method == http.MethodHead {
		return c.NoContent(status)
	}
	c.Response().WriteHeader(status)
	_, err = c.Response().Write(body)
	return err
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
