package phone

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// Anybody can make tokens up, and an issuer that is asked about each of them has no time
// for those of people.
const (
	refusedPerMinute  = 60 // by network
	askedAtOnce       = 24 // fewer than maxConnections: the rest is for tokens that were good before
	askedPerNetwork   = 8
	unknownAtOnce     = 1024 // asked about, or waiting for that
	unknownPerNetwork = 128

	turnPatience = 2 * time.Second // for one's turn: what is asked has to be answered too
	crowdedFor   = 5 * time.Second // told to who did not get it
)

// errLimited is within a [login.RetryError].
var errLimited = errors.New("too many tokens are refused or unknown")

// errOver is the ErrBadToken of a token that was good once. No stranger can make one up.
var errOver = refused("over")

// Strangers limits what may be done about tokens of which nobody here knows that they are
// good. Refused ones are counted by network, an IPv6 /64 or an address; from where there
// were too many, nobody else is asked about one more. Whatever can be judged without that
// goes on to be: a fixed token, one that is signed by a known key, one that was good a
// moment ago. A token that was good when it was last asked about is asked about again, and
// has connections to its issuer that strangers never use; so those who share an address
// with a flood, or come during one, are served. What is not is a token that is new here
// and opaque, at the address of the flood: it cannot be told from the others.
//
// A nil Strangers limits nothing.
type Strangers struct {
	refused *limit.PerMinute
	turns   *limit.Turns
	hit     func()
}

// NewStrangers returns a Strangers that calls hit for each token that meets a limit; nil:
// nobody asks.
func NewStrangers(hit func()) *Strangers {
	if hit == nil {
		hit = func() {}
	}
	return &Strangers{
		refused: limit.NewPerMinute(refusedPerMinute), hit: hit,
		turns: limit.NewTurns(limit.TurnLimits{
			AtOnce: askedAtOnce, AtOncePerNetwork: askedPerNetwork,
			Present: unknownAtOnce, PresentPerNetwork: unknownPerNetwork,
		}),
	}
}

// visit is the context of a request with a token.
type visit struct {
	context.Context
	strangers *Strangers
	addr      netip.Addr
}

// network is made when it is asked for: most tokens are known.
func (v *visit) network() string { return login.Network(v.addr) }

type visitKey struct{}

// visited notes in ctx where a token came from.
func (s *Strangers) visited(ctx context.Context, addr netip.Addr) context.Context {
	if s == nil {
		return ctx
	}
	return &visit{ctx, s, addr}
}

// Value knows the visit itself.
func (v *visit) Value(key any) any {
	if key == (visitKey{}) {
		return v
	}
	return v.Context.Value(key)
}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// refuse counts a refused token. If it is one too many, it returns how long to wait.
func (v *visit) refuse() (wait time.Duration) {
	if v == nil {
		return 0
	}
	return v.strangers.refused.Take(v.network())
}

// mayAsk returns a [login.RetryError] if nobody may be asked about an unknown token.
func (v *visit) mayAsk() error {
	if v == nil {
		return nil
	}
	if wait := v.strangers.refused.Wait(v.network()); wait > 0 {
		return &login.RetryError{Err: errLimited, After: wait}
	}
	return nil
}

// turn waits until an issuer may be asked about an unknown token, which is until done is
// called; its error is a [login.RetryError].
func (v *visit) turn(ctx context.Context) (done func(), err error) {
	if v == nil {
		return func() {}, nil
	}
	if err := v.mayAsk(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	done, err = v.strangers.turns.Wait(ctx, v.network())
	if err != nil {
		return nil, &login.RetryError{Err: errLimited, After: crowdedFor}
	}
	// Those before it may have been refused in the meantime.
	if err := v.mayAsk(); err != nil {
		done()
		return nil, err
	}
	return done, nil
}
