package demosite

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// A browser that is to sign in here gets a cookie that only it has, and the login gets
// a state that follows from it. Who comes back with a ticket must have that cookie: else
// an attacker's ticket, sent to somebody as a link, would sign that person in as the
// attacker (login CSRF), and whatever they then type into "their" account is his.

const (
	cookieBrowser = "harbour_browser"
	cookieAccount = "harbour_account"

	browserLife = 24 * time.Hour // a page with a code may stay open for long
)

// secret is what rand.Text makes: other values were not made here.
var secret = regexp.MustCompile(`^[A-Z2-7]{26}$`)

type signInPage struct {
	App, RedirectURI, State string
	Embed                   string // address of the login page for a frame
	Frame                   string // the same, for a frame whose messages are heard
	FrameID                 string // which those messages name
	DemoPhone               bool
}

// signIn shows a page where people can sign in: with the script, or with the frame.
func (s *site) signIn(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := s.accounts.of(r); ok {
			http.Redirect(w, r, "/account", http.StatusSeeOther)
			return
		}
		p := signInPage{
			App: s.App, RedirectURI: origin(r) + "/signed-in", State: stateOf(browser(w, r)),
			FrameID: rand.Text(), DemoPhone: s.DemoPhone,
		}
		q := url.Values{"app": {p.App}, "redirect_uri": {p.RedirectURI}, "state": {p.State}}
		p.Embed = s.Login + "/embed?" + q.Encode()
		q.Set("nonce", p.FrameID)
		q.Set("origin", origin(r))
		p.Frame = s.Login + "/embed?" + q.Encode()
		s.show(w, http.StatusOK, name, p)
	}
}

// browser returns the secret of this browser, a new one if it has none yet. It stays the
// same for all its tabs, so that each of them may finish what it began.
func browser(w http.ResponseWriter, r *http.Request) string {
	value := cookie(r, cookieBrowser)
	if value == "" {
		value = rand.Text()
	}
	setCookie(w, cookieBrowser, value, browserLife)
	return value
}

// stateOf is seen in addresses and by the login server: it must not tell the cookie.
func stateOf(browser string) string {
	sum := sha256.Sum256([]byte("state " + browser))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signedIn is where the login server sends a browser with its ticket.
func (s *site) signedIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		s.problem(w, http.StatusMethodNotAllowed, "Nobody was signed in", "This address is for browsers that come from a sign-in.")
		return
	}
	if _, a, ok := s.accounts.of(r); ok && !a.Ended { // reloaded, or come back to
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	q, begun := r.URL.Query(), cookie(r, cookieBrowser)
	if begun == "" || len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(q["state"][0]), []byte(stateOf(begun))) != 1 {
		s.problem(w, http.StatusForbidden, "This sign-in did not begin here",
			"Another browser began it, or it was a day ago. If somebody sent you this address, do not use it: you would be signed in as them.")
		return
	}
	if len(q["ticket"]) != 1 {
		s.problem(w, http.StatusBadRequest, "Nobody was signed in", "The address that led here has no ticket in it.")
		return
	}
	a, err := s.server.redeem(r.Context(), q["ticket"][0])
	if err != nil {
		s.refuse(w, err)
		return
	}
	setCookie(w, cookieAccount, s.accounts.begin(a), time.Until(a.Until))
	setCookie(w, cookieBrowser, "", -1) // this state has done its work
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func (s *site) refuse(w http.ResponseWriter, err error) {
	var status *statusError
	if errors.As(err, &status) && slices.Contains([]int{http.StatusNotFound, http.StatusConflict, http.StatusGone}, status.code) {
		s.Log.Warn("demo site: a ticket was refused", "status", status.code)
		s.problem(w, http.StatusForbidden, "This sign-in is over", "It was used already, or it took too long. Please begin again with a new code.")
		return
	}
	s.Log.Warn("demo site: a ticket could not be redeemed", "error", err)
	s.problem(w, http.StatusBadGateway, "The sign-in server does not help", "Reload this page in a moment. If that changes nothing, begin again with a new code.")
}

// cookie returns a cookie's value, or "" if it is not one of ours.
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil || !secret.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for a while; less than none removes it. It is Lax and not
// Strict: from the frame and from the page without scripts, browsers come here by a link
// on the login server's page.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: max(-1, int(life/time.Second)), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
