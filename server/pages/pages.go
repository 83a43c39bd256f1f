// Package pages holds the HTML that people see: the demo's login page, and the
// pages of a phone that has no app. Of the login it uses only what package login
// exports; what it says is in the templates and their messages.
//
// Three rules hold for all of it. A GET changes nothing: link previews, scanners and
// prefetching browsers open whatever they are shown. A POST must come from a page of
// ours: see guard.go. And a page may be framed by nobody. The page for browsers without
// scripts is the exception to the first and the last of them: see embed.go.
package pages

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/assets"
	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/templates"
)

// DemoApp is the id of the app that the demo's login page signs people in to.
const DemoApp = "demo"

// Account is somebody who may sign in on the phone's pages.
type Account struct {
	Identity login.Identity
	Password string // empty: one tap is enough, which only a demo on loopback may allow
}

// Options say what New needs. Service and PublicURL are mandatory.
type Options struct {
	Service   *login.Service
	PublicURL string   // the only source of absolute URLs
	Hosts     []string // further hosts this server answers for; "*": any
	Demo      bool     // the login page at / and the demo phone beside it
	Accounts  []Account
	SignIn    Provider // where people without an account sign in; nil: nowhere
	Secure    bool     // cookies travel on HTTPS only
	Log       *slog.Logger

	Passkeys *passkey.RelyingParty // nil: there are none here

	Places Places                   // nil: nobody knows any
	Scans  *limit.PerMinute         // how many codes a person may hand in, by Phone.Key; nil: no limit
	Limit  func(login.Browser) bool // whether this browser may start one more login; nil: any may

	Waiters *limit.Waiters // counts those who wait; nil: any number may
	Refused func()         // told of each password and answer too many; may be nil

	SignInsPerAddress   int // returns from SignIn, each of which costs a request to it, a minute; 0: any number
	PasswordsPerAddress int // wrong or right ones, a minute; 0: any number
}

// Pages serves the pages. It is safe for concurrent use.
type Pages struct {
	Options
	origin    string // of PublicURL
	files     *assets.Files
	languages map[string]*templates.Language
	hold      time.Duration // of a waiting page's request
	passwords passwords
	answers   *limit.PerMinute // of SignIn
	frames    *frames
}

// New reads templates and assets.
func New(o Options) (*Pages, error) {
	if o.Service == nil {
		return nil, errors.New("pages need a service")
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" {
		return nil, fmt.Errorf("pages need an absolute public URL, not %q", o.PublicURL)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pages{Options: o, origin: public.Scheme + "://" + public.Host, hold: 25 * time.Second}
	p.passwords = newPasswords(o.PasswordsPerAddress, o.Refused)
	p.answers = limit.NewPerMinute(o.SignInsPerAddress).Report(o.Refused)
	p.frames = newFrames()
	if p.files, err = assets.New(); err != nil {
		return nil, err
	}
	if p.languages, err = templates.Parse(p.functions); err != nil {
		return nil, err
	}
	return p, nil
}

// Routes adds the pages and the assets to e.
func (p *Pages) Routes(e *echo.Echo) {
	read := []string{http.MethodGet, http.MethodHead}
	files := echo.WrapHandler(p.files)
	e.Match(read, assets.Prefix+"*", files)
	e.Match(read, assets.WidgetPath, files)
	e.Match(read, assets.WidgetVersionedPath, files)
	e.Match(read, "/", p.home)

	e.Match(read, "/embed", p.embed)
	e.GET(plainPath, p.startPlain)
	e.GET(plainPath+"/:id", p.plain)

	e.Match(read, "/l/:code", p.open)
	e.POST("/l/:code", p.scanOpened)

	e.Match(read, "/phone", p.overview)
	e.GET("/phone/prompts", p.prompts)
	e.POST("/phone/scan", p.scanTyped)
	e.POST("/phone/frame", p.frame)
	e.Match(read, "/phone/manifest.webmanifest", p.manifest)
	e.Match(read, "/phone/sign-in", p.signInAgain)
	e.POST("/phone/sign-in", p.signIn)
	e.POST("/phone/passkeys", p.enrol)
	e.POST("/phone/sign-out", p.signOut)
	e.POST("/phone/sessions/:id/sign-out", p.endSession)

	e.Match(read, "/phone/scans/:id", p.scan)
	e.GET("/phone/scans/:id/state", p.scanState)
	e.POST("/phone/scans/:id/approve", p.approve)
	e.POST("/phone/scans/:id/deny", p.deny)

	if p.SignIn != nil {
		e.GET(beginPath, p.beginSignIn)
		e.GET(CallbackPath, p.finishSignIn)
	}
	if p.Demo {
		e.Match(read, "/demo/scan/:id", p.demoScan)
	}
}

// view is what every page's template is given; the pages embed it.
type view struct {
	Nonce string         // of the one inline script of /
	CSRF  string         // for the forms of this visit
	Me    *login.Profile // who is signed in on the phone; nil: nobody
}

// render answers with a page that nobody may frame.
func (p *Pages) render(c echo.Context, status int, name string, nonce string, data any) error {
	p.headers(c, nonce)
	return p.write(c, status, name, data)
}

// write answers with a page whose headers are set, in the language of the visit.
func (p *Pages) write(c echo.Context, status int, name string, data any) error {
	l := p.language(c)
	var page bytes.Buffer
	if err := l.Execute(&page, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	c.Response().Header().Add("Vary", "Accept-Language")
	c.Response().Header().Set("Content-Language", l.Tag())
	return c.HTMLBlob(status, page.Bytes())
}

// headers are those of every page. Not "no-referrer": a login that is started by a
// script tag without a Referer is refused, and POSTs would lose their Origin.
func (p *Pages) headers(c echo.Context, nonce string) {
	script := "'self'"
	if nonce != "" {
		script += " 'nonce-" + nonce + "'"
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src "+script+"; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Permissions-Policy", cameraPolicy(c))
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// redirect sends the browser to another page of ours, by GET.
func (p *Pages) redirect(c echo.Context, to string) error {
	p.headers(c, "")
	return c.Redirect(http.StatusSeeOther, to)
}

// problemPage is a page that says what is the matter and what to do next. Title, What
// and Label name messages.
type problemPage struct {
	view
	Title, What string
	English     string // more of it, of which there is no translation
	Link, Label string // the way on; both may be empty
}

// Error answers with a page in words, for whatever has no page of its own. title and
// what are English: in other languages people are told in general terms.
func (p *Pages) Error(c echo.Context, status int, title, what string) error {
	page := problemPage{Title: title, What: what}
	if p.language(c).Name != templates.Fallback {
		page = general(status)
		page.English = title + ". " + what
	}
	return p.render(c, status, "problem", "", page)
}

// general says no more than a status does.
func general(status int) problemPage {
	switch {
	case status == http.StatusNotFound:
		return problemPage{Title: "problem.no_page", What: "problem.no_page_more"}
	case status == http.StatusTooManyRequests:
		return problemPage{Title: "problem.too_fast", What: "problem.too_fast_more"}
	case status >= http.StatusInternalServerError:
		return problemPage{Title: "problem.unavailable", What: "problem.unavailable_more"}
	}
	return problemPage{Title: "problem.refused", What: "problem.refused_more"}
}

// fail answers an error of the service with the page that explains it.
func (p *Pages) fail(c echo.Context, err error) error {
	for _, known := range problems {
		if errors.Is(err, known.err) {
			return p.problem(c, known)
		}
	}
	p.Log.ErrorContext(c.Request().Context(), "page failed", "route", c.Path(), "err", err)
	return p.problem(c, unavailable())
}

func (p *Pages) problem(c echo.Context, what problem) error {
	return p.render(c, what.status, "problem", "", problemPage{
		Title: what.title, What: what.what, Link: what.link, Label: what.label,
	})
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}
