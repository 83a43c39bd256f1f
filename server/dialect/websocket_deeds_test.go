package dialect_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qrlatch/server/login"
)

// The deeds of the phone and the site, on the login that a code is of.

func (w *wsWorld) scans(text string) login.Login {
	w.t.Helper()
	l, err := w.service.Scan(w.t.Context(), alice(), text, time.Time{})
	w.must(err)
	return l
}

func (w *wsWorld) approves(l login.Login) {
	w.t.Helper()
	number, _ := w.service.Number(l)
	_, err := w.service.Approve(w.t.Context(), alice().Phone, string(l.Handle), number)
	w.must(err)
}

// redeems brings the ticket of a redirect_uri.
func (w *wsWorld) redeems(uri string) login.Session {
	w.t.Helper()
	u, err := url.Parse(uri)
	w.must(err)
	v, err := w.service.RedeemTicket(w.t.Context(), wxApp, u.Query().Get("ticket"))
	w.must(err)
	return v
}

// signedIn is a socket whose login has become a session.
func (w *wsWorld) signedIn() (c *wsClient, v login.Session, resume string) {
	w.t.Helper()
	c = w.opens("app=" + wxApp)
	l := w.scans(c.hears("qr").Text)
	c.hears("scanned")
	w.approves(l)
	approved := c.hears("approved")
	v = w.redeems(approved.RedirectURI)
	c.hears("redeemed")
	return c, v, approved.Resume
}

// sends gives the site's message to the session.
func (w *wsWorld) sends(id login.SessionID, body string) (status int) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://login.example/v1/sessions/"+string(id)+"/messages", strings.NewReader(body))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(wxApp, "secret")
	answer, err := w.http.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	w.must(err)
	return answer.StatusCode
}
