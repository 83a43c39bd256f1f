// Package problem is the one way in which the JSON interfaces say that something
// went wrong: application/problem+json, RFC 9457. A Problem is an error, so that
// handlers return it and the Echo's error handler writes it with [Write].
package problem

import (
	"net/http"
	"strings"
	"time"
)

// Problem is an error with an answer for the client. Everything in it but the cause
// is public: never put a secret or the text of an inner error there.
type Problem struct {
	Type   string `json:"type"` // stable: clients compare it. A path, or about:blank
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"` // for people: what to do next

	RetryAfter time.Duration `json:"-"` // sent as Retry-After; 0: not sent
	Challenges []string      `json:"-"` // sent as WWW-Authenticate, one line each
	cause      error         // for the log
}

// Error makes Problem an error. Its text is for logs.
func (p *Problem) Error() string {
	text := strings.ToLower(p.Title)
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Unwrap returns what went wrong inside.
func (p *Problem) Unwrap() error { return p.cause }

// WithDetail returns a copy that tells the client something more to the point.
func (p *Problem) WithDetail(detail string) *Problem {
	other := *p
	other.Detail = detail
	return &other
}

func of(kind string, status int, title, detail string) *Problem {
	return &Problem{Type: "/problems/" + kind, Status: status, Title: title, Detail: detail}
}

// BadRequest is for input that no retry makes better. detail says what to change.
func BadRequest(detail string) *Problem {
	return of("bad-request", http.StatusBadRequest, "Bad request", detail)
}

// Unauthorized is for a request that does not prove who sends it. challenges name
// the schemes that would (RFC 9110, section 11.6.1).
func Unauthorized(detail string, challenges ...string) *Problem {
	p := of("unauthorized", http.StatusUnauthorized, "Not authenticated", detail)
	p.Challenges = challenges
	return p
}

// Forbidden is for somebody who may not do this, whoever it is. kind is stable.
func Forbidden(kind, detail string) *Problem {
	return of(kind, http.StatusForbidden, "Not allowed", detail)
}

// RateLimited is for somebody who asks too often and may go on after a while.
func RateLimited(detail string, retry time.Duration) *Problem {
	p := of("rate-limited", http.StatusTooManyRequests, "Too many requests", detail)
	p.RetryAfter = retry
	return p
}

// Unavailable is for something that we need and cannot reach at the moment.
func Unavailable(cause error) *Problem {
	p := of("unavailable", http.StatusServiceUnavailable, "Temporarily unavailable",
		"Something that this server needs does not answer. Nothing is lost: try the same again in a few seconds.")
	p.RetryAfter, p.cause = 5*time.Second, cause
	return p
}

// Internal is for what should not happen.
func Internal(cause error) *Problem {
	p := of("internal", http.StatusInternalServerError, "Internal error",
		"This is a fault of the server. Its operator finds the reason in the log.")
	p.cause = cause
	return p
}

// plain is a status that needs no kind of its own (RFC 9457, section 4.2.1).
func plain(status int) *Problem {
	return &Problem{Type: "about:blank", Status: status, Title: http.StatusText(status)}
}
