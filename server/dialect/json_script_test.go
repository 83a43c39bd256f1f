package dialect_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// The dialects of testdata/json.txt, jsonp.txt and taobao.txt, which are run as
// wechat.txt is. Besides what that knows, there are apps of which the browser learns
// more before the approval, and these names of a login:
//
//	{approved.json}      its redirect_uri as JSON writes it, with & as \u0026
//	{approved.ticket}    the ticket in it
//	{scanned.number}     the number that the phone must repeat
//	{pending.end}        the end of the code, which makes new addresses of pictures
//	{shown}              a pending login with a short code, {shown.short}
//	{typed}              one whose short code was typed on the phone

func TestJSONOnTheWire(t *testing.T)   { runScript(t, "testdata/json.txt", otherDialects) }
func TestJSONPOnTheWire(t *testing.T)  { runScript(t, "testdata/jsonp.txt", otherDialects) }
func TestTaobaoOnTheWire(t *testing.T) { runScript(t, "testdata/taobao.txt", otherDialects) }

// otherDialects lets a server of the WeChat tests speak JSON, JSONP and Taobao's.
func otherDialects(s *wxServer) {
	s.service.Configure(login.Config{Keys: s.service.Keys(), Apps: append(wxApps(),
		login.App{ID: "avatar", RedirectURIs: []string{"https://avatar.example/in"}, Disclose: login.DiscloseAvatar},
		login.App{ID: "named", RedirectURIs: []string{"https://named.example/in", wxPage}, Disclose: login.DiscloseName},
		login.App{ID: "seoul", RedirectURIs: []string{"https://seoul.example/in"}, Lang: "ko"},
		login.App{ID: "brackets", RedirectURIs: []string{"https://brackets.example/(in)?a=(b)", wxPage}},
	)})
	s.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
	polls := dialect.NewPolls(60, nil)
	(&dialect.JSON{Service: s.service, PublicURL: "https://login.example", Polls: polls}).Routes(s.echo)
	(&dialect.Taobao{Service: s.service, PublicURL: "https://login.example", Polls: polls}).Routes(s.echo)
}

// inDialects is inWX with them.
func inDialects(t *testing.T, f func(*testing.T, *wxServer)) {
	t.Helper()
	inWX(t, func(t *testing.T, s *wxServer) {
		otherDialects(s)
		f(t, s)
	})
}

// learnJSON remembers what a login is called in these dialects.
func (c *wxCase) learnJSON(a wxAttempt, remember func(field, value string)) {
	if uri, ok := c.service.RedirectURI(a.Login); ok {
		u, err := url.Parse(uri)
		c.must(err)
		remember("json", strings.ReplaceAll(uri, "&", `\u0026`))
		remember("ticket", u.Query().Get("ticket"))
	}
	if number, ok := c.service.Number(a.Login); ok {
		remember("number", number)
	}
	if code, _, ok := c.service.Code(a.Login, time.Now()); ok {
		remember("end", code[len(code)-4:])
	}
	if short, ok := c.service.UserCode(a.Login, time.Now()); ok {
		remember("short", short)
	}
}

func (s *wxServer) shown(app string) wxAttempt {
	s.t.Helper()
	id, l, err := s.service.Start(s.t.Context(), login.Request{App: app, Lang: "en", Browser: firefox(), UserCode: true})
	s.must(err)
	return wxAttempt{id, l}
}

func (s *wxServer) typed(app string) wxAttempt {
	s.t.Helper()
	a := s.shown(app)
	short, _ := s.service.UserCode(a.Login, time.Now())
	var err error
	a.Login, err = s.service.Scan(s.t.Context(), alice(), short, time.Time{})
	s.must(err)
	return a
}
