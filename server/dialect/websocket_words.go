package dialect

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/gobwas/ws"

	"qrlatch/server/login"
	"qrlatch/server/qr"
)

// This file is what the WebSocket dialect says.

// wsSays are the types of the messages that tell a state. Of a pending login its code
// is told, at once and at every change.
var wsSays = map[login.State]string{
	login.Pending:  "qr",
	login.Scanned:  "scanned",
	login.Approved: "approved",
	login.Denied:   "denied",
	login.Expired:  "expired",
	login.Redeemed: "redeemed",
}

// wsEnds are the close codes of sessions that have ended, from the range that RFC 6455,
// section 7.4.2 leaves to applications. Who ran out of time by itself is told wsTimeOver.
var wsEnds = map[login.Ending]farewell{
	login.Active:    {}, // has not ended
	login.ByPhone:   {4001, "signed out by the phone"},
	login.SignedOut: {4002, "signed out"},
	login.Elsewhere: {4003, "signed in elsewhere"},
	login.Voided:    {4004, "the ticket was used by another client"},
}

const wsTimeOver ws.StatusCode = 4005

// wsTryAgainLater (1013) is of the registry that RFC 6455, section 11.7 began.
const wsTryAgainLater ws.StatusCode = 1013

// wsMessage is what a client is told. Every type has its own members.
type wsMessage struct {
	Type        string          `json:"type"`
	ID          login.ID        `json:"id,omitempty"`
	Text        string          `json:"text,omitempty"`
	Image       string          `json:"image,omitempty"`
	ExpiresIn   int             `json:"expires_in,omitempty"`
	User        *userView       `json:"user,omitempty"`
	Number      string          `json:"number,omitempty"`
	RedirectURI string          `json:"redirect_uri,omitempty"`
	Resume      string          `json:"resume,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// tell says the state of s.login, and sets the timer to the next change of its code.
func (s *socket) tell(code *time.Timer) (bye farewell, over bool) {
	now := time.Now()
	v := view(s.Service, s.PublicURL, s.id, s.login, now)
	m := wsMessage{Type: wsSays[s.login.State]}
	code.Stop()
	switch s.login.State {
	case login.Pending:
		_, fresh, ok := s.Service.Code(s.login, now)
		if !ok {
			return farewell{}, false // its time is up: the watch says so
		}
		m.ID, m.Text, m.Image, m.ExpiresIn = s.id, v.QR.Text, v.QR.Image, v.QR.ExpiresIn
		code.Reset(fresh)
	case login.Scanned:
		m.User, m.Number = v.User, v.Number
	case login.Approved, login.Redeemed:
		if s.secret == "" {
			s.secret, _ = s.Service.ResumeSecret(s.login)
			s.session, _ = s.Service.SessionIDOf(s.login)
		}
		m.RedirectURI, m.Resume = v.RedirectURI, s.secret
		s.listen() // before the site can know that there is a session
	case login.Denied, login.Expired:
		over = true
	}
	if s.say(m) != nil {
		return farewell{}, true
	}
	return farewell{code: ws.StatusNormalClosure}, over
}

// signedOut says why a session is over.
func signedOut(v login.Session) farewell {
	if v.Ended == login.SignedOut && !time.Now().Before(v.Expires) {
		return farewell{wsTimeOver, "the session has expired"}
	}
	return wsEnds[v.Ended]
}

// deliver passes on what the site has sent, which was told that it is on its way, before
// the socket is closed with bye.
func (s *socket) deliver(bye farewell) farewell {
	s.deafen()
	for s.login.State == login.Redeemed && len(s.mail) > 0 {
		if s.say(wsMessage{Type: "message", Data: <-s.mail}) != nil {
			return farewell{}
		}
	}
	return bye
}

// sayPicture sends the picture of the code that is shown. A login that shows none any
// more has said so.
func (s *socket) sayPicture() error {
	code, _, ok := s.Service.Code(s.login, time.Now())
	if !ok {
		return nil
	}
	if s.picture.code != code {
		symbol, err := qr.Encode(s.PublicURL + "/l/" + code)
		if err != nil {
			return err
		}
		s.picture = wsPicture{code, "data:image/png;base64," + base64.StdEncoding.EncodeToString(symbol.PNG(defaultSize))}
	}
	return s.say(wsMessage{Type: "picture", Image: s.picture.data})
}

func (s *socket) say(m wsMessage) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.write(ws.NewTextFrame(body))
}

// wsPicture keeps the picture of a code, so that nobody makes us draw it for ever.
type wsPicture struct{ code, data string }
