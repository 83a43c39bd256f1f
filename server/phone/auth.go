package phone

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// Authenticator says who a bearer token stands for.
type Authenticator interface {
	// Authenticate returns ErrBadToken for a token that is unknown, expired or meant
	// for somebody else. Any other error means that it could not find out, and the
	// phone may try again. No error shows the token.
	Authenticate(ctx context.Context, bearer string) (login.Identity, error)
}

// ErrBadToken means that a token proves nothing.
var ErrBadToken = errors.New("bad token")

// bearer finds the token in the one form that RFC 6750, section 2.1 allows; the scheme in
// any case (RFC 9110, section 11.1).
func bearer(authorization string) (token string, ok bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	token = strings.TrimLeft(rest, " ")
	word := strings.TrimRight(token, "=")
	for i := range len(word) {
		switch c := word[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._~+/-", c) >= 0:
		default:
			return "", false
		}
	}
	return token, strings.EqualFold(scheme, "bearer") && word != ""
}

// Challenge is the WWW-Authenticate of an answer to a request without a token.
const Challenge = `Bearer realm="qrlatch"`

// identify returns who sends the request, from an address.
func (a *API) identify(r *http.Request, addr netip.Addr) (login.Identity, error) {
	lines := r.Header.Values(echo.HeaderAuthorization)
	if len(lines) == 0 {
		return login.Identity{}, problem.Unauthorized("Send the phone's access token as Authorization: Bearer <token>.", Challenge)
	}
	token, ok := bearer(lines[0])
	if len(lines) > 1 || !ok {
		return login.Identity{}, invalidToken()
	}
	ctx := a.Strangers.visited(r.Context(), addr)
	who, err := a.Auth.Authenticate(ctx, token)
	if err == nil && who.Subject == "" {
		err = ErrBadToken // nobody: whoever also has no name would be the same person
	}
	if err == nil {
		return who, nil
	}
	later, limited := errors.AsType[*login.RetryError](err)
	switch {
	case limited:
		return login.Identity{}, a.Strangers.tooMany(later.After)
	case errors.Is(err, errOver):
		// Its app has to learn of it, and to fetch another, whoever floods from its address.
		return login.Identity{}, invalidToken()
	case errors.Is(err, ErrBadToken):
		if wait := visitOf(ctx).refuse(); wait > 0 {
			return login.Identity{}, a.Strangers.tooMany(wait)
		}
		return login.Identity{}, invalidToken()
	}
	return login.Identity{}, problem.Unavailable(err)
}

func invalidToken() error {
	return problem.Unauthorized("This access token is not valid here, or no more. Get a fresh one and try again.",
		Challenge+`, error="invalid_token"`)
}

// tooMany is the answer to a token that met a limit.
func (s *Strangers) tooMany(wait time.Duration) error {
	s.hit()
	return problem.RateLimited("Too many access tokens from this address are unknown or not valid. Wait a little and try again.", wait)
}
