package pages

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// This file is the login page for a frame on a registered site, or for a window: the
// widget, which tells the page around the frame how far the login has come. Browsers
// without scripts are led on to the pages of embed_plain.go.

var (
	languageTag = regexp.MustCompile(`^[A-Za-z0-9_-]{0,35}$`)
	// nonceShape is that of what the page around a frame knows its messages by.
	nonceShape = regexp.MustCompile(`^([A-Za-z0-9_-]{8,64})?$`)
	// framingOrigin keeps what ends a source or a directive out of the policy.
	framingOrigin = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+$`)
)

// The errors of these pages that package login has no word for.
var (
	errUnopened   = errors.New("nobody opened the page")
	errMalformed  = errors.New("the parameters are malformed")
	errOtherStart = errors.New("another browser began it")
	errGoneStart  = errors.New("the login is over")

	errForeignFrame = errors.New("the page around the frame is not registered")
)

var embedProblems = []problem{
	{err: login.ErrUnknownApp, status: http.StatusNotFound, title: "embed.unknown_app", what: "embed.unknown_app_more"},
	{err: login.ErrRedirectURI, status: http.StatusBadRequest, title: "embed.cannot_begin", what: "embed.redirect_more"},
	{err: login.ErrTooLong, status: http.StatusBadRequest, title: "embed.cannot_begin", what: "embed.malformed_more"},
	{err: errForeignFrame, status: http.StatusBadRequest, title: "embed.cannot_begin", what: "embed.origin_more"},
	{err: errMalformed, status: http.StatusBadRequest, title: "embed.cannot_begin", what: "embed.malformed_more"},
	{err: errUnopened, status: http.StatusServiceUnavailable, title: "embed.unopened", what: "embed.unopened_more", label: "embed.begin"},
	{err: errTooFast, status: http.StatusTooManyRequests, title: "embed.too_many", what: "embed.too_fast_more", label: "login.retry"},
	{err: login.ErrFull, status: http.StatusServiceUnavailable, title: "embed.too_many", what: "embed.full_more", label: "login.retry"},
	{err: errOtherStart, status: http.StatusForbidden, title: "embed.other_start", what: "embed.other_start_more", label: "embed.begin_here"},
	{err: errGoneStart, status: http.StatusNotFound, title: "embed.gone", what: "embed.gone_more", label: "login.fresh"},
}

const withUserCode = "1"

// embedStart is what the address of /embed asks for. The pages' own addresses repeat it,
// so that one can begin anew when the login is long forgotten.
type embedStart struct {
	App, RedirectURI, State, Lang string

	UserCode      string // "1": with a short code, which only the page without scripts asks for here
	Theme         string // of the widget
	Origin, Nonce string // of the page around the frame, which is told what happens; may be empty
}

func (s *embedStart) fields() map[string]*string {
	return map[string]*string{
		"app": &s.App, "redirect_uri": &s.RedirectURI, "state": &s.State, "lang": &s.Lang, "user_code": &s.UserCode,
		"theme": &s.Theme, "origin": &s.Origin, "nonce": &s.Nonce,
	}
}

func readEmbedStart(r *http.Request) (embedStart, bool) {
	var s embedStart
	q, err := url.ParseQuery(r.URL.RawQuery)
	for name, field := range s.fields() {
		if len(q[name]) > 1 {
			return embedStart{}, false
		}
		*field = q.Get(name)
	}
	return s, err == nil && languageTag.MatchString(s.Lang) && nonceShape.MatchString(s.Nonce) &&
		(s.UserCode == "" || s.UserCode == withUserCode) && slices.Contains([]string{"", "auto", "light", "dark"}, s.Theme) && (s.Origin == "") == (s.Nonce == "")
}

func (s embedStart) query() string {
	q := url.Values{}
	for name, field := range s.fields() {
		if *field != "" || name == "app" {
			q.Set(name, *field)
		}
	}
	return "?" + q.Encode()
}

// of is the app that somebody may start a login of, from this address.
func (s embedStart) of(service *login.Service) (*login.App, error) {
	app, ok := service.App(s.App)
	switch {
	case !ok:
		return nil, login.ErrUnknownApp
	case s.Origin != "" && (!framingOrigin.MatchString(s.Origin) || !slices.Contains(app.Origins, s.Origin)):
		return nil, errForeignFrame
	}
	if _, ok := app.RedirectURI(s.RedirectURI); !ok {
		return nil, login.ErrRedirectURI
	}
	return app, nil
}

// typing is the same start with a short code.
func (s embedStart) typing() embedStart {
	s.UserCode = withUserCode
	return s
}

type embedPage struct {
	App    *login.App
	Start  embedStart
	Plain  string // where it goes on without scripts
	Framed bool
	Demo   bool
}

// embed shows the widget, which starts the login.
func (p *Pages) embed(c echo.Context) error {
	start, ok := readEmbedStart(c.Request())
	if !ok {
		return p.embedProblem(c, start, errMalformed)
	}
	app, err := start.of(p.Service)
	if err != nil {
		return p.embedProblem(c, start, err)
	}
	p.speakFor(c, app.ID)
	p.embedHeaders(c, app.ID, "script-src 'self'; connect-src 'self'; ")
	return p.write(c, http.StatusOK, "embed", embedPage{
		App: app, Start: start, Plain: plainPath + start.query(), Framed: framed(c.Request()), Demo: p.Demo,
	})
}

// framed tells whether a page is a frame's. Old browsers do not say.
func framed(r *http.Request) bool { return strings.HasSuffix(r.Header.Get("Sec-Fetch-Dest"), "frame") }

// embedHeaders are those of pages that the app's sites may frame. scripts is what their
// policy says of scripts.
func (p *Pages) embedHeaders(c echo.Context, appID, scripts string) {
	by := "'self'"
	if app, ok := p.Service.App(appID); ok {
		for _, origin := range app.Origins {
			if framingOrigin.MatchString(origin) {
				by += " " + origin
			}
		}
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; "+scripts+"style-src 'self'; img-src 'self' "+p.origin+"; "+
		"form-action 'none'; base-uri 'none'; frame-ancestors "+by)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
}

// embedProblem says what is the matter. Whatever can be mended by beginning anew leads there.
func (p *Pages) embedProblem(c echo.Context, start embedStart, err error) error {
	what := unavailable()
	what.label = "login.retry"
	if i := slices.IndexFunc(embedProblems, func(known problem) bool { return errors.Is(err, known.err) }); i >= 0 {
		what = embedProblems[i]
	} else {
		p.Log.ErrorContext(c.Request().Context(), "page failed", "route", c.Path(), "err", err)
	}
	p.speakFor(c, start.App)
	page := problemPage{Title: what.title, What: what.what, Label: what.label}
	if _, ok := p.Service.App(start.App); ok && what.label != "" {
		page.Link = "/embed" + start.query()
	}
	p.embedHeaders(c, start.App, "")
	return p.write(c, what.status, "problem", page)
}
