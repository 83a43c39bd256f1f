package phone

import (
	"math"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/jsontext"
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
	IP        string    `json:"ip"`
	UserAgent string    `json:"user_agent"`
	Place     string    `json:"place,omitempty"`   // "Lisbon, Portugal"
	Network   string    `json:"network,omitempty"` // whose it is
	StartedAt time.Time `json:"started_at,omitzero"`
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
	shown := scan{
		ID: l.Handle, State: l.State.String(), Push: l.Push,
		App: a.showApp(l.App, l.RedirectURI.String()), Browser: a.showBrowser(l.Browser),
		NumberRequired: l.NumberRequired,
	}
	shown.Browser.StartedAt = whole(l.Started)
	if l.Risk != 0 {
		shown.Risk = l.Risk.Reasons()
	}
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

// answer writes itself as encoding/json would: it is here what its fields say.
type answer interface{ json() []byte }

// say is Echo's JSON, for what every login asks for.
func say[A answer](c echo.Context, status int, v A) error {
	if c.QueryString() != "" || c.Echo().Debug {
		return c.JSON(status, v) // which may be asked for it in many lines
	}
	return c.JSONBlob(status, append(v.json(), '\n'))
}

func (a *API) sayScan(c echo.Context, status int, l login.Login) error {
	shown := a.showScan(l, time.Now())
	if shown.Passkey != nil {
		return c.JSON(status, shown) // few apps ask for one
	}
	return say(c, status, shown)
}

// json writes a scan without a passkey.
func (s scan) json() []byte {
	o := jsontext.Begin(280 + len(s.Browser.UserAgent) + len(s.Browser.Place) + len(s.Browser.Network))
	o.Text("id", string(s.ID))
	o.Text("state", s.State)
	if s.Push {
		o.Bool("push", true)
	}
	o.Open("app")
	o.Text("id", s.App.ID)
	o.Text("name", s.App.Name)
	o.Text("origin", s.App.Origin)
	o.Close()
	o.Open("browser")
	o.Text("ip", s.Browser.IP)
	o.Text("user_agent", s.Browser.UserAgent)
	o.OptionalText("place", s.Browser.Place)
	o.OptionalText("network", s.Browser.Network)
	if !s.Browser.StartedAt.IsZero() {
		o.Time("started_at", s.Browser.StartedAt)
	}
	o.Close()
	o.Bool("number_required", s.NumberRequired)
	if s.NumberShown != nil {
		o.Bool("number_shown", *s.NumberShown)
	}
	o.OptionalTexts("risk", s.Risk)
	if s.NeedsPasskey {
		o.Bool("passkey_required", true)
	}
	o.Number("expires_in", s.ExpiresIn)
	return o.End()
}

func (d decision) json() []byte {
	o := jsontext.Begin(64)
	o.Text("id", string(d.ID))
	o.Text("state", d.State)
	return o.End()
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
