// Package phone is the side of the authorization device: who may scan, and the JSON
// API with which a phone scans, decides and looks after its signed-in browsers.
//
// Everything is done in the name of the identity that an [Authenticator] has
// verified of the bearer token. Nothing in a body or a path says who somebody is.
package phone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/problem"
)

// API is the phone's JSON API. Its errors are problems: the Echo it is mounted on
// needs an error handler that leads to [problem.Write].
type API struct {
	Service *login.Service
	Auth    Authenticator
	Places  Places           // nil: nobody knows any
	Scans   *limit.PerMinute // how many codes a person may hand in, by login.Phone.Key; nil: no limit
	Waiters *limit.Waiters   // counts those who wait; nil: any number may
	// Strangers limits tokens that nobody knows; nil: any number may come.
	Strangers *Strangers
	// Passkeys enrols them and says how to ask for them; nil: there are none here.
	Passkeys *passkey.RelyingParty
}

// Places says where in the world an address is.
type Places interface {
	// Place names city and country in a language, and the network operator. What is
	// not known is empty.
	Place(addr netip.Addr, lang string) (place, network string)
}

// DefaultScansPerMinute lets nobody wait and makes guessing 56 bits hopeless.
const DefaultScansPerMinute = 20

// maxWait is the longest wait of a long poll, in seconds.
const maxWait = 60

// Routes mounts the API. DELETE /v1/sessions/{id} is not among its routes: sites
// have that address too, so whoever mounts both sends it to [API.DeleteSession] or
// to the site.
func (a *API) Routes(e *echo.Echo) {
	e.POST("/v1/scans", a.as(a.scan))
	e.GET("/v1/scans", a.as(a.undecided))
	e.GET("/v1/scans/:id", a.as(a.scanned))
	e.POST("/v1/scans/:id/approve", a.as(a.approve))
	e.POST("/v1/scans/:id/deny", a.as(a.deny))
	e.GET("/v1/sessions", a.as(a.sessions))
	if a.Passkeys != nil {
		e.POST("/v1/passkeys/options", a.as(a.beginPasskey))
		e.POST("/v1/passkeys", a.as(a.enrolPasskey))
	}
}

// as runs handle in the name of whoever sends the request.
func (a *API) as(handle func(echo.Context, login.Identity) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		addr, _ := netip.ParseAddr(c.RealIP()) // the zero Addr if it has none
		who, err := a.identify(c.Request(), addr)
		if err != nil {
			return err
		}
		who.Addr = addr
		return handle(c, who)
	}
}

// contextOf is that of a request which decides something: for the record, it knows where
// the phone is.
func contextOf(c echo.Context, who login.Identity) context.Context {
	return login.FromPhone(c.Request().Context(), who.Addr)
}

func (a *API) scan(c echo.Context, who login.Identity) error {
	if wait := a.Scans.Take(who.Key()); wait > 0 {
		return problem.RateLimited("You have scanned too many codes in a short time. Wait a little and scan again.", wait)
	}
	var body struct {
		Code string `json:"code"`
	}
	if err := problem.ReadJSON(c, &body, problem.Text{Name: "code", Into: &body.Code}); err != nil {
		return err
	}
	if body.Code == "" {
		return problem.BadRequest(`Member "code" is missing. Send what the QR code says, or the short code beside it.`)
	}
	l, err := a.Service.Scan(c.Request().Context(), who, body.Code, time.Time{})
	if errors.Is(err, login.ErrNotFound) {
		return problem.FromLogin(err).WithDetail("This code is unknown or too old. Have the browser show a fresh one and scan that.")
	}
	if err != nil {
		return problem.FromLogin(err)
	}
	return a.sayScan(c, http.StatusCreated, l)
}

func (a *API) approve(c echo.Context, who login.Identity) error {
	var body struct {
		Number  string         `json:"number"`
		Passkey *passkeyAnswer `json:"passkey"`
	}
	if err := problem.ReadOptionalJSON(c, &body, problem.Text{Name: "number", Into: &body.Number}); err != nil {
		return err
	}
	l, err := a.Service.ApproveWith(contextOf(c, who), who.Phone, c.Param("id"), login.Yes{Number: body.Number, Passkey: body.Passkey.shown()})
	if errors.Is(err, login.ErrWrongNumber) && l.State != login.Denied && !a.Service.NumberShown(l) {
		return problem.FromLogin(err).WithDetail("No browser that waits for this login can show its number, so it cannot be approved. Have the browser show a fresh code and scan that.")
	}
	if errors.Is(err, login.ErrWrongNumber) && l.State == login.Denied {
		return problem.FromLogin(err).WithDetail("That was one wrong number too many, so this login is denied. Start a new one in the browser.")
	}
	return decided(c, l, err)
}

func (a *API) deny(c echo.Context, who login.Identity) error {
	l, err := a.Service.Deny(contextOf(c, who), who.Phone, c.Param("id"))
	return decided(c, l, err)
}

func decided(c echo.Context, l login.Login, err error) error {
	if err != nil {
		return problem.FromLogin(err)
	}
	return say(c, http.StatusOK, decision{ID: l.Handle, State: l.State.String()})
}

// scanned answers at once, or holds the request while the login is in the state
// that the phone has seen.
func (a *API) scanned(c echo.Context, who login.Identity) error {
	since, wait, err := cursor(c)
	if err != nil {
		return err
	}
	l, err := a.Service.Scanned(c.Request().Context(), who.Phone, c.Param("id"))
	if err != nil {
		return problem.FromLogin(err)
	}
	if wait > 0 && l.State == since && !l.State.Final() {
		if l, err = a.wait(c.Request().Context(), who, l, wait); err != nil {
			return err
		}
	}
	return a.sayScan(c, http.StatusOK, l)
}

// wait waits until l has changed, but no longer than ctx, the request's own, which ends
// when the phone goes away or the server drains. Whoever meets a limit is held for
// [limit.Patience] even if it asked for less, or it would come back the sooner for it.
func (a *API) wait(ctx context.Context, who login.Identity, l login.Login, most time.Duration) (login.Login, error) {
	seat := a.Waiters.Sit(ctx, limit.Waiter{Dialect: limit.ByPhone, Topic: string(l.Handle), Addr: who.Addr, Bound: true})
	defer seat.Leave()
	if seat.Verdict != limit.Admitted {
		seat.Linger()
		return login.Login{}, problem.RateLimited("Too many requests from this address wait. Try again in half a minute, or ask without wait.", 30*time.Second)
	}
	ctx, cancel := context.WithTimeout(seat, most)
	defer cancel()
	now, err := a.Service.WaitScanned(ctx, who.Phone, string(l.Handle), l.State)
	switch {
	case seat.Lost():
		seat.Linger()
		if err != nil { // it was lost before anything was looked at
			return l, nil
		}
	case err != nil:
		return login.Login{}, problem.FromLogin(err)
	}
	return now, nil
}

// cursor reads since and wait.
func cursor(c echo.Context) (since login.State, wait time.Duration, err error) {
	if text, given, err := parameter(c, "since"); err != nil {
		return 0, 0, err
	} else if given {
		known := false
		if since, known = login.ParseState(text); !known {
			return 0, 0, problem.BadRequest("since must be a state: pending, scanned, approved, redeemed, denied or expired.")
		}
	}
	text, given, err := parameter(c, "wait")
	if err != nil || !given {
		return since, 0, err
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n > maxWait {
		return 0, 0, problem.BadRequest(fmt.Sprintf("wait must be a whole number of seconds from 0 to %d.", maxWait))
	}
	return since, time.Duration(n) * time.Second, nil
}

func (a *API) undecided(c echo.Context, who login.Identity) error {
	all, err := a.Service.Undecided(c.Request().Context(), who.Phone)
	if err != nil {
		return problem.FromLogin(err)
	}
	now := time.Now()
	shown := make([]scan, 0, len(all)) // no scans are [], never null
	for _, l := range all {
		shown = append(shown, a.showScan(l, now))
	}
	return c.JSON(http.StatusOK, shown)
}
