package oidc

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/oauth2"
)

// The ways in which a sign-in fails. Every error of this package is one of them, with
// the reason in its text, for the log of whoever runs the server.
var (
	ErrUnavailable = errors.New("the provider did not answer as it should") // it may next time
	ErrDenied      = errors.New("the person or the provider said no")
	ErrForeign     = errors.New("the answer belongs to another sign-in")
	ErrRefused     = errors.New("the answer proves nothing")
)

// refused says why an answer proves nothing.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

const maxReason = 200

// brief is an error of the libraries as a line of a log. They quote whole bodies of
// answers, and those may have a code or a token in them.
func brief(err error) string {
	var told *oauth2.RetrieveError
	if errors.As(err, &told) {
		return "token endpoint: " + told.Response.Status + " " + word(told.ErrorCode)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return clean(text, maxReason)
}

// word keeps of a provider's error code what such a code may consist of.
func word(code string) string {
	if len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "(malformed error)"
	}
	return code
}

// clean makes text of others fit for a line: no control characters, at most n of the others.
func clean(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}
