package dialect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestASocketThatWasCutGoesOn(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp)
		q := c.hears("qr")
		c.cut()
		c = w.opens("id=" + q.ID)
		c.hears("qr")
		l := w.scans(q.Text)
		c.hears("scanned")
		w.approves(l)
		a := c.hears("approved")
		c.cut()

		// Before the redemption the secret leads to the login.
		c = w.opens("resume=" + a.Resume)
		if h := c.hears("approved"); h.raw != a.raw {
			t.Errorf("heard %s, want %s", h.raw, a.raw)
		}
		v := w.redeems(a.RedirectURI)
		c.hears("redeemed")
		c.cut()

		// After it, to the session, even when the login is forgotten.
		for _, later := range []time.Duration{0, time.Hour, 10 * time.Hour} {
			time.Sleep(later)
			c = w.opens("resume=" + a.Resume)
			if h := c.hears("redeemed"); h.raw != `{"type":"redeemed","resume":"`+a.Resume+`"}` {
				t.Errorf("heard %s", h.raw)
			}
			if got := w.sends(v.ID, `{"data":1}`); got != http.StatusAccepted {
				t.Errorf("a message is answered %d", got)
			}
			c.hears("message")
			c.cut()
		}
	})
}

func TestAResumeSecretIsNotGuessed(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		_, v, resume := w.signedIn()
		_, _, other := w.signedIn()
		for name, secret := range map[string]string{
			"empty":                      "",
			"short":                      resume[:59],
			"another's MAC":              resume[:36] + other[36:],
			"another's session":          resume[:12] + other[12:36] + resume[36:],
			"another's login":            other[:12] + resume[12:],
			"the session's id alone":     string(v.ID),
			"not base64url":              strings.Repeat("*", 60),
			"a line end in the middle":   resume[:59] + "%0A",
			"of nobody, of right length": strings.Repeat("A", 60),
		} {
			began := time.Now()
			_, refused := w.dial("resume=" + secret)
			if refused == nil {
				t.Errorf("%s: opened", name)
				continue
			}
			wsRefused(t, refused, http.StatusNotFound, "/problems/not-found")
			if took := time.Since(began); took != time.Second {
				t.Errorf("%s: refused after %v", name, took)
			}
		}
	})
}

func TestSigningOutClosesTheSocketWithAReason(t *testing.T) {
	one := func(c *login.Config) { c.Apps[0].OneSession = true }
	for _, tt := range []struct {
		name   string
		end    func(w *wsWorld, v login.Session)
		code   int
		reason string
	}{
		{"by the phone", func(w *wsWorld, v login.Session) {
			w.must(w.service.SignOutByPhone(w.t.Context(), alice().Phone, string(v.ID)))
		}, 4001, "signed out by the phone"},
		{"by the site", func(w *wsWorld, v login.Session) {
			w.must(w.service.SignOut(w.t.Context(), wxApp, string(v.ID)))
		}, 4002, "signed out"},
		{"elsewhere", func(w *wsWorld, _ login.Session) {
			time.Sleep(time.Second) // the latest one stays
			w.session(wxApp)
		}, 4003, "signed in elsewhere"},
		{"the session runs out", func(*wsWorld, login.Session) { time.Sleep(12 * time.Hour) }, 4005, "the session has expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				c, v, resume := w.signedIn()
				tt.end(w, v)
				c.mustClose(tt.code, tt.reason)
				c = w.opens("resume=" + resume) // who was away is told as well
				c.hears("redeemed")
				c.mustClose(tt.code, tt.reason)
				time.Sleep(15 * time.Minute)
				_, refused := w.dial("resume=" + resume)
				wsRefused(t, refused, http.StatusNotFound, "/problems/not-found")
			}, one)
		})
	}
}

// The page must not sit on a session that a thief has had a hand in.
func TestATicketThatTwoPresentClosesTheSocket(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		a := w.approved(wxApp)
		c := w.opens("id=" + string(a.id))
		c.hears("approved")
		uri := w.redirect(a)
		w.send("GET", uri, "")
		c.hears("redeemed")
		w.send("GET", uri, "", "Remote: 198.51.100.7:1")
		c.mustClose(4004, "the ticket was used by another client")
	})
}

func TestASitesMessagesReachTheSessionsSockets(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c, v, resume := w.signedIn()
		also := w.opens("resume=" + resume)
		also.hears("redeemed")
		stranger, _, _ := w.signedIn()
		for _, data := range []string{`1`, `null`, `"text \u2028"`, `{"a":[1,{"b":"<"}]}`, `"` + strings.Repeat("x", 16000) + `"`} {
			if got := w.sends(v.ID, `{"data": `+data+`}`); got != http.StatusAccepted {
				t.Errorf("%.20s: answered %d", data, got)
			}
			for _, c := range []*wsClient{c, also} {
				want := `{"type":"message","data":` + strings.ReplaceAll(data, "<", `\u003c`) + `}`
				if h := c.hears("message"); h.raw != want {
					t.Errorf("heard %s, want %s", h.raw, want)
				}
			}
		}
		stranger.quiet(time.Second)

		// In order, and all of it before the sign-out that follows.
		for _, data := range []string{"1", "2", "3"} {
			w.sends(v.ID, `{"data":`+data+`}`)
		}
		w.must(w.service.SignOut(w.t.Context(), wxApp, string(v.ID)))
		for _, want := range []string{"1", "2", "3"} {
			if h := c.hears("message"); string(h.Data) != want {
				t.Errorf("heard %s, want %s", h.Data, want)
			}
		}
		c.mustClose(4002, "signed out")
		if got := w.sends(v.ID, `{"data":4}`); got != http.StatusNotFound {
			t.Errorf("after sign-out: %d", got)
		}
	})
}

func TestAMessageWithoutASocketIsNotDelivered(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		_, v := w.session(wxApp)
		if got := w.sends(v.ID, `{"data":1}`); got != http.StatusNotFound {
			t.Errorf("no socket ever: %d", got)
		}
		c, v2, _ := w.signedIn()
		c.cut()
		time.Sleep(time.Second)
		if got := w.sends(v2.ID, `{"data":1}`); got != http.StatusNotFound {
			t.Errorf("cut: %d", got)
		}
	})
}

// A message between approval and the client's hearing of the session must not get lost.
func TestAMessageAtOnceAfterTheRedemptionArrives(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		a := w.approved(wxApp)
		c := w.opens("id=" + string(a.id))
		h := c.hears("approved")
		v := w.redeems(h.RedirectURI)
		if got := w.sends(v.ID, `{"data":"welcome"}`); got != http.StatusAccepted {
			t.Fatalf("answered %d", got)
		}
		c.hears("redeemed")
		c.hears("message")
	})
}
