package demosite

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// account is one signed-in browser.
type account struct {
	Name, Picture string
	Since, Until  time.Time
	CSRF          string
	Ended         bool // by the phone, or because its time is over: the browser is still to be told

	session string // its id at the login server
}

// accounts are the shop's own sessions, by the secret in the browser's cookie.
type accounts struct {
	mu   sync.Mutex
	open map[string]account
}

// begin keeps an account under a new secret, which nobody can have chosen before.
func (a *accounts) begin(one account) (id string) {
	id = rand.Text()
	one.CSRF = rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	for old, v := range a.open {
		if time.Now().After(v.Until) {
			delete(a.open, old)
		}
	}
	a.open[id] = one
	return id
}

// of returns the account that a browser is signed in to.
func (a *accounts) of(r *http.Request) (id string, one account, ok bool) {
	id = cookie(r, cookieAccount)
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok = a.open[id]
	return id, one, ok
}

func (a *accounts) end(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one, ok := a.open[id]; ok {
		one.Ended = true
		a.open[id] = one
	}
}

// endSession ends whatever began with a session of the login server.
func (a *accounts) endSession(session string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, one := range a.open {
		if one.session == session {
			one.Ended = true
			a.open[id] = one
		}
	}
}

func (a *accounts) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
}

// account shows who is signed in, or once, that this is over.
func (s *site) account(w http.ResponseWriter, r *http.Request) {
	id, a, ok := s.accounts.of(r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if s.ended(r.Context(), id, a) {
		s.accounts.forget(id)
		setCookie(w, cookieAccount, "", -1)
		s.show(w, http.StatusOK, "ended", time.Now().Before(a.Until))
		return
	}
	s.show(w, http.StatusOK, "account", a)
}

// alive tells the account's page whether it still is one: 204, or 410.
func (s *site) alive(w http.ResponseWriter, r *http.Request) {
	id, a, ok := s.accounts.of(r)
	if !ok || s.ended(r.Context(), id, a) {
		w.WriteHeader(http.StatusGone)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ended asks the login server, as the phone may have signed this browser out. As long as
// there is no answer, nobody is thrown out.
func (s *site) ended(ctx context.Context, id string, a account) bool {
	if a.Ended {
		return true
	}
	active, err := s.server.active(ctx, a.session)
	if err != nil {
		s.Log.Warn("demo site: a session could not be looked at", "error", err)
		return false
	}
	if !active {
		s.accounts.end(id)
	}
	return !active
}

// signOut ends the account here and at the login server, so that the phone no longer
// lists this browser.
func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	id, a, ok := s.accounts.of(r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(a.CSRF)) != 1 {
		s.problem(w, http.StatusForbidden, "You are still signed in", "That did not come from your account’s page. To sign out, use the button there.")
		return
	}
	s.accounts.forget(id)
	setCookie(w, cookieAccount, "", -1)
	if err := s.server.signOut(r.Context(), a.session); err != nil {
		s.Log.Warn("demo site: the login server was not told of a sign-out", "error", err)
		s.problem(w, http.StatusBadGateway, "You are signed out here", "But the sign-in server could not be told. Your phone may list this browser for a while.")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
