package pages

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// overviewPage is the phone's own page: what asks, and who is in.
type overviewPage struct {
	view
	promptList
	Sessions []device
}

// promptList are the questions that wait for this phone.
type promptList struct {
	Version string // changes with the list
	Prompts []prompt
}

type prompt struct {
	ID    login.Handle
	Site  site
	Agent string // of the browser
	Asked time.Time
	Push  bool // sent to the phone, not scanned by it
}

type device struct {
	ID                login.SessionID
	Site              site
	Agent             string // of the browser
	Address           netip.Addr
	Created, LastSeen time.Time
}

func (p *Pages) overview(c echo.Context) error {
	who, ok := p.identity(c)
	if !ok {
		return p.askSignIn(c, http.StatusOK, "/phone")
	}
	list, err := p.listPrompts(c, who)
	if err != nil {
		return p.fail(c, err)
	}
	sessions, err := p.Service.SessionsOf(c.Request().Context(), who.Phone)
	if err != nil {
		return p.fail(c, err)
	}
	page := overviewPage{view: p.begin(c, who), promptList: list}
	for _, v := range sessions {
		page.Sessions = append(page.Sessions, device{
			ID: v.ID, Site: p.siteOf(v.App, ""), Agent: v.Browser.UserAgent.String(),
			Address: v.Browser.Addr, Created: v.Created, LastSeen: v.LastSeen,
		})
	}
	return p.render(c, http.StatusOK, "home", "", page)
}

// prompts is the part of the overview that refreshes itself: a question that was
// sent without a scan must appear while the page is open.
func (p *Pages) prompts(c echo.Context) error {
	who, ok := p.identity(c)
	if !ok {
		p.headers(c, "")
		return c.String(http.StatusUnauthorized, "signed out")
	}
	list, err := p.listPrompts(c, who)
	if err != nil {
		return p.fail(c, err)
	}
	return p.render(c, http.StatusOK, "prompts", "", list)
}

func (p *Pages) listPrompts(c echo.Context, who login.Identity) (promptList, error) {
	logins, err := p.Service.Undecided(c.Request().Context(), who.Phone)
	if err != nil {
		return promptList{}, err
	}
	var list promptList
	ids := make([]string, 0, len(logins))
	for _, l := range logins {
		ids = append(ids, string(l.Handle))
		list.Prompts = append(list.Prompts, prompt{
			ID: l.Handle, Site: p.siteOf(l.App, l.RedirectURI.String()),
			Agent: l.Browser.UserAgent.String(), Asked: l.Started, Push: l.Push,
		})
	}
	list.Version = strings.Join(ids, " ")
	return list, nil
}

func (p *Pages) endSession(c echo.Context) error {
	who, ok, answered := p.poster(c, "/phone")
	if !ok {
		return answered
	}
	err := p.Service.SignOutByPhone(p.fromPhone(c), who.Phone, c.Param("id"))
	if err != nil && !isGone(err) {
		return p.fail(c, err)
	}
	return p.redirect(c, "/phone")
}
