package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

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
	Prefixes       Prefixes     // of those that have one
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
		who, err := a.Authenticate(ctx, bearer)
		if errors.Is(err, ErrUnknownToken) {
			continue
		}
		if err == nil {
			err = c.Prefixes.Check(who.Phone)
		}
		if err != nil {
			return login.Identity{}, err
		}
		return who, nil
	}
	return login.Identity{}, ErrUnknownToken
}

// Prefixes are what issuers' subjects begin with, by issuer. They are for sites, which
// know a person by the subject alone.
type Prefixes map[string]string

// Check refuses, with ErrBadToken, a subject that begins with the prefix of another
// issuer: who may choose subjects at one would choose to be somebody of the other.
func (p Prefixes) Check(who login.Phone) error {
	for issuer, prefix := range p {
		if issuer != who.Issuer && prefix != "" && strings.HasPrefix(who.Subject, prefix) {
			return refused("its subject begins with the subject_prefix of another issuer")
		}
	}
	return nil
}

// refused says why a token proves nothing. The reason is for a log: never put anything
// of the token into it.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadToken, fmt.Sprintf(format, args...))
}
