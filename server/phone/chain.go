package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"qrlatch/server/login"
)

// ErrUnknownToken is the ErrBadToken of an authenticator that cannot judge a token: it
// is not of its kind, and another one may know it.
var ErrUnknownToken = fmt.Errorf("%w: not known here", ErrBadToken)

// maxToken is the length of a token that is looked at. Longer ones are an attack on
// whoever parses them.
const maxToken = 8 << 10

// Chain asks one authenticator after the other until one can judge the token. What that
// one says stands: a token that its issuer's keys refuse gets no second chance.
type Chain struct {
	Authenticators []Authenticator
	Log            *slog.Logger // at debug, why a token was refused; nil: nowhere
}

// Authenticate makes Chain an Authenticator.
func (c *Chain) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	who, err := c.judge(ctx, bearer)
	if c.Log != nil && errors.Is(err, ErrBadToken) {
		c.Log.DebugContext(ctx, "token refused", "reason", err)
	}
	return who, err
}

func (c *Chain) judge(ctx context.Context, bearer string) (login.Identity, error) {
	if len(bearer) > maxToken {
		return login.Identity{}, refused("longer than %d bytes", maxToken)
	}
	for _, a := range c.Authenticators {
		if who, err := a.Authenticate(ctx, bearer); !errors.Is(err, ErrUnknownToken) {
			return who, err
		}
	}
	return login.Identity{}, ErrUnknownToken
}

// refused says why a token proves nothing. The reason is for a log: never put anything
// of the token into it.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadToken, fmt.Sprintf(format, args...))
}
