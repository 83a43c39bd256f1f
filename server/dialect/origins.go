package dialect

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// This file says which pages may use the JSON dialect from another origin. No answer
// ever allows credentials: no cookie means anything there.

// registered tells whether pages of an origin may start logins of app.
func registered(app *login.App, origin string) bool {
	whole := strings.Count(origin, "/") == 2 // no browser sends less or more, but "https:" would begin many
	return slices.Contains(app.Origins, origin) || whole && slices.ContainsFunc(app.RedirectURIs, func(uri string) bool {
		return strings.HasPrefix(uri, origin+"/")
	})
}

// allowOrigin lets a page of the app read the answer, and reports whether the page is
// one of the app's, one of ours, or no page at all.
func allowOrigin(c echo.Context, app *login.App) bool {
	h := c.Response().Header()
	h["Vary"] = byOrigin
	origin := c.Request().Header.Get("Origin")
	switch {
	case origin == "":
		return true // not a page, or one of ours
	case registered(app, origin):
		allow(h, origin)
		return true
	}
	h.Del("Access-Control-Allow-Origin") // of another app
	return ours(c.Request(), origin)
}

// ours tells whether an origin is this server, under the name that was asked for. The
// Host was checked before.
func ours(r *http.Request, origin string) bool {
	_, host, _ := strings.Cut(origin, "://")
	return host == r.Host
}

// allowAnyRegistered lets a page read an answer that belongs to no app.
func allowAnyRegistered(c echo.Context, s *login.Service) {
	c.Response().Header()["Vary"] = byOrigin
	origin := c.Request().Header.Get("Origin")
	if origin != "" && slices.ContainsFunc(s.Apps(), func(a login.App) bool { return registered(&a, origin) }) {
		allow(c.Response().Header(), origin)
	}
}

func allow(h http.Header, origin string) {
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Expose-Headers"] = retryAfter
}

// All headers share these values, as those of protect.
var (
	byOrigin   = []string{"Origin"}
	retryAfter = []string{"Retry-After"}
)

// preflight cannot know the app, which is in the body: it allows what any app allows,
// and the request itself is held to its own app.
func (j *JSON) preflight(c echo.Context) error {
	h := c.Response().Header()
	allowAnyRegistered(c, j.Service)
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "600")
	return c.NoContent(http.StatusNoContent)
}

func errForeignPage() error {
	return problem.Forbidden("foreign-page", "The page that asks is not registered for this app. Add its origin to the app's origins.")
}
