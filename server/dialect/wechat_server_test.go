package dialect_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// This file is what the WeChat tests stand on: a server with everything that its
// clients may ask for. Use it inside a synctest bubble: then the real hold of 25 s,
// the delays of clients and the lives of logins cost no time.

const (
	wxHold = 25 * time.Second
	// wxApp is the id that nearly all clients carry in their code.
	wxApp   = "wx782c26e4c19acffb"
	wxPage  = "https://login.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	wxCGI   = "/cgi-bin/mmwebwx-bin/"
	wxLogin = wxCGI + "login"
)

func wxApps() []login.App {
	const page = "https://wx.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	return []login.App{
		{ID: wxApp, RedirectURIs: []string{wxPage, page, page + "?mod=desktop"}, Origins: []string{"https://shop.example"}},
		{ID: "kiosk", RedirectURIs: []string{wxPage}, UnboundScan: true},
		{ID: "strict", RedirectURIs: []string{wxPage}, Number: login.NumberAlways},
		{ID: "single", RedirectURIs: []string{wxPage}, OneSession: true},
		{ID: "plain", RedirectURIs: []string{"https://plain.example/in"}},
	}
}

func alice() login.Identity {
	return login.Identity{
		Phone:   login.Phone{Issuer: "https://id.example", Subject: "alice"},
		Profile: login.Profile{Name: "Alice </skey><script>alert(1)</script>"},
	}
}

// firefox is the browser that the tests' logins and sessions belong to.
func firefox() login.Browser {
	return login.Browser{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "Firefox"}
}

type wxServer struct {
	t       *testing.T
	service *login.Service
	wechat  *dialect.WeChat
	echo    *echo.Echo
}

func newWX(t *testing.T, change ...func(*login.Config)) *wxServer {
	t.Helper()
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	keys, err := login.ParseKeys(strings.NewReader("k1 " + secret))
	if err != nil {
		t.Fatal(err)
	}
	config := login.Config{Keys: keys, Apps: wxApps()}
	for _, f := range change {
		f(&config)
	}
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	s := &wxServer{t: t, service: login.NewService(store.Store, config), echo: echo.New()}
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.wechat = &dialect.WeChat{Service: s.service, Hold: wxHold, Secure: func(*http.Request) bool { return true }}
	s.wechat.Routes(s.echo)
	(&dialect.Picture{Service: s.service, PublicURL: "https://login.example", PerMinute: 120}).Routes(s.echo)
	return s
}

func (s *wxServer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wxAnswer is all that a client can see of an answer, and how long it took.
type wxAnswer struct {
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
	took    time.Duration
}

// send gives the server one request. fields are header fields, "Name: value". The
// client is firefox unless a field says otherwise; a Remote field is its address.
func (s *wxServer) send(method, target, body string, fields ...string) wxAnswer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, "/", strings.NewReader(body))
	u, err := url.ParseRequestURI(target)
	s.must(err)
	r.URL, r.RequestURI = u, target
	r.Host = "login.example"
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("User-Agent", "Firefox")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Remote" {
			r.RemoteAddr = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	begin := time.Now()
	s.echo.ServeHTTP(w, r)
	return newWXAnswer(w.Result(), begin)
}

func newWXAnswer(r *http.Response, begin time.Time) wxAnswer {
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return wxAnswer{r.StatusCode, r.Header, string(body), r.Cookies(), time.Since(begin)}
}

func (s *wxServer) get(target string, fields ...string) wxAnswer {
	s.t.Helper()
	return s.send(http.MethodGet, target, "", fields...)
}

// wxForm makes a body a form; it goes among the fields of send.
const wxForm = "Content-Type: application/x-www-form-urlencoded"

// ask polls a login as WeChat's own page does.
func (s *wxServer) ask(id login.ID, tip string, fields ...string) wxAnswer {
	s.t.Helper()
	return s.get(wxLogin+"?loginicon=true&uuid="+string(id)+"&tip="+tip+"&r=-12&_=34", fields...)
}

// wxAttempt is a login with what the test knows of it besides.
type wxAttempt struct {
	id login.ID
	login.Login
}

// The steps of a login, each from where the one before ends. The login is firefox's.
func (s *wxServer) pending(app string) wxAttempt {
	s.t.Helper()
	id, l, err := s.service.Start(s.t.Context(), login.Request{App: app, Lang: "en", Browser: firefox()})
	s.must(err)
	return wxAttempt{id, l}
}

func (s *wxServer) scanned(app string) wxAttempt {
	s.t.Helper()
	a := s.pending(app)
	code, _, ok := s.service.Code(a.Login, time.Now())
	if !ok {
		s.t.Fatal("a pending login shows no code")
	}
	var err error
	a.Login, err = s.service.Scan(s.t.Context(), alice(), "https://login.example/l/"+code, time.Time{})
	s.must(err)
	return a
}

func (s *wxServer) approved(app string) wxAttempt {
	s.t.Helper()
	a := s.scanned(app)
	number, _ := s.service.Number(a.Login)
	var err error
	a.Login, err = s.service.Approve(s.t.Context(), alice().Phone, string(a.Handle), number)
	s.must(err)
	return a
}

func (s *wxServer) denied(app string) wxAttempt {
	s.t.Helper()
	a := s.scanned(app)
	var err error
	a.Login, err = s.service.Deny(s.t.Context(), alice().Phone, string(a.Handle))
	s.must(err)
	return a
}

// redirect is where an approved login goes, as path and query.
func (s *wxServer) redirect(a wxAttempt) string {
	s.t.Helper()
	uri, ok := s.service.RedirectURI(a.Login)
	if !ok {
		s.t.Fatal("an approved login goes nowhere")
	}
	return strings.TrimPrefix(strings.TrimPrefix(uri, "https://"), "login.example")
}

// wxSession is a signed-in browser.
type wxSession struct {
	login.Session
	login.Credentials
}

func (s *wxServer) session(app string) (wxAttempt, wxSession) {
	s.t.Helper()
	a := s.approved(app)
	uri, err := url.Parse(s.redirect(a))
	s.must(err)
	v, err := s.service.RedeemPage(s.t.Context(), uri.Query(), firefox())
	s.must(err)
	return a, s.credentials(v)
}

func (s *wxServer) credentials(v login.Session) wxSession {
	s.t.Helper()
	c, err := s.service.Credentials(v)
	s.must(err)
	return wxSession{v, c}
}

// base is the BaseRequest that most clients send.
func (v wxSession) base() string {
	return `{"BaseRequest":{"Uin":` + strconv.FormatInt(v.UIN, 10) + `,"Sid":"` + v.SID + `","Skey":"` + v.Skey + `","DeviceID":"e1"}}`
}

// query is who asks, in the parameters of synccheck and webwxlogout.
func (v wxSession) query() string {
	return url.Values{"uin": {strconv.FormatInt(v.UIN, 10)}, "sid": {v.SID}, "skey": {v.Skey}}.Encode()
}

// inWX runs f with a fresh server in a bubble of virtual time.
func inWX(t *testing.T, f func(*testing.T, *wxServer), change ...func(*login.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWX(t, change...)) })
}

// later runs f after d and lets the test wait for it.
func (s *wxServer) later(d time.Duration, f func(context.Context) error) (done <-chan struct{}) {
	finished := make(chan struct{})
	ctx := s.t.Context()
	go func() {
		defer close(finished)
		time.Sleep(d) // virtual
		if err := f(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	return finished
}
