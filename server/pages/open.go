package pages

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// openPage names the site behind a code that was opened on this phone.
type openPage struct {
	view
	Code string
	Site site
}

// open is what the text of a QR code leads to. It only looks: chat crawlers, mail
// gateways and cameras open it before any person does.
func (p *Pages) open(c echo.Context) error {
	code := c.Param("code")
	l, err := p.Service.Look(c.Request().Context(), code)
	if err != nil {
		return p.fail(c, err)
	}
	p.speakFor(c, l.App)
	p.rememberSight(c, code, l)
	who, ok := p.identity(c)
	if !ok {
		return p.askSignIn(c, http.StatusOK, "/l/"+url.PathEscape(code))
	}
	return p.render(c, http.StatusOK, "open", "", openPage{
		view: p.begin(c, who), Code: code, Site: p.siteOf(l.App, l.RedirectURI.String()),
	})
}

// scanOpened marks the code as scanned by who is signed in here.
func (p *Pages) scanOpened(c echo.Context) error {
	code := c.Param("code")
	who, ok, answered := p.poster(c, "/l/"+url.PathEscape(code))
	if !ok {
		return answered
	}
	var seen time.Time
	if l, err := p.Service.Look(c.Request().Context(), code); err == nil {
		seen, _ = p.seen(c, code, l)
	}
	return p.scanAs(c, who, code, seen)
}

// scanTyped is scanOpened for a code that came as text.
func (p *Pages) scanTyped(c echo.Context) error {
	who, ok, answered := p.poster(c, "/phone")
	if !ok {
		return answered
	}
	return p.scanAs(c, who, c.FormValue("code"), time.Time{})
}

func (p *Pages) scanAs(c echo.Context, who login.Identity, code string, seen time.Time) error {
	if wait := p.Scans.Take(who.Key()); wait > 0 {
		return p.tooFast(c, wait)
	}
	who.Addr, _ = netip.ParseAddr(c.RealIP())
	l, err := p.Service.Scan(c.Request().Context(), who, code, seen)
	if later := (*login.RetryError)(nil); errors.As(err, &later) {
		return p.tooFast(c, later.After)
	}
	if err != nil {
		return p.fail(c, err)
	}
	p.setCookie(c, cookieSeen, "/l/", "", 0)
	return p.redirect(c, scanPath(l.Handle))
}

// tooFast asks for patience: guessing codes and wearing people down both need speed.
func (p *Pages) tooFast(c echo.Context, wait time.Duration) error {
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	return p.fail(c, errTooFast)
}

func scanPath(h login.Handle) string { return "/phone/scans/" + string(h) }

// demoScan shows the code of a login to the demo phone in the same browser, for
// those who have no phone at hand.
func (p *Pages) demoScan(c echo.Context) error {
	l, err := p.Service.Get(c.Request().Context(), login.Holder{ID: c.Param("id")})
	if err != nil {
		return p.fail(c, err)
	}
	code, _, ok := p.Service.Code(l, time.Now())
	if !ok {
		return p.fail(c, login.ErrNotFound)
	}
	return p.redirect(c, "/l/"+code)
}
