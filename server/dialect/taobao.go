package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// Taobao speaks the protocol of Taobao's qrcodelogin: a JSONP start and a short poll
// that answers at once, unless it comes too often. lgToken is the login id.
//
// Deliberately different from the original: the picture does not contain lgToken.
type Taobao struct {
	Service   *login.Service
	PublicURL string
	Limit     func(login.Browser) bool // whether this browser may start one more login; nil: any may
	Waiters   *limit.Waiters           // counts those who are held; nil: any number may be
	Polls     *limit.PerMinute         // by login, of every dialect that polls: see NewPolls; nil: any number may be
}

// Routes adds the dialect's endpoints.
func (t *Taobao) Routes(e *echo.Echo) {
	e.GET("/qrcodelogin/generateQRCode4Login.do", t.start)
	e.GET("/qrcodelogin/qrcodeLoginCheck.do", t.check)
}

// taobaoSays are the codes and messages of the states. A code is a string of digits on
// the wire: some clients read it with quotes only.
var taobaoSays = map[login.State]taobaoStatus{
	login.Pending:  {"10000", "login start state"},
	login.Scanned:  {"10001", "mobile scan QRCode success"},
	login.Approved: {"10006", ""},
	login.Denied:   {"10003", "mobile login cancel"},
	login.Redeemed: {"10004", "QRCode expired!code=1, msg=data not exist"},
	login.Expired:  {"10004", "QRCode expired!code=1, msg=data not exist"},
}

type taobaoStatus struct{ code, message string }

// noApp is what clients send as appkey that have none: they get the first app.
const noApp = "00000000"

func (t *Taobao) start(c echo.Context) error {
	p, err := parameters(c, "appkey", "callback")
	if err != nil {
		return t.refuse(c, err.Error())
	}
	if _, ok := callback(c); p.Has("callback") && !ok {
		return badCallback(c) // before a login starts of which nobody would hear
	}
	id := p.Get("appkey")
	if id == "" || id == noApp {
		id = t.Service.Apps()[0].ID
	}
	app, ok := t.Service.App(id)
	if !ok {
		return t.refuse(c, "no such appkey")
	}
	if !mayStart(c.Request(), app) {
		return t.refuse(c, "the page that asks is not registered for this app")
	}
	if t.Limit != nil && !t.Limit(browserOf(c)) {
		pause(c.Request().Context(), c, t.Waiters, slowStart)
		return t.refuse(c, "too many logins from this address, try again in a minute")
	}
	token, _, err := t.Service.Start(c.Request().Context(), login.Request{App: app.ID, Browser: browserOf(c), Dialect: "taobao"})
	if err != nil {
		pause(c.Request().Context(), c, t.Waiters, slowStart)
		return t.refuse(c, "no login can start now, try again in a minute")
	}
	// The original's address has no scheme, and clients put https: before it.
	_, image, _ := strings.Cut(t.PublicURL+"/qrcode/"+string(token)+".png", ":")
	return t.say(c, struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
		URL     string `json:"url"`
		LgToken string `json:"lgToken"`
		AdToken string `json:"adToken"`
	}{true, "null", image, string(token), ""})
}

func (t *Taobao) refuse(c echo.Context, why string) error {
	return t.say(c, struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}{false, why})
}

// check answers at once. The order of the members is the original's: clients search
// the text.
//
// Clients know no word for "too often". They ask again 0.5 to 3 s after they have heard
// that nothing is new, begin anew after 10004, and stop or fail at anything else. So one
// that comes too often is held until it is its turn, and then told how things stand.
func (t *Taobao) check(c echo.Context) error {
	p, err := parameters(c, "lgToken", "callback")
	if err != nil {
		return t.refuse(c, err.Error())
	}
	ctx := c.Request().Context()
	who := login.Holder{ID: p.Get("lgToken"), Addr: browserOf(c).Addr}
	l, err := t.Service.Get(ctx, who)
	if err == nil {
		turn := t.Polls.Take(string(l.Handle))
		if turn > 0 && pause(ctx, c, t.Waiters, min(turn, limit.Patience)) {
			t.Polls.Take(string(l.Handle))
			l, err = t.Service.Get(ctx, who)
		}
	}
	says := taobaoSays[l.State]
	switch {
	case errors.Is(err, login.ErrNotFound):
		pause(ctx, c, t.Waiters, slowPoll)
		says = taobaoSays[login.Expired]
	case err != nil:
		pause(ctx, c, t.Waiters, slowPoll)
		says = taobaoSays[login.Pending] // our trouble does not end a login
	}
	if l.State == login.Approved {
		if uri, ok := t.Service.RedirectURI(l); ok {
			return t.say(c, struct {
				Code    string `json:"code"`
				Success bool   `json:"success"`
				URL     string `json:"url"`
			}{says.code, true, taobaoURL(uri, l)})
		}
		says = taobaoSays[login.Expired]
	}
	return t.say(c, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Success bool   `json:"success"`
	}{says.code, says.message, true})
}

// taobaoURL puts uid and token first among the parameters, side by side: DecryptLogin
// cuts them out of the text.
func taobaoURL(uri string, l login.Login) string {
	base, query, _ := strings.Cut(uri, "?")
	values, _ := url.ParseQuery(query) // ours: it is well-formed
	return base + "?uid=" + taobaoUID.Replace(url.QueryEscape(l.Profile.Name)) + "&token=" + values.Get("ticket") + "&" + query
}

// taobaoUID goes on where QueryEscape stops: as in all of a redirect_uri, only letters,
// digits, - and _ stand for themselves.
var taobaoUID = strings.NewReplacer("+", "%20", ".", "%2E", "~", "%7E")

// say writes bare JSON without a callback, else the original's wrapper to the byte,
// with nothing after it: clients cut it off by counting. No ")" may stand in the JSON
// either, since one client reads up to the first.
func (t *Taobao) say(c echo.Context, v any) error {
	body, err := taobaoJSON(v)
	if err != nil {
		return err
	}
	p, err := parameters(c, "callback")
	if err != nil || !p.Has("callback") {
		return answer(c, http.StatusOK, "application/json; charset=utf-8", body)
	}
	name, ok := callback(c)
	if !ok {
		return badCallback(c)
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="f.txt"`)
	return script(c, "(function(){"+name+"("+body+");})();")
}

// taobaoJSON leaves & as it is, which clients expect in url, and escapes what would end
// a script or the wrapper early.
func taobaoJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return taobaoEscapes.Replace(strings.TrimSuffix(b.String(), "\n")), nil
}

var taobaoEscapes = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, ")", `\u0029`)
