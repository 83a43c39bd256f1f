package dialect

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// This file is what the dialects have in common where a request is one too many.

// waiterFor describes who asks for l. A cookie proves what an id does not: the id may
// have been photographed.
func waiterFor(_ echo.Context, by limit.Dialect, who login.Holder, l login.Login) limit.Waiter {
	addr := who.Addr
	return limit.Waiter{
		Dialect: by, Topic: string(l.Handle), Addr: addr,
		Home:  login.NetworkPrefix(addr) == login.NetworkPrefix(l.Browser.Addr),
		Bound: who.Binding != "" && who.HoldsBinding(l), // most have none, and it is hashed
	}
}

// pause holds an answer back for d, or until ctx ends: several clients come back at
// once, whatever they are told. It reports whether it may: too many are held already of
// whom it may not, and the least that can be done is to end their connection.
func pause(ctx context.Context, c echo.Context, w *limit.Waiters, d time.Duration) (held bool) {
	if held = w.Pause(ctx, addressOf(c), d); !held {
		hangUp(c)
	}
	return held
}

// NewPolls counts the polls of each login: so many a minute are answered, a third of them
// at once; 0: all. One count is for all dialects that poll, or whoever speaks two of them
// would have twice as many. hit is told of each poll that comes too soon; nil: nobody asks.
func NewPolls(perMinute int, hit func()) *limit.PerMinute {
	return limit.New(perMinute, max(1, perMinute/3)).Report(hit)
}

// hangUp ends the connection after the answer. Who is answered at once may come back at
// once: holding him would cost a goroutine, and this costs him a handshake.
func hangUp(c echo.Context) { c.Response().Header().Set("Connection", "close") }

// tooManyWait is for a protocol that has words for it.
func tooManyWait(c echo.Context) *problem.Problem {
	hangUp(c)
	return errTooManyWait()
}

func errTooManyWait() *problem.Problem {
	return problem.RateLimited("Too many requests wait for this login, or come from this address. Try again in half a minute.", turnedAway)
}

// turnAway answers clients of WeChat for whom there is not even room to be held: an error
// of HTTP stops most, or has them wait 5 s, where any word of the protocol would bring
// them back at once. Those that do not care (itchat4j, Weixinbot) must connect anew.
func turnAway(c echo.Context) error {
	p := tooManyWait(c)
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(turnedAway/time.Second)))
	return answer(c, p.Status, "text/plain; charset=utf-8", p.Detail+"\n")
}

// A stream or a socket lasts streamLife, give or take streamJitter, while its login is
// under way: its reconnect loses nothing, and what is never closed is never balanced anew
// over the servers behind a proxy. Those that came at once must not go at once.
const (
	streamLife   = 10 * time.Minute
	streamJitter = 2 * time.Minute
)

func lifetime() time.Duration { return streamLife - streamJitter + rand.N(2*streamJitter) }
