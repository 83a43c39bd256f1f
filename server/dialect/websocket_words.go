package dialect

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/gobwas/ws"

	"qrlatch/server/login"
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

// told says the state of l, and waits for the next.
func (s *socket) told(l login.Login) {
	now := time.Now()
	s.shown, s.turn = shownOf(l), 0
	v := view(s.Service, s.PublicURL, s.id, l, now)
	m := wsMessage{Type: wsSays[l.State]}
	switch l.State {
	case login.Pending:
		s.sayCode()
		s.follow(l, now.UnixNano())
		return
	case login.Scanned:
		m.User, m.Number = v.User, v.Number
	case login.Approved, login.Redeemed:
		if s.secret == "" {
			s.secret, _ = s.Service.ResumeSecret(l)
			s.session, _ = s.Service.SessionIDOf(l)
		}
		m.RedirectURI, m.Resume = v.RedirectURI, s.secret
		s.listen() // before the site can know that there is a session
	case login.Denied, login.Expired:
		s.say(m)
		s.part(farewell{code: ws.StatusNormalClosure})
		return
	}
	s.say(m)
	if l.State == login.Redeemed {
		s.redeemed = l.Redeemed.UnixNano()
	}
	s.follow(l, now.UnixNano())
}

// sayCode tells the code that is to be shown now, and when it is to change. A login that
// shows none any more is told of by the watch.
func (s *socket) sayCode() {
	now := time.Now()
	s.turn = 0
	if _, fresh, ok := s.Service.Code(s.shown.login(), now); ok {
		v := view(s.Service, s.PublicURL, s.id, s.shown.login(), now)
		s.say(wsMessage{Type: "qr", ID: s.id, Text: v.QR.Text, Image: v.QR.Image, ExpiresIn: v.QR.ExpiresIn})
		s.turn = now.Add(fresh).UnixNano()
	}
}

// signedOut says why a session is over.
func signedOut(v login.Session) farewell {
	if v.Ended == login.SignedOut && !time.Now().Before(v.Expires) {
		return farewell{wsTimeOver, "the session has expired"}
	}
	return wsEnds[v.Ended]
}

// sayPicture sends the picture of the code that is shown. A login that shows none any
// more has said so.
func (s *socket) sayPicture() {
	code, _, ok := s.Service.Code(s.shown.login(), time.Now())
	if !ok {
		return
	}
	if s.picture == nil || s.picture.code != code {
		symbol, err := s.Symbols.Encode(s.PublicURL + "/l/" + code)
		if err != nil {
			return // the code is one of ours
		}
		s.picture = &wsPicture{code, "data:image/png;base64," + base64.StdEncoding.EncodeToString(symbol.PNG(defaultSize))}
	}
	s.say(wsMessage{Type: "picture", Image: s.picture.data})
}

func (s *socket) say(m wsMessage) {
	if body, err := json.Marshal(m); err == nil { // a site's data is JSON
		s.write(ws.NewTextFrame(body))
	}
}

// wsPicture keeps the picture of a code, so that nobody makes us draw it for ever.
type wsPicture struct{ code, data string }
