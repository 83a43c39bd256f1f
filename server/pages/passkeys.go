package pages

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	apiproblem "qrlatch/server/problem"
)

// passkeyPart is what the question shows where its app asks for a passkey. The options are
// JSON for the script, which alone can ask the phone for one.
type passkeyPart struct {
	Request  string // what to sign; empty: this browser has no passkey to do so
	Creation string // what to enrol; empty: the sign-in is too long ago
	Again    string // where to sign in again
	Refused  bool   // the last answer's was
}

// passkeyPart is nil where l needs no passkey.
func (p *Pages) passkeyPart(c echo.Context, who login.Identity, l login.Login, refused error) *passkeyPart {
	challenge, required := p.Service.PasskeyChallenge(l)
	if !required {
		return nil
	}
	part := &passkeyPart{Again: "/phone/sign-in?next=" + url.QueryEscape(scanPath(l.Handle)), Refused: refused != nil}
	if p.Passkeys == nil {
		return part
	}
	keys := p.Service.Keys()
	if id, ok := p.Passkeys.Enrolled(keys, who.Phone, cookieValue(c, cookiePasskey)); ok {
		part.Request = options(p.Passkeys.Request(challenge, id))
	}
	if creation, err := p.Passkeys.Creation(keys, who); err == nil {
		part.Creation = options(creation)
	}
	return part
}

func options(o any) string {
	text, err := json.Marshal(o)
	if err != nil {
		return "" // none of their types fail, and without any the page says how to go on
	}
	return string(text)
}

// shownPasskey is what the script has put into the form, and the cookie of the enrolment;
// nil if it put nothing there.
func shownPasskey(c echo.Context) *login.Passkey {
	assertion := c.FormValue("assertion")
	if assertion == "" {
		return nil
	}
	return &login.Passkey{Credential: cookieValue(c, cookiePasskey), Assertion: []byte(assertion)}
}

func isPasskey(err error) bool {
	return errors.Is(err, login.ErrPasskeyRequired) || errors.Is(err, login.ErrPasskeyUnknown) || errors.Is(err, login.ErrPasskeyRefused)
}

// needsPasskey asks again.
func (p *Pages) needsPasskey(c echo.Context, who login.Identity, l login.Login, refused error) error {
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, apiproblem.PasskeyChallenge)
	return p.showScanAfter(c, http.StatusUnauthorized, who, l, refused)
}

// enrol keeps a new passkey in this browser, and goes back to the question.
func (p *Pages) enrol(c echo.Context) error {
	next := c.FormValue("next")
	if !localPath(next) {
		next = "/phone"
	}
	who, ok, answered := p.poster(c, next)
	if !ok {
		return answered
	}
	if p.Passkeys == nil {
		return p.fail(c, login.ErrNotFound)
	}
	sealed, _, err := p.Passkeys.Enrol(p.Service.Keys(), who, []byte(c.FormValue("attestation")))
	switch {
	case errors.Is(err, passkey.ErrStale), errors.Is(err, passkey.ErrUndated):
		return p.problem(c, problem{
			status: http.StatusForbidden, title: "passkey.stale", what: "passkey.stale_more",
			link: "/phone/sign-in?next=" + url.QueryEscape(next), label: "passkey.sign_in",
		})
	case errors.Is(err, passkey.ErrInvalid):
		return p.problem(c, problem{
			status: http.StatusBadRequest, title: "passkey.invalid", what: "passkey.invalid_more", link: next, label: "login.retry",
		})
	case err != nil:
		return p.fail(c, err)
	}
	p.setCookie(c, cookiePasskey, "/phone", sealed, passkey.Life)
	return p.redirect(c, next)
}
