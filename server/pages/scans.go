package pages

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// maxTries is how many wrong numbers deny a login.
const maxTries = 3

// scanPage is one question to this phone, from the scan to the end.
type scanPage struct {
	view
	ID          login.Handle
	State       string
	Live        bool // it may still change
	Site        site
	Agent       string // of the browser
	Address     netip.Addr
	Asked       time.Time
	Push        bool
	Reasons     []string // to be careful: names of messages
	Number      string   // why a number is asked for: "risk" or "always"; empty: it is not
	Unseen      bool     // no browser is there that could show the number
	Tries       int      // left after a wrong number; 0: none was wrong
	OutOfTries  bool
	WasApproved bool // it expired although this phone said yes
	Passkey     *passkeyPart
}

// riskMessages say each sign of a relay in words.
var riskMessages = map[string]string{
	"stale_code":     "scan.risk_stale",
	"typed_code":     "scan.risk_typed",
	"code_ahead":     "scan.risk_ahead",
	"second_watcher": "scan.risk_watcher",
	"delay":          "scan.risk_delay",
	"place":          "scan.risk_place",
}

func (p *Pages) showScan(c echo.Context, status int, who login.Identity, l login.Login) error {
	return p.showScanAfter(c, status, who, l, nil)
}

// showScanAfter is showScan after an answer that was refused for its passkey.
func (p *Pages) showScanAfter(c echo.Context, status int, who login.Identity, l login.Login, refused error) error {
	p.speakFor(c, l.App)
	page := scanPage{
		view: p.begin(c, who), ID: l.Handle, State: l.State.String(), Live: !l.State.Final(),
		Site: p.siteOf(l.App, l.RedirectURI.String()), Agent: l.Browser.UserAgent.String(),
		Address: l.Browser.Addr, Asked: l.Started, Push: l.Push,
		OutOfTries: l.WrongNumbers >= maxTries, WasApproved: !l.Approved.IsZero(),
	}
	for _, sign := range l.Risk.Reasons() {
		message := riskMessages[sign]
		if l.Push && sign == "place" { // it is compared with where it was, and not with the phone
			message = "scan.risk_moved"
		}
		page.Reasons = append(page.Reasons, message)
	}
	if l.NumberRequired {
		page.Number, page.Unseen = "risk", !p.Service.NumberShown(l)
		if app, ok := p.Service.App(l.App); ok && app.Number == login.NumberAlways {
			page.Number = "always"
		}
	}
	if l.WrongNumbers > 0 {
		page.Tries = max(0, maxTries-l.WrongNumbers)
	}
	page.Passkey = p.passkeyPart(c, who, l, refused)
	return p.render(c, status, "scan", "", page)
}

func (p *Pages) scan(c echo.Context) error {
	id := c.Param("id")
	who, ok := p.identity(c)
	if !ok {
		return p.askSignIn(c, http.StatusOK, scanPath(login.Handle(id)))
	}
	l, err := p.Service.Scanned(c.Request().Context(), who.Phone, id)
	if err != nil {
		return p.fail(c, err)
	}
	return p.showScan(c, http.StatusOK, who, l)
}

// noPlace is when a page that found no place to wait asks again; assets/phone.js knows it.
const noPlace = 15 * time.Second

// scanState tells the page's script when the scan has left the state that it shows.
func (p *Pages) scanState(c echo.Context) error {
	p.headers(c, "")
	who, ok := p.identity(c)
	if !ok {
		return c.String(http.StatusUnauthorized, "signed out")
	}
	since, ok := login.ParseState(c.QueryParam("since"))
	if !ok {
		return c.String(http.StatusBadRequest, "no such state")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), p.hold)
	defer cancel()
	l, err := p.Service.Scanned(ctx, who.Phone, c.Param("id"))
	if err == nil && l.State == since && !l.State.Final() {
		seat := p.Waiters.Sit(ctx, limit.Waiter{Dialect: limit.ByPhone, Topic: string(l.Handle), Addr: browserOf(c).Addr, Bound: true})
		defer seat.Leave()
		if seat.Verdict != limit.Admitted {
			seat.Linger()
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(noPlace/time.Second)))
			return c.String(http.StatusTooManyRequests, "too many")
		}
		now, failed := p.Service.WaitScanned(seat, who.Phone, c.Param("id"), since)
		seat.Linger()
		if !seat.Lost() || failed == nil { // else it was lost before anything was looked at
			l, err = now, failed
		}
	}
	switch {
	case errors.Is(err, login.ErrNotFound) || errors.Is(err, login.ErrNotYours):
		return c.String(http.StatusNotFound, "unknown")
	case err != nil:
		p.Log.ErrorContext(ctx, "wait for scan", "err", err)
		return c.String(http.StatusServiceUnavailable, "unavailable")
	}
	return c.String(http.StatusOK, l.State.String())
}

func (p *Pages) approve(c echo.Context) error {
	return p.decide(c, func(ctx context.Context, who login.Phone, id string) (login.Login, error) {
		return p.Service.ApproveWith(ctx, who, id, login.Yes{Number: c.FormValue("number"), Passkey: shownPasskey(c)})
	})
}

func (p *Pages) deny(c echo.Context) error {
	return p.decide(c, func(ctx context.Context, who login.Phone, id string) (login.Login, error) {
		l, err := p.Service.Deny(ctx, who, id)
		if errors.Is(err, login.ErrDecided) {
			err = errTooLate
		}
		return l, err
	})
}

// fromPhone is the context of a request that a phone sent.
func (p *Pages) fromPhone(c echo.Context) context.Context {
	return login.FromPhone(c.Request().Context(), browserOf(c).Addr)
}

func (p *Pages) decide(c echo.Context, answer func(context.Context, login.Phone, string) (login.Login, error)) error {
	id := c.Param("id")
	who, ok, answered := p.poster(c, scanPath(login.Handle(id)))
	if !ok {
		return answered
	}
	l, err := answer(p.fromPhone(c), who.Phone, id)
	switch {
	case errors.Is(err, login.ErrWrongNumber):
		return p.showScan(c, http.StatusUnprocessableEntity, who, l)
	case isPasskey(err):
		return p.needsPasskey(c, who, l, err)
	case errors.Is(err, login.ErrDecided), errors.Is(err, login.ErrExpired):
		return p.showScan(c, http.StatusGone, who, l)
	case err != nil:
		return p.fail(c, err)
	}
	return p.redirect(c, scanPath(l.Handle))
}
