package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// signInPage asks who is at the phone. Without accounts it sends to the app.
type signInPage struct {
	view
	Accounts     []Account
	Provider     string // the host of where one may sign in as well; empty: there is none
	Next         string
	Fresh        bool // somebody is in already, and has to prove it anew
	Scanning     bool // a code was opened, and is gone on with afterwards
	Wrong        bool // the password was
	WrongAccount int
}

// askSignIn answers with the sign-in page; next is where it goes on.
func (p *Pages) askSignIn(c echo.Context, status int, next string) error {
	return p.showSignIn(c, status, signInPage{Next: next})
}

func (p *Pages) showSignIn(c echo.Context, status int, page signInPage) error {
	page.view = p.begin(c, login.Identity{})
	page.Accounts = p.Accounts
	if p.SignIn != nil {
		page.Provider = p.SignIn.Host()
	}
	page.Scanning = strings.HasPrefix(page.Next, "/l/")
	return p.render(c, status, "sign-in", "", page)
}

// signInAgain is the sign-in page for who is signed in, and must prove it anew.
func (p *Pages) signInAgain(c echo.Context) error {
	next := c.QueryParam("next")
	if !localPath(next) {
		next = "/phone"
	}
	return p.showSignIn(c, http.StatusOK, signInPage{Next: next, Fresh: true})
}

func (p *Pages) signIn(c echo.Context) error {
	if !p.ours(c, login.Phone{}) {
		return p.fail(c, errForeignPost)
	}
	next := c.FormValue("next")
	if !localPath(next) {
		next = "/phone"
	}
	n, err := strconv.Atoi(c.FormValue("account"))
	if err != nil || n < 0 || n >= len(p.Accounts) {
		return p.askSignIn(c, http.StatusBadRequest, next)
	}
	account := p.Accounts[n]
	right := c.FormValue("password") == "" // an account without a password takes one tap
	if account.Password != "" {
		var wait time.Duration
		if right, wait = p.tryPassword(c, account); wait > 0 {
			return p.tooFast(c, wait)
		}
	}
	if !right {
		return p.showSignIn(c, http.StatusForbidden, signInPage{Next: next, Wrong: true, WrongAccount: n})
	}
	who := account.Identity
	who.AuthTime = time.Now()
	p.setIdentity(c, who)
	return p.redirect(c, next)
}

func (p *Pages) signOut(c echo.Context) error {
	who, ok := p.identity(c)
	if !ok {
		return p.redirect(c, "/phone")
	}
	if !p.ours(c, who.Phone) {
		return p.fail(c, errForeignPost)
	}
	p.setCookie(c, cookiePhone, "/", "", 0)
	p.setCookie(c, cookieVisit, "/", "", 0)
	return p.redirect(c, "/phone")
}

// poster returns who sends a form. If it may not be acted upon, it has answered
// already and ok is false; next is where somebody who has to sign in first goes on.
func (p *Pages) poster(c echo.Context, next string) (who login.Identity, ok bool, answered error) {
	who, in := p.identity(c)
	switch {
	case !in && !p.fromHere(c.Request()):
		return who, false, p.fail(c, errForeignPost)
	case !in:
		return who, false, p.askSignIn(c, http.StatusUnauthorized, next)
	case !p.ours(c, who.Phone):
		return who, false, p.fail(c, errForeignPost)
	}
	return who, true, nil
}
