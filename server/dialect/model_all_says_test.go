package dialect_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"qrlatch/server/login"
)

// This file is what the dialects must say of the oracle's login at a moment. Call all of
// it with the world's mu held.

// unknown tells whether the login is unknown to whoever has only its id: nobody but
// WeChat's dialect sends the binding cookie.
func (w *allWorld) unknown(t time.Time) bool {
	return w.oracle.forgotten(t) || w.oracle.bound
}

// allView is the JSON of a login, to the byte.
type allView struct {
	ID          string   `json:"id"`
	State       string   `json:"state"`
	QR          *allCode `json:"qr,omitempty"`
	User        *allUser `json:"user,omitempty"`
	Number      string   `json:"number,omitempty"`
	RedirectURI string   `json:"redirect_uri,omitempty"`
	ExpiresIn   int      `json:"expires_in"`
}

type allCode struct {
	Text      string `json:"text"`
	Image     string `json:"image"`
	ExpiresIn int    `json:"expires_in"`
}

type allUser struct {
	Name string `json:"name"`
}

func (w *allWorld) view(t time.Time) allView {
	o := w.oracle
	v := allView{ID: w.id, State: o.at(t).String()}
	switch o.at(t) {
	case login.Pending:
		v.QR = w.code(t)
	case login.Scanned:
		v.Number = w.number()
	case login.Approved:
		v.User, v.RedirectURI = w.user(), o.uri
	case login.Redeemed:
		v.User = w.user()
	case login.Denied, login.Expired:
	}
	if !o.at(t).Final() {
		v.ExpiresIn = allSeconds(o.deadline.Sub(t))
	}
	return v
}

// json is the view as JSON.
func (w *allWorld) json(t time.Time) string { return allJSON(w.view(t)) }

func allJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
}

// slot counts from the start of the login.
func (w *allWorld) slot(t time.Time) int { return int(t.Sub(w.started) / codeTTL) }

// turned is when a slot began.
func (w *allWorld) turned(slot int) time.Time { return w.started.Add(time.Duration(slot) * codeTTL) }

func (w *allWorld) code(t time.Time) *allCode {
	text := w.codeOf(w.slot(t))
	return &allCode{
		Text: text, Image: "https://login.example/qrcode/" + w.id + ".png?v=" + text[len(text)-4:],
		ExpiresIn: allSeconds(w.turned(w.slot(t) + 1).Sub(t)),
	}
}

// number is the one with which the phone must approve, or "" if it need not.
func (w *allWorld) number() string {
	if !w.oracle.number {
		return ""
	}
	l := w.first
	l.State, l.NumberRequired = login.Scanned, true
	digits, _ := w.service.Number(l)
	return digits
}

func (w *allWorld) user() *allUser {
	for _, who := range modelPhones {
		if who.Subject == w.oracle.phone {
			return &allUser{who.Name}
		}
	}
	return nil
}

// allSeconds rounds up.
func allSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// allNamed finds who an answer says has scanned.
var allNamed = regexp.MustCompile(`(?:"name":"|\?uid=)(\w+)`)

// discreet is what holds of every byte that any dialect ever says, whatever else is right.
func (w *allWorld) discreet(body string, t time.Time) error {
	state := w.oracle.at(t)
	switch {
	case strings.Contains(body, "ticket=") && state != login.Approved,
		strings.Contains(body, "/l/") && state != login.Pending,
		strings.Contains(body, `"number"`) && (state != login.Scanned || !w.oracle.number),
		allNamed.MatchString(body) && (state != login.Approved && state != login.Redeemed || found(allNamed, body) != w.user().Name):
		return fmt.Errorf("told too much: %s", body)
	}
	return nil
}

// taobao is an answer to a Taobao check, without its wrapper.
func (w *allWorld) taobao(t time.Time) string {
	state := w.oracle.at(t)
	if w.unknown(t) {
		state = login.Expired
	}
	status := map[login.State]string{
		login.Pending:  `"10000","message":"login start state"`,
		login.Scanned:  `"10001","message":"mobile scan QRCode success"`,
		login.Denied:   `"10003","message":"mobile login cancel"`,
		login.Redeemed: `"10004","message":"QRCode expired!code=1, msg=data not exist"`,
		login.Expired:  `"10004","message":"QRCode expired!code=1, msg=data not exist"`,
	}
	if state != login.Approved {
		return `{"code":` + status[state] + `,"success":true}`
	}
	page, query, _ := strings.Cut(w.oracle.uri, "?")
	ticket, _, _ := strings.Cut(strings.TrimPrefix(query, "ticket="), "&")
	return `{"code":"10006","success":true,"url":"` + page + "?uid=" + w.user().Name + "&token=" + ticket + "&" + query + `"}`
}

// allBucket is how often a login may be asked for as JSON, by all browsers together: once
// a second, after a burst.
type allBucket struct {
	tokens time.Duration // a second buys one
	at     time.Time
}

const allBurst = 20 * time.Second

func (b *allBucket) take(t time.Time) bool {
	b.tokens, b.at = min(allBurst, b.tokens+t.Sub(b.at)), t
	if b.tokens < time.Second {
		return false
	}
	b.tokens -= time.Second
	return true
}
