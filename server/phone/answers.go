package phone

import (
	"math"
	"net/url"
	"time"

	"qrlatch/server/login"
)

// app is a site as the person on the phone should know it.
type app struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Origin string `json:"origin"` // where the ticket would go: a name can be made up, this not
}

// browser is the initiating device. It may be forged, and is shown all the same:
// an address of another country is what gives a relay away.
type browser struct {
	IP        string     `json:"ip"`
	UserAgent string     `json:"user_agent"`
	Place     string     `json:"place,omitempty"`   // "Lisbon, Portugal"
	Network   string     `json:"network,omitempty"` // whose it is
	StartedAt *time.Time `json:"started_at,omitempty"`
}

// scan is a login as the phone sees it. Its id is the public handle.
type scan struct {
	ID             login.Handle `json:"id"`
	State          string       `json:"state"`
	Push           bool         `json:"push,omitempty"` // nobody scanned: the browser asked for this person
	App            app          `json:"app"`
	Browser        browser      `json:"browser"`
	NumberRequired bool         `json:"number_required"`
	NumberShown    *bool        `json:"number_shown,omitempty"` // whether a browser is there to show it; only if required
	Risk           []string     `json:"risk,omitempty"`         // why it may not be this person's own browser
	Passkey        *challenge   `json:"passkey,omitempty"`      // for navigator.credentials.get
	NeedsPasskey   bool         `json:"passkey_required,omitempty"`
	ExpiresIn      int          `json:"expires_in"`
}

// decision is the answer to approve and deny.
type decision struct {
	ID    login.Handle `json:"id"`
	State string       `json:"state"`
}

// session is a signed-in browser, a "linked device".
type session struct {
	ID         login.SessionID `json:"id"`
	App        app             `json:"app"`
	Browser    browser         `json:"browser"`
	CreatedAt  time.Time       `json:"created_at"`
	LastSeenAt time.Time       `json:"last_seen_at"`
}

func (a *API) showScan(l login.Login, now time.Time) scan {
	l = l.At(now)
	started := whole(l.Started)
	shown := scan{
		ID: l.Handle, State: l.State.String(), Push: l.Push,
		App: a.showApp(l.App, l.RedirectURI.String()), Browser: a.showBrowser(l.Browser),
		NumberRequired: l.NumberRequired, Risk: l.Risk.Reasons(),
	}
	shown.Browser.StartedAt = &started
	if l.NumberRequired && l.State == login.Scanned {
		there := a.Service.NumberShown(l)
		shown.NumberShown = &there
	}
	shown.Passkey, shown.NeedsPasskey = a.passkeyOf(l)
	if !l.State.Final() {
		shown.ExpiresIn = secondsUntil(l.Deadline, now)
	}
	return shown
}

func (a *API) showSession(v login.Session) session {
	return session{
		ID: v.ID, App: a.showApp(v.App, ""), Browser: a.showBrowser(v.Browser),
		CreatedAt: whole(v.Created), LastSeenAt: whole(v.LastSeen),
	}
}

// showApp describes an app by where it sends tickets; an empty uri stands for the
// app's default. An app that has left the configuration keeps its id.
func (a *API) showApp(id, uri string) app {
	shown := app{ID: id, Name: id}
	if known, ok := a.Service.App(id); ok {
		shown.Name = known.Name
		if uri == "" {
			uri, _ = known.RedirectURI("")
		}
	}
	if u, err := url.Parse(uri); err == nil && u.Host != "" {
		shown.Origin = u.Scheme + "://" + u.Host
	}
	return shown
}

func (a *API) showBrowser(b login.KeptBrowser) browser {
	shown := browser{UserAgent: b.UserAgent.String()}
	if b.Addr.IsValid() {
		shown.IP = b.Addr.Unmap().String()
	}
	if a.Places != nil {
		shown.Place, shown.Network = a.Places.Place(b.Addr, "en")
	}
	return shown
}

// whole is t as RFC 3339 in UTC writes it without a fraction.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// secondsUntil rounds up and is never negative.
func secondsUntil(t, now time.Time) int {
	return max(0, int(math.Ceil(t.Sub(now).Seconds())))
}
