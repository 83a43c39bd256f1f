package pages

import (
	"crypto/rand"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// wrongPerAccount is how many wrong passwords of an account may be tried in ten minutes, by
// strangers together, and by each browser of its person.
const wrongPerAccount = 20

const (
	cookieDevice = "qrlatch_device" // who has signed in in this browser, signed
	deviceLife   = 180 * 24 * time.Hour
)

// passwords limits how often passwords may be tried: all by network, wrong ones by account.
//
// Were that all, a stranger could keep a person out for as long as he liked, by some wrong
// passwords now and then. So a browser in which somebody has once signed in to an account
// has tries of its own there, which nobody else can use up, wherever it is. A stranger who
// goes on keeps out new browsers alone, and them for ten minutes after he has stopped.
type passwords struct {
	network *limit.PerMinute
	account *limit.Wrong
	browser *limit.Wrong
}

func newPasswords(perAddress int, refused func()) passwords {
	return passwords{
		network: limit.NewPerMinute(perAddress).Report(refused),
		account: limit.NewWrong(wrongPerAccount, refused),
		browser: limit.NewWrong(wrongPerAccount, refused),
	}
}

// homeBrowser is one in which somebody has signed in with a password.
type homeBrowser struct {
	Issuer, Subject string
	ID              string // tells it from others of the same person
}

// tryPassword tells whether the password of a form is that of account, or how long to wait
// before another is looked at.
func (p *Pages) tryPassword(c echo.Context, account Account) (right bool, wait time.Duration) {
	who := account.Identity.Phone
	var b homeBrowser
	tries, key := p.passwords.account, who.Key()
	if p.unseal(cookieDevice, cookieValue(c, cookieDevice), &b) && who == (login.Phone{Issuer: b.Issuer, Subject: b.Subject}) {
		tries, key = p.passwords.browser, b.ID
	} else {
		b = homeBrowser{who.Issuer, who.Subject, rand.Text()}
		if wait = p.passwords.network.Take(login.Network(browserOf(c).Addr)); wait > 0 {
			return false, wait
		}
	}
	if wait = tries.Take(key); wait > 0 {
		return false, wait
	}
	if !samePassword(c.FormValue("password"), account.Password) {
		return false, 0
	}
	tries.Return(key)
	p.setCookie(c, cookieDevice, "/phone/sign-in", p.seal(cookieDevice, b), deviceLife)
	return true, 0
}
