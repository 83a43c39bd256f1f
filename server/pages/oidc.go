package pages

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/oidc"
)

// This file signs people in at the provider that the operator has named: a link leads
// there and begins, and the provider sends the browser back to finish.
//
// It begins by a link and not by a form: a page's form-action holds for the redirects
// after a form as well (Chromium), and where a provider's own pages lead nobody knows.
// A GET that begins changes nothing here. One that finishes signs in, and for that it
// must find the cookie of the browser that began.

// Provider is where people sign in who have no account here.
type Provider interface {
	Issuer() string // of everybody who signs in there
	Host() string   // as people are told
	Begin(ctx context.Context) (address string, a oidc.Attempt, err error)
	Finish(ctx context.Context, a oidc.Attempt, answer url.Values) (login.Identity, error)
}

// CallbackPath is where a provider sends people back to.
const CallbackPath = "/phone/callback"

const (
	beginPath     = "/phone/sign-in/provider"
	cookieAttempt = "qrlatch_oidc" // the sign-in that was begun here last, signed
	attemptLife   = 10 * time.Minute
	freshSignIn   = time.Minute // of passkey.FreshFor: the rest is for the person
)

// attempt is a sign-in that was begun in this browser.
type attempt struct {
	oidc.Attempt
	Visit string // it is bound to: the cookie alone, moved to another browser, is worthless
	Next  string // where it goes on
	Until int64  // unix seconds
}

var signInProblems = []problem{
	{err: oidc.ErrDenied, status: http.StatusForbidden, title: "oidc.denied", what: "oidc.denied_more", label: "oidc.back"},
	{err: oidc.ErrUnavailable, status: http.StatusServiceUnavailable, title: "oidc.unavailable", what: "oidc.unavailable_more", label: "login.retry"},
	{err: oidc.ErrForeign, status: http.StatusForbidden, title: "oidc.not_begun", what: "oidc.not_begun_more", label: "oidc.again"},
	{err: oidc.ErrRefused, status: http.StatusForbidden, title: "oidc.refused", what: "oidc.refused_more", label: "login.retry"},
}

// beginSignIn sends to the provider.
func (p *Pages) beginSignIn(c echo.Context) error {
	if !p.fromHere(c.Request()) {
		return p.fail(c, errForeignPost)
	}
	next := c.QueryParam("next")
	if !localPath(next) {
		next = "/phone"
	}
	address, begun, err := p.SignIn.Begin(c.Request().Context())
	if err != nil {
		return p.signInFailed(c, next, err)
	}
	if c.QueryParam("fresh") != "" {
		address = oidc.NoOlder(address, freshSignIn)
	}
	p.setCookie(c, cookieAttempt, CallbackPath, p.seal(cookieAttempt, attempt{
		Attempt: begun, Visit: p.visit(c), Next: next, Until: time.Now().Add(attemptLife).Unix(),
	}), attemptLife)
	return p.redirect(c, address)
}

// finishSignIn is where the provider sends back to.
func (p *Pages) finishSignIn(c echo.Context) error {
	var begun attempt
	if !p.unseal(cookieAttempt, cookieValue(c, cookieAttempt), &begun) ||
		begun.Visit != p.visit(c) || time.Now().Unix() >= begun.Until {
		return p.notBegunHere(c)
	}
	addr, _ := netip.ParseAddr(c.RealIP()) // the zero Addr if it has none
	if wait := p.answers.Take(login.Network(addr.Unmap())); wait > 0 {
		return p.tooFast(c, wait)
	}
	who, err := p.SignIn.Finish(c.Request().Context(), begun.Attempt, c.QueryParams())
	if errors.Is(err, oidc.ErrForeign) {
		return p.notBegunHere(c)
	}
	p.setCookie(c, cookieAttempt, CallbackPath, "", 0) // whatever came of it: once
	if err != nil {
		return p.signInFailed(c, begun.Next, err)
	}
	p.setIdentity(c, who)
	return p.redirect(c, begun.Next)
}

// notBegunHere refuses, but not somebody who has signed in and only came back to the
// address: what is open in a tab is loaded again when the phone wakes up.
func (p *Pages) notBegunHere(c echo.Context) error {
	if _, in := p.identity(c); in {
		return p.redirect(c, "/phone")
	}
	return p.signInFailed(c, "/phone", oidc.ErrForeign)
}

// signInFailed says what happened and leads back to where the sign-in was needed, which
// asks for it again.
func (p *Pages) signInFailed(c echo.Context, next string, err error) error {
	if errors.Is(err, oidc.ErrUnavailable) || errors.Is(err, oidc.ErrRefused) {
		p.Log.WarnContext(c.Request().Context(), "sign-in failed", "issuer", p.SignIn.Issuer(), "err", err)
	}
	for _, known := range signInProblems {
		if errors.Is(err, known.err) {
			known.link = next
			return p.problem(c, known)
		}
	}
	return p.fail(c, err)
}
