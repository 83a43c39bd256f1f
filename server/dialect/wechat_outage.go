package dialect

import (
	"errors"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
)

// outlast holds a poll that came while the store was away. 400 and 500 make old pages reload
// at once: they would turn its trouble into a storm. What the poll waits for nobody can tell
// now, so it has no login's place.
func (w *WeChat) outlast(c echo.Context, who login.Holder, icon bool) error {
	poll := &stranded{wechatPoll: wechatPoll{WeChat: w, icon: icon}, who: who}
	poll.await(w.Hold)
	if poll.enter(w.Waiters, limit.Waiter{Dialect: limit.ByWeChat, Addr: who.Addr}) == limit.TurnedAway {
		return turnAway(c)
	}
	w.Lot.Wait(c.Response(), c.Request(), poll)
	return nil
}

// stranded is a poll of a login that is not known yet: it asks again until it is.
type stranded struct {
	wechatPoll
	who   login.Holder
	known bool
}

// Wake is the Lot's.
func (p *stranded) Wake(s park.Spot) {
	p.ask(p, s)
	if !p.known || p.deaf {
		p.later(s)
	}
}

func (p *stranded) look() (reply, bool) {
	if p.known {
		return p.wechatPoll.look()
	}
	l, err := p.Service.Get(background(), p.who)
	if err != nil {
		p.known = errors.Is(err, login.ErrNotFound)
		return inWeChat(saysDead), p.known
	}
	r, err := p.say(background(), l, p.icon)
	if err != nil || r.body != nil {
		return r, err == nil
	}
	p.known, p.watch = true, p.Service.NewWatch(p.who, l)
	p.follow(l)
	return inWeChat(saysDead), p.dead
}
