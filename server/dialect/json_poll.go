package dialect

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/problem"
)

// This file is the poll of the JSON dialect, held or not, for pages and for script tags.

// style is how a poll's answer is written.
type style interface {
	view(loginView) reply
	problem(error) reply
}

// inJSON is the plain style.
type inJSON struct{}

func (inJSON) view(v loginView) reply {
	return reply{http.StatusOK, plain("application/json; charset=utf-8"), v.json()}
}

func (inJSON) problem(err error) reply {
	status, header, body := problem.Render(err)
	return reply{status, header, body}
}

// refuse answers with a problem. A script tag cannot see Retry-After, so it is held.
func (j *JSON) refuse(c echo.Context, as style, err error) error {
	if _, script := as.(inScript); script && problem.Of(err).Status == http.StatusTooManyRequests {
		pause(c.Request().Context(), c, j.Waiters, slowPoll)
	}
	return as.problem(err).send(c)
}

// anyPage lets whoever has the id ask by a script tag, which does not say whose page it is on.
func anyPage(echo.Context, *login.App) bool { return true }

// wait answers a poll in a style, at once or when the login has left the state since, if
// the page may ask for logins of its app.
func (j *JSON) wait(c echo.Context, id string, by limit.Dialect, may func(echo.Context, *login.App) bool, as style) error {
	p, err := parameters(c, "since", "wait")
	if err != nil {
		return j.refuse(c, as, problem.BadRequest(err.Error()))
	}
	since, ok := login.ParseState(p.Get("since"))
	if !ok {
		return j.refuse(c, as, problem.BadRequest("since is one of pending, scanned, approved, redeemed, denied, expired."))
	}
	seconds := 0
	if text := p.Get("wait"); text != "" {
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 0 || seconds > maxWait {
			return j.refuse(c, as, problem.BadRequest("wait is a whole number of seconds from 0 to 60."))
		}
	}
	ctx := c.Request().Context()
	who := login.Holder{ID: id, Addr: browserOf(c).Addr, ShowsNumber: true}
	l, err := j.Service.Get(ctx, who)
	if errors.Is(err, login.ErrNotFound) {
		pause(ctx, c, j.Waiters, slowPoll)
	}
	if err != nil {
		return j.refuse(c, as, problem.FromLogin(err))
	}
	if app, ok := j.Service.App(l.App); ok && !may(c, app) {
		return j.refuse(c, as, errForeignPage())
	}
	if seconds == 0 || l.State != since || l.State.Final() {
		if delay := j.Polls.Take(string(l.Handle)); delay > 0 {
			return j.refuse(c, as, problem.RateLimited("This login is asked for too often. Leave as many seconds between two polls as interval says, or use wait.", delay))
		}
		return as.view(view(j.Service, j.PublicURL, login.ID(id), l, time.Now())).send(c)
	}
	w := &jsonPoll{JSON: j, secret: login.ID(id).Secret(), watch: j.Service.NewWatch(who, l)}
	if s, ok := as.(inScript); ok {
		w.callback = strings.Clone(s.name) // of a request that is soon gone
	}
	w.await(time.Duration(seconds) * time.Second)
	switch w.enter(j.Waiters, waiterFor(c, by, who, l)) {
	case limit.Admitted:
		if err := w.watch.Follow(l, w); err != nil {
			w.Gone()
			return j.refuse(c, as, problem.FromLogin(err))
		}
	case limit.Held:
		hangUp(c)
	case limit.TurnedAway:
		return j.refuse(c, as, tooManyWait(c))
	}
	j.Lot.Wait(c.Response(), c.Request(), w)
	return nil
}

// jsonPoll is a poll that waits.
type jsonPoll struct {
	longPoll
	*JSON
	watch    login.Watch
	callback string // of a script tag; empty: plain JSON
	secret   login.IDSecret
}

func (w *jsonPoll) as() style {
	if w.callback != "" {
		return inScript{w.callback}
	}
	return inJSON{}
}

func (w *jsonPoll) look() (reply, bool) {
	l, err, rang := w.watch.News()
	switch {
	case !rang:
		return reply{}, false
	case err != nil:
		return w.as().problem(problem.FromLogin(err)), true
	}
	return w.say(l), true
}

func (w *jsonPoll) say(l login.Login) reply {
	return w.as().view(view(w.Service, w.PublicURL, l.Handle.ID(w.secret), l, time.Now()))
}

// nothing describes the login anew: its code may be another.
func (w *jsonPoll) nothing() reply {
	if w.place.Held() {
		return w.as().problem(errTooManyWait())
	}
	l, err := w.watch.Now(background())
	if err != nil {
		return w.as().problem(problem.FromLogin(err))
	}
	return w.say(l)
}

// Offer is the Watch's.
func (w *jsonPoll) Offer(l login.Login) bool { return w.watch.Accept(l) }

// Wake is the Lot's.
func (w *jsonPoll) Wake(s park.Spot) { w.ask(w, s) }

// Gone is the Lot's.
func (w *jsonPoll) Gone() {
	w.watch.Stop()
	w.place.Leave()
}
