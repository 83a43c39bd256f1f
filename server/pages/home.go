package pages

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// Cookies of the WeChat dialect that the page at / looks at. Old clients ask / for
// window.MMCgi to learn whether they are signed in.
const (
	cookieSID        = "wxsid"
	cookieUIN        = "wxuin"
	cookieDataTicket = "webwx_data_ticket"
	cookieAuthTicket = "webwx_auth_ticket"
	cookieLastUIN    = "last_wxuin"
)

const lastUINLife = 48 * time.Hour

var accountNumber = regexp.MustCompile(`^[0-9]{1,16}$`)

type loginPage struct {
	view
	App *login.App
	UIN string // set: this browser may ask that account's phone without a code

	Every int64 // milliseconds after which the picture shows another code
}

type insidePage struct {
	view
	App         *login.App
	Session     login.Session
	Credentials login.Credentials
}

func (p *Pages) home(c echo.Context) error {
	nonce := newNonce()
	session, err := p.session(c)
	if err == nil {
		return p.inside(c, nonce, session)
	}
	if !isGone(err) {
		return p.fail(c, err)
	}
	app, ok := p.Service.App(DemoApp)
	if !p.Demo || !ok {
		return p.render(c, http.StatusOK, "server", nonce, view{Nonce: nonce})
	}
	p.speakFor(c, app.ID)
	return p.render(c, http.StatusOK, "login", nonce, loginPage{view: view{Nonce: nonce}, App: app, UIN: askable(c), Every: p.Service.CodeTTL().Milliseconds()})
}

// session returns the session whose browser this is.
func (p *Pages) session(c echo.Context) (login.Session, error) {
	shown := login.Presented{
		SID: cookieValue(c, cookieSID), UIN: cookieValue(c, cookieUIN), DataTicket: cookieValue(c, cookieDataTicket),
	}
	if shown.SID == "" || shown.DataTicket == "" {
		return login.Session{}, login.ErrNotFound
	}
	v, err := p.Service.Authenticate(c.Request().Context(), shown)
	if err == nil && v.Ended != login.Active {
		err = login.ErrNotFound
	}
	return v, err
}

func (p *Pages) inside(c echo.Context, nonce string, v login.Session) error {
	credentials, err := p.Service.Credentials(v)
	if err != nil {
		return p.fail(c, err)
	}
	// Not readable by scripts: WeChat's own page looks for "wxuin=" anywhere in the
	// cookies and would take this one for it.
	p.setCookie(c, cookieLastUIN, "/", strconv.FormatInt(credentials.UIN, 10), lastUINLife)
	p.speakFor(c, v.App)
	app, _ := p.Service.App(v.App)
	return p.render(c, http.StatusOK, "inside", nonce, insidePage{
		view: view{Nonce: nonce}, App: app, Session: v, Credentials: credentials,
	})
}

// askable returns the account whose phone this browser may ask without a code, or "".
// Whether its ticket is any good is found out when it asks.
func askable(c echo.Context) string {
	if cookieValue(c, cookieAuthTicket) == "" {
		return ""
	}
	for _, name := range []string{cookieUIN, cookieLastUIN} {
		if uin := cookieValue(c, name); accountNumber.MatchString(uin) {
			return uin
		}
	}
	return ""
}

func isGone(err error) bool { return errors.Is(err, login.ErrNotFound) }
