package web

import (
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/phone"
	"qrlatch/server/problem"
	"qrlatch/server/site"
)

// SignOut handles DELETE /v1/sessions/{id}, an address that phones and sites share:
// the scheme of the Authorization says who is asking (RFC 9110, section 11.1).
func SignOut(byPhone, bySite echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		scheme, _, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
		switch strings.ToLower(scheme) {
		case "bearer":
			return byPhone(c)
		case "basic":
			return bySite(c)
		}
		return problem.Unauthorized("Send a phone's access token as Bearer, or an app's id and secret as Basic.", phone.Challenge, site.Challenge)
	}
}
