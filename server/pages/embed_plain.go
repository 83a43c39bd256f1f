package pages

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// This file is the login page for browsers without scripts, in a window or in a frame
// of a registered site: its address starts a login and leads to a page that refreshes
// itself.
//
// A frame's address is all that a site can give such a browser, so here a GET starts
// something. It does so only for what a person opened, and a login costs little. The
// address of the page holds the login id: frames of other sites have no cookies. So
// nothing on it tells another server where it came from, and it is shown to the browser
// that began it only. Else its address, sent to somebody, would be a genuine page with
// the sender's code, and with the sender's number.

const (
	plainPath   = "/embed/plain"
	cookieEmbed = "qrlatch_embed" // the handle of the login that was begun here last, signed

	keptAgent = 512 // bytes of a User-Agent, which a login keeps

	refreshPending = 5 * time.Second
	refreshScanned = 2 * time.Second
	refreshOver    = time.Second // until the browser goes on by itself

	deadPause = time.Second // before a page of no login: ids are not to be had by trying
)

// startPlain begins a login for a browser without scripts.
func (p *Pages) startPlain(c echo.Context) error {
	r := c.Request()
	start, ok := readEmbedStart(r)
	if !ok {
		return p.embedProblem(c, start, errMalformed)
	}
	if _, err := start.of(p.Service); err != nil {
		return p.embedProblem(c, start, err)
	}
	if !opened(r) {
		return p.embedProblem(c, start, errUnopened)
	}
	if p.Limit != nil && !p.Limit(browserOf(c)) {
		p.Waiters.Pause(r.Context(), browserOf(c).Addr, limit.Patience)
		c.Response().Header().Set("Retry-After", "60")
		return p.embedProblem(c, start, errTooFast)
	}
	id, l, err := p.Service.Start(r.Context(), login.Request{
		App: start.App, RedirectURI: start.RedirectURI, SiteState: start.State, Lang: start.Lang, Browser: browserOf(c),
		UserCode: start.UserCode == withUserCode, Dialect: "page",
	})
	if errors.Is(err, login.ErrFull) {
		p.Waiters.Pause(r.Context(), browserOf(c).Addr, limit.Patience)
	}
	if err != nil {
		return p.embedProblem(c, start, err)
	}
	p.setCookie(c, cookieEmbed, plainPath, p.seal(cookieEmbed, l.Handle), time.Until(l.Deadline)+time.Hour)
	p.embedHeaders(c, start.App, "")
	return c.Redirect(http.StatusSeeOther, plainPath+"/"+string(id)+start.query())
}

func browserOf(c echo.Context) login.Browser {
	addr, _ := netip.ParseAddr(c.RealIP()) // the zero Addr if it has none
	return login.Browser{Addr: addr.Unmap(), UserAgent: c.Request().UserAgent()}
}

// opened tells whether a person opened the page, in a window or in a frame. Prefetching
// must begin nothing, and neither must an image tag on somebody else's page.
func opened(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Purpose") == "" && h.Get("Purpose") == "" && h.Get("X-Moz") == "" &&
		slices.Contains([]string{"", "document", "iframe", "frame"}, h.Get("Sec-Fetch-Dest"))
}

type plainPage struct {
	App     *login.App
	State   string
	Framed  bool
	Refresh string // as the header of that name; empty: the page stays as it is

	Picture string // of the codes
	Code    string // a short one, to type at PhoneAt; may be empty
	PhoneAt string
	Type    string // begins a new login with a short code
	Phone   string // the demo's
	Face    *login.Profile
	Number  string
	Onward  string // where a browser that is let in goes
	Again   string // begins a new login
}

// plain shows how far a login has come.
func (p *Pages) plain(c echo.Context) error {
	r := c.Request()
	id := c.Param("id")
	l, err := p.Service.Get(r.Context(), login.Holder{ID: id, Addr: browserOf(c).Addr, ShowsNumber: true})
	if isGone(err) {
		p.Waiters.Pause(r.Context(), browserOf(c).Addr, deadPause)
		start, _ := readEmbedStart(r)
		return p.embedProblem(c, start, errGoneStart)
	}
	start := embedStart{App: l.App, RedirectURI: l.RedirectURI.String(), State: l.SiteState, Lang: l.Lang}
	if l.UserCode != 0 {
		start = start.typing()
	}
	if err != nil {
		return p.embedProblem(c, start, err)
	}
	app, ok := p.Service.App(l.App)
	if !ok {
		return p.embedProblem(c, start, login.ErrUnknownApp)
	}
	if !p.beganHere(c, l) {
		return p.embedProblem(c, start, errOtherStart)
	}
	p.speakFor(c, app.ID)
	page := plainPage{App: app, State: l.State.String(), Framed: framed(r), Again: plainPath + start.query()}
	wait, to := time.Duration(0), ""
	switch l.State {
	case login.Pending:
		wait, page.Picture = refreshPending, "/qrcode/"+id+".gif"
		page.Code, _ = p.Service.UserCode(l, time.Now())
		_, host, _ := strings.Cut(p.origin, "://")
		page.PhoneAt, page.Type = host+"/phone", plainPath+start.typing().query()
		if p.Demo {
			page.Phone = "/demo/scan/" + id
		}
	case login.Scanned:
		wait, page.Face = refreshScanned, disclosed(app, l)
		page.Number, _ = p.Service.Number(l)
	case login.Approved:
		// Only a person's click leads a whole window out of a frame. The page must not
		// move under that click: it comes again only when it is too late.
		wait, page.Face = time.Until(l.Deadline)+time.Second, &l.Profile
		page.Onward, _ = p.Service.RedirectURI(l)
		if r.Header.Get("Sec-Fetch-Dest") == "document" && page.Onward != "" {
			wait, to = refreshOver, ";url="+page.Onward
		}
	case login.Redeemed, login.Denied, login.Expired:
	}
	p.embedHeaders(c, app.ID, "")
	if wait > 0 {
		page.Refresh = strconv.Itoa(int(wait/time.Second)) + to
		c.Response().Header().Set("Refresh", page.Refresh)
	}
	return p.write(c, http.StatusOK, "plain", page)
}

// beganHere tells whether this browser began the login: by its cookie where it keeps
// one, else by its address and what it calls itself.
func (p *Pages) beganHere(c echo.Context, l login.Login) bool {
	var begun login.Handle
	if p.unseal(cookieEmbed, cookieValue(c, cookieEmbed), &begun) && begun == l.Handle {
		return true
	}
	here := browserOf(c)
	here.UserAgent = here.UserAgent[:min(len(here.UserAgent), keptAgent)]
	return here == l.Browser.Shown()
}

// disclosed is as much of the person as the app lets a browser know before the approval.
func disclosed(app *login.App, l login.Login) *login.Profile {
	switch app.Disclose {
	case login.DiscloseAvatar:
		return &login.Profile{Picture: l.Profile.Picture}
	case login.DiscloseName:
		return &l.Profile
	case login.DiscloseNothing:
	}
	return nil
}
