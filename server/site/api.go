// Package site is the side of the relying party: a site redeems the ticket that its
// browser brought, asks after sessions and ends them, and verifies id_tokens with
// the published keys.
package site

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// API is what sites call, as themselves: HTTP Basic with the app's id and secret.
// Its errors are problems: the Echo it is mounted on needs an error
// handler that leads to [problem.Write].
type API struct {
	Service *login.Service
	Issuer  string // the public URL of this server, as id_tokens name it

	Messages Messages // to the sockets of sessions; nil: none is ever open

	signers signers
}

// Challenge is the WWW-Authenticate of an answer to a request without the id and
// secret of an app.
const Challenge = `Basic realm="qrlatch", charset="UTF-8"`

// Routes mounts the API. DELETE /v1/sessions/{id} is not among its routes: phones
// have that address too, so whoever mounts both sends it to [API.DeleteSession] or
// to the phone.
func (a *API) Routes(e *echo.Echo) {
	e.POST("/v1/tickets/redeem", a.as(a.redeem))
	e.GET("/v1/sessions/:id", a.as(a.session))
	e.POST("/v1/sessions/:id/messages", a.as(a.message))
	e.GET("/.well-known/jwks.json", a.jwks)
}

// as runs handle in the name of the app whose id and secret the request has.
func (a *API) as(handle func(echo.Context, *login.App) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		app, ok := a.caller(c.Request())
		if !ok {
			return problem.Unauthorized("Send the app's id and secret as HTTP Basic. An app without a configured secret has no access.", Challenge)
		}
		return handle(c, app)
	}
}

func (a *API) caller(r *http.Request) (*login.App, bool) {
	id, secret, ok := r.BasicAuth()
	if !ok || len(r.Header.Values(echo.HeaderAuthorization)) > 1 {
		return nil, false
	}
	app, known := a.Service.App(id)
	return app, known && app.Authenticates(secret)
}

// answer is a session as its site sees it.
type answer struct {
	Session  session `json:"session"`
	User     user    `json:"user"`
	AuthTime int64   `json:"auth_time"` // when the phone approved, in seconds as in OpenID Connect
	IDToken  string  `json:"id_token,omitempty"`
}

type session struct {
	ID        login.SessionID `json:"id"`
	ExpiresIn int             `json:"expires_in"`
}

type user struct {
	Sub     string `json:"sub"`
	Name    string `json:"name"`
	Picture string `json:"picture"`
}

func show(v login.Session, now time.Time) answer {
	return answer{
		Session:  session{ID: v.ID, ExpiresIn: max(0, int(math.Ceil(v.Expires.Sub(now).Seconds())))},
		User:     user{Sub: v.Phone.Subject, Name: v.Profile.Name, Picture: v.Profile.Picture},
		AuthTime: v.AuthTime.Unix(),
	}
}

func (a *API) redeem(c echo.Context, app *login.App) error {
	var body struct {
		Ticket string `json:"ticket"`
	}
	if err := problem.ReadJSON(c, &body); err != nil {
		return err
	}
	if body.Ticket == "" {
		return problem.BadRequest(`Member "ticket" is missing. Send the ticket parameter of your redirect_uri.`)
	}
	v, err := a.Service.RedeemTicket(c.Request().Context(), app.ID, body.Ticket)
	if err != nil {
		return problem.FromLogin(err)
	}
	now := time.Now()
	shown := show(v, now)
	if shown.IDToken, err = a.idToken(v, now); err != nil {
		return problem.Internal(err)
	}
	return c.JSON(http.StatusOK, shown)
}

func (a *API) session(c echo.Context, app *login.App) error {
	v, err := a.Service.SessionOf(c.Request().Context(), app.ID, c.Param("id"))
	if err != nil {
		return sessionProblem(err)
	}
	return c.JSON(http.StatusOK, show(v, time.Now()))
}

// DeleteSession handles DELETE /v1/sessions/{id} of a site: it signs that browser
// out.
func (a *API) DeleteSession(c echo.Context) error { return a.as(a.deleteSession)(c) }

func (a *API) deleteSession(c echo.Context, app *login.App) error {
	if err := a.Service.SignOutBySite(c.Request().Context(), app.ID, c.Param("id")); err != nil {
		return sessionProblem(err)
	}
	return c.NoContent(http.StatusNoContent)
}

func sessionProblem(err error) error {
	p := problem.FromLogin(err)
	if errors.Is(err, login.ErrNotFound) {
		p = p.WithDetail("Your app has no active session of this id: it was signed out or it expired. Have the person sign in again.")
	}
	return p
}
