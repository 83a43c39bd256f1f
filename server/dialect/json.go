package dialect

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/jsontext"
	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/problem"
)

// JSON is our own dialect, in plain JSON: a page starts a login and asks how far it
// has come, at once (the plain Ajax poll, every second or five) or held until its
// state has changed. Errors are problems (RFC 9457). Pages of registered origins may
// use it across origins; for those without CORS there is the same as JSONP.
type JSON struct {
	Service   *login.Service
	PublicURL string
	Limit     func(login.Browser) bool // whether this browser may start one more login; nil: any may
	Waiters   *limit.Waiters           // counts those who wait; nil: any number may
	Polls     *limit.PerMinute         // by login, of every dialect that polls: see NewPolls; nil: any number may be
	Lot       *park.Lot                // where polls wait; nil: on their goroutines
}

const (
	interval = 1  // how many seconds a client should leave between two polls
	maxWait  = 60 // seconds
)

// Routes adds the dialect's endpoints.
func (j *JSON) Routes(e *echo.Echo) {
	e.POST("/v1/logins", j.start)
	e.GET("/v1/logins.js", j.startScript)
	e.GET("/v1/logins/:id", j.poll) // and {id}.js
	e.OPTIONS("/v1/logins", j.preflight)
	e.OPTIONS("/v1/logins/:id", j.preflight)
}

// loginView is a login as its browser sees it.
type loginView struct {
	ID          login.ID  `json:"id"`
	State       string    `json:"state"`
	QR          qrView    `json:"qr,omitzero"`         // while pending
	UserCode    string    `json:"user_code,omitempty"` // while pending, if the start asked for it
	User        *userView `json:"user,omitempty"`      // what the app lets the browser know
	Number      string    `json:"number,omitempty"`    // to be repeated on the phone
	RedirectURI string    `json:"redirect_uri,omitempty"`
	ExpiresIn   int       `json:"expires_in"` // seconds
	Interval    int       `json:"interval,omitempty"`
	Lang        string    `json:"lang,omitempty"` // when it starts: what was asked for, else the app's
}

type qrView struct {
	Text      string `json:"text"`
	Image     string `json:"image"`
	ExpiresIn int    `json:"expires_in"` // seconds until the next code
}

type userView struct {
	Name    string `json:"name,omitempty"`
	Picture string `json:"picture,omitempty"`
}

// view says how l stands at now. Every dialect that speaks JSON says it so.
func view(s *login.Service, publicURL string, id login.ID, l login.Login, now time.Time) loginView {
	v := loginView{ID: id, State: l.State.String(), User: user(s, l), ExpiresIn: secondsUntil(l.Deadline, now)}
	if l.State.Final() {
		v.ExpiresIn = 0
	}
	if code, fresh, ok := s.Code(l, now); ok {
		v.QR = qrView{
			Text: publicURL + "/l/" + code,
			// The code's end makes a new address of each picture, and only of the picture.
			Image:     publicURL + "/qrcode/" + string(id) + ".png?v=" + code[len(code)-4:],
			ExpiresIn: secondsUntil(now.Add(fresh), now),
		}
	}
	v.UserCode, _ = s.UserCode(l, now)
	v.Number, _ = s.Number(l)
	v.RedirectURI, _ = s.RedirectURI(l)
	return v
}

// user is nobody until the phone has scanned; before the approval the app's setting
// says how much of the person a browser may know.
func user(s *login.Service, l login.Login) *userView {
	app, ok := s.App(l.App)
	if !ok {
		return nil
	}
	known := userView{Name: l.Profile.Name, Picture: l.Profile.Picture}
	switch l.State {
	case login.Approved, login.Redeemed:
	case login.Scanned:
		if app.Disclose == login.DiscloseNothing {
			return nil
		}
		if app.Disclose == login.DiscloseAvatar {
			known.Name = ""
		}
	case login.Pending, login.Denied, login.Expired:
		return nil
	}
	if known == (userView{}) {
		return nil
	}
	shown := known // which is memory of its own only for who is shown
	return &shown
}

// json is what encoding/json would write: it is here what the fields say.
func (v *loginView) json() []byte {
	o := jsontext.Begin(200 + len(v.QR.Text) + len(v.QR.Image) + len(v.RedirectURI))
	o.Text("id", string(v.ID))
	o.Text("state", v.State)
	if v.QR != (qrView{}) {
		o.Open("qr")
		o.Text("text", v.QR.Text)
		o.Text("image", v.QR.Image)
		o.Number("expires_in", v.QR.ExpiresIn)
		o.Close()
	}
	o.OptionalText("user_code", v.UserCode)
	if v.User != nil {
		o.Open("user")
		o.OptionalText("name", v.User.Name)
		o.OptionalText("picture", v.User.Picture)
		o.Close()
	}
	o.OptionalText("number", v.Number)
	o.OptionalText("redirect_uri", v.RedirectURI)
	o.Number("expires_in", v.ExpiresIn)
	if v.Interval != 0 {
		o.Number("interval", v.Interval)
	}
	o.OptionalText("lang", v.Lang)
	return o.End()
}

func secondsUntil(t, now time.Time) int {
	return max(0, int((t.Sub(now)+time.Second-1)/time.Second))
}

// startRequest is the body of a start; the JSONP form has the same as parameters.
type startRequest struct {
	App         string `json:"app"`
	RedirectURI string `json:"redirect_uri"`
	State       string `json:"state"`
	Lang        string `json:"lang"`
	UserCode    bool   `json:"user_code"`
}

func (r *startRequest) texts() []problem.Text {
	return []problem.Text{{Name: "app", Into: &r.App}, {Name: "redirect_uri", Into: &r.RedirectURI}, {Name: "state", Into: &r.State}, {Name: "lang", Into: &r.Lang}}
}

func (j *JSON) start(c echo.Context) error {
	allowAnyRegistered(c, j.Service) // or the page could not read a problem
	var r startRequest
	// As text/plain a page's start needs no preflight.
	if err := problem.ReadSimpleJSON(c, &r, r.texts()...); err != nil {
		return err
	}
	app, ok := j.Service.App(r.App)
	if !ok {
		return problem.FromLogin(login.ErrUnknownApp)
	}
	// Old browsers send a form of a foreign page without an Origin.
	if !allowOrigin(c, app) || c.Request().Header.Get("Origin") == "" && !mayStart(c.Request(), app) {
		return errForeignPage()
	}
	v, err := j.begin(c, limit.ByJSON, r)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, "application/json; charset=utf-8", v.json())
}

// begin starts a login whose page may do so.
func (j *JSON) begin(c echo.Context, by limit.Dialect, r startRequest) (loginView, error) {
	if !language.MatchString(r.Lang) {
		return loginView{}, problem.BadRequest("lang is a language tag such as en or zh_CN.")
	}
	if app, ok := j.Service.App(r.App); ok {
		r.Lang = cmp.Or(r.Lang, app.Lang)
	}
	ctx, browser := c.Request().Context(), browserOf(c)
	if j.Limit != nil && !j.Limit(browser) {
		pause(ctx, c, j.Waiters, slowStart)
		return loginView{}, problem.RateLimited("Too many logins were started from this address. Try again in a minute.", time.Minute)
	}
	id, l, err := j.Service.Start(ctx, login.Request{
		App: r.App, RedirectURI: r.RedirectURI, SiteState: r.State, Lang: r.Lang, Browser: browser,
		UserCode: r.UserCode, Dialect: by.String(),
	})
	if err != nil {
		if errors.Is(err, login.ErrFull) {
			pause(ctx, c, j.Waiters, slowStart)
		}
		return loginView{}, problem.FromLogin(err)
	}
	v := view(j.Service, j.PublicURL, id, l, time.Now())
	v.Interval = interval
	v.Lang = l.Lang
	return v, nil
}

// poll answers at once, or when the login has left the state since, or after wait.
func (j *JSON) poll(c echo.Context) error {
	id, isScript := strings.CutSuffix(c.Param("id"), ".js")
	if isScript {
		return j.pollScript(c, id)
	}
	allowAnyRegistered(c, j.Service) // or the page could not read a problem
	return j.wait(c, id, limit.ByJSON, allowOrigin, inJSON{})
}
