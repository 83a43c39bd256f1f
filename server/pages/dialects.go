package pages

import (
	"net/http"
	"path"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// What the dialects ask of the pages.

// Avatar returns the JPEG of who has scanned l, if the app discloses it to the
// browser and the picture is one of ours; else nil.
func (p *Pages) Avatar(l login.Login) []byte {
	app, ok := p.Service.App(l.App)
	if !ok || app.Disclose == login.DiscloseNothing || path.Ext(l.Profile.Picture) != ".jpg" {
		return nil
	}
	body, _, _ := p.files.Read(p.asset(l.Profile.Picture))
	return body
}

// TicketRefused tells people that their ticket did not let them in.
func (p *Pages) TicketRefused(c echo.Context) error {
	return p.problem(c, problem{
		status: http.StatusForbidden,
		title:  "problem.ticket",
		what:   "problem.ticket_more",
		link:   "/", label: "login.fresh",
	})
}
