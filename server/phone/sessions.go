package phone

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

func (a *API) sessions(c echo.Context, who login.Identity) error {
	all, err := a.Service.SessionsOf(c.Request().Context(), who.Phone)
	if err != nil {
		return problem.FromLogin(err)
	}
	shown := make([]session, 0, len(all))
	for _, v := range all {
		shown = append(shown, a.showSession(v))
	}
	return c.JSON(http.StatusOK, shown)
}

// DeleteSession handles DELETE /v1/sessions/{id} of a phone: it signs that browser
// out.
func (a *API) DeleteSession(c echo.Context) error { return a.as(a.deleteSession)(c) }

// notMe is the reason of a person who did not sign in where a session says so.
const notMe = "not_me"

func (a *API) deleteSession(c echo.Context, who login.Identity) error {
	reason, given, err := parameter(c, "reason")
	if err != nil {
		return err
	}
	if given && reason != notMe {
		return problem.BadRequest("reason may be not_me. Leave it out for a plain sign-out.")
	}
	end := a.Service.SignOutByPhone
	if given {
		end = a.Service.Disown
	}
	err = end(contextOf(c, who), who.Phone, c.Param("id"))
	if errors.Is(err, login.ErrNotFound) {
		return problem.FromLogin(err).WithDetail("You have no signed-in browser of this id; it may be signed out already.")
	}
	if err != nil {
		return problem.FromLogin(err)
	}
	return c.NoContent(http.StatusNoContent)
}

// parameter returns a query parameter that may be there once. A proxy may look at
// one of two and we at the other, so two are refused.
func parameter(c echo.Context, name string) (value string, given bool, err error) {
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return "", false, problem.BadRequest("The query of this address is malformed.")
	}
	values := query[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", false, problem.BadRequest("Parameter " + name + " is there more than once. Send it once.")
}
