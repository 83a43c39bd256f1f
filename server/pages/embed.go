package pages

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// This file is the login page for browsers without scripts, in a window or in a frame
// of a registered site: /embed starts a login and leads to a page that refreshes itself.
//
// A frame's address is all that a site can give such a browser, so here a GET starts
// something. It does so only for what a person opened, and a login costs little. The
// address of the page holds the login id: frames of other sites have no cookies. So
// nothing on it tells another server where it came from, and it is shown to the browser
// that began it only. Else its address, sent to somebody, would be a genuine page with
// the sender's code, and with the sender's number.

const (
	cookieEmbed = "qrlatch_embed" // the handle of the login that was begun here last, signed

	keptAgent = 512 // bytes of a User-Agent, which a login keeps

	refreshPending = 5 * time.Second
	refreshScanned = 2 * time.Second
	refreshOver    = time.Second // until the browser goes on by itself
)

var (
	languageTag = regexp.MustCompile(`^[A-Za-z0-9_-]{0,35}$`)
	// framingOrigin keeps what ends a source or a directive out of the policy.
	framingOrigin = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+$`)
)

// The errors of this page that package login has no word for.
var (
	errUnopened   = errors.New("nobody opened the page")
	errMalformed  = errors.New("the parameters are malformed")
	errOtherStart = errors.New("another browser began it")
	errGoneStart  = errors.New("the login is over")
)

const malformedStart = "The address that led here is not put together well. Nothing is wrong with your browser: please tell the site."

var embedProblems = []problem{
	{err: login.ErrUnknownApp, status: http.StatusNotFound, title: "This site is not known here",
		what: "The address that led here names no site that uses this server. Go back to the site that you want to use."},
	{err: login.ErrRedirectURI, status: http.StatusBadRequest, title: "This sign-in cannot begin",
		what: "The site wants to send you to an address that it has not registered here. Nothing is wrong with your browser: please tell the site."},
	{err: login.ErrTooLong, status: http.StatusBadRequest, title: "This sign-in cannot begin", what: malformedStart},
	{err: errMalformed, status: http.StatusBadRequest, title: "This sign-in cannot begin", what: malformedStart},
	{err: errUnopened, status: http.StatusServiceUnavailable, title: "Nothing was begun",
		what: "A sign-in begins when you open this page yourself.", label: "Begin"},
	{err: errTooFast, status: http.StatusTooManyRequests, title: "Too many sign-ins",
		what: "A lot of them were begun from your network in one minute. Wait a minute and try again.", label: "Try again"},
	{err: login.ErrFull, status: http.StatusServiceUnavailable, title: "Too many sign-ins",
		what: "A lot of people are signing in just now. Please try again in a moment.", label: "Try again"},
	{err: errOtherStart, status: http.StatusForbidden, title: "Another browser began this",
		what: "A sign-in goes on where it began. If somebody sent you this address, do not scan a code for them: it would let them in as you.", label: "Begin here"},
	{err: errGoneStart, status: http.StatusNotFound, title: "This sign-in is over",
		what: "It ended some time ago, and nobody can be signed in by it.", label: "Show a new code"},
}

// embedStart is what the address of /embed asks for. The page's own address repeats it,
// so that one can begin anew when the login is long forgotten.
type embedStart struct{ App, RedirectURI, State, Lang string }

func readEmbedStart(r *http.Request) (embedStart, bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	for _, name := range []string{"app", "redirect_uri", "state", "lang"} {
		if len(q[name]) > 1 {
			return embedStart{}, false
		}
	}
	s := embedStart{App: q.Get("app"), RedirectURI: q.Get("redirect_uri"), State: q.Get("state"), Lang: q.Get("lang")}
	return s, err == nil && languageTag.MatchString(s.Lang)
}

func (s embedStart) query() string {
	q := url.Values{"app": {s.App}}
	for name, value := range map[string]string{"redirect_uri": s.RedirectURI, "state": s.State, "lang": s.Lang} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "?" + q.Encode()
}

// startEmbed begins a login for a browser without scripts.
func (p *Pages) startEmbed(c echo.Context) error {
	r := c.Request()
	start, ok := readEmbedStart(r)
	if !ok {
		return p.embedProblem(c, start, errMalformed)
	}
	if _, ok := p.Service.App(start.App); !ok {
		return p.embedProblem(c, start, login.ErrUnknownApp)
	}
	if !opened(r) {
		return p.embedProblem(c, start, errUnopened)
	}
	if p.Limit != nil && !p.Limit(browserOf(c)) {
		c.Response().Header().Set("Retry-After", "60")
		return p.embedProblem(c, start, errTooFast)
	}
	id, l, err := p.Service.Start(r.Context(), login.Request{
		App: start.App, RedirectURI: start.RedirectURI, SiteState: start.State, Lang: start.Lang, Browser: browserOf(c),
	})
	if err != nil {
		return p.embedProblem(c, start, err)
	}
	p.setCookie(c, cookieEmbed, "/embed", p.seal(cookieEmbed, l.Handle), time.Until(l.Deadline)+time.Hour)
	p.embedHeaders(c, start.App)
	return c.Redirect(http.StatusSeeOther, "/embed/"+string(id)+start.query())
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

type embedPage struct {
	App     *login.App
	State   string
	Framed  bool
	Refresh string // as the header of that name; empty: the page stays as it is

	Picture string // of the codes
	Phone   string // the demo's
	Face    *login.Profile
	Number  string
	Onward  string // where a browser that is let in goes
	Again   string // begins a new login
}

// embed shows how far a login has come.
func (p *Pages) embed(c echo.Context) error {
	r := c.Request()
	id := c.Param("id")
	l, err := p.Service.Get(r.Context(), login.Holder{ID: id})
	if isGone(err) {
		start, _ := readEmbedStart(r)
		return p.embedProblem(c, start, errGoneStart)
	}
	start := embedStart{App: l.App, RedirectURI: l.RedirectURI, State: l.SiteState, Lang: l.Lang}
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
	dest := r.Header.Get("Sec-Fetch-Dest")
	page := embedPage{App: app, State: l.State.String(), Framed: strings.HasSuffix(dest, "frame"), Again: "/embed" + start.query()}
	wait, to := time.Duration(0), ""
	switch l.State {
	case login.Pending:
		wait, page.Picture = refreshPending, "/qrcode/"+id+".gif"
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
		if dest == "document" && page.Onward != "" {
			wait, to = refreshOver, ";url="+page.Onward
		}
	case login.Redeemed, login.Denied, login.Expired:
	}
	p.embedHeaders(c, app.ID)
	if wait > 0 {
		page.Refresh = strconv.Itoa(int(wait/time.Second)) + to
		c.Response().Header().Set("Refresh", page.Refresh)
	}
	return p.write(c, http.StatusOK, "embed", page)
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
	return here == l.Browser
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

// embedHeaders are those of pages that the app's sites may frame.
func (p *Pages) embedHeaders(c echo.Context, appID string) {
	by := "'self'"
	if app, ok := p.Service.App(appID); ok {
		for _, origin := range app.Origins {
			if framingOrigin.MatchString(origin) {
				by += " " + origin
			}
		}
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; "+
		"form-action 'none'; base-uri 'none'; frame-ancestors "+by)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
}

// embedProblem says what is the matter. Whatever can be mended by beginning anew leads there.
func (p *Pages) embedProblem(c echo.Context, start embedStart, err error) error {
	what := unavailable()
	what.label = "Try again"
	if i := slices.IndexFunc(embedProblems, func(known problem) bool { return errors.Is(err, known.err) }); i >= 0 {
		what = embedProblems[i]
	} else {
		p.Log.ErrorContext(c.Request().Context(), "page failed", "route", c.Path(), "err", err)
	}
	page := problemPage{Title: what.title, What: what.what, Label: what.label}
	if _, ok := p.Service.App(start.App); ok && what.label != "" {
		page.Link = "/embed" + start.query()
	}
	p.embedHeaders(c, start.App)
	return p.write(c, what.status, "problem", page)
}
