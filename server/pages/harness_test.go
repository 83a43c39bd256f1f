package pages_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/pages"
)

const base = "http://login.example"

// world is a server with one login service behind it. Nothing in it uses a network,
// so that it runs in a bubble of testing/synctest too.
type world struct {
	t       *testing.T
	service *login.Service
	config  login.Config
	pages   *pages.Pages
	handler http.Handler
}

func newWorld(t *testing.T, change func(*pages.Options, *login.Config)) *world {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	config := login.Config{Keys: keys, Apps: []login.App{{
		ID: "demo", Name: "Corner Shop", Disclose: login.DiscloseAvatar,
		RedirectURIs: []string{"https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"},
	}}}
	options := pages.Options{
		PublicURL: base, Demo: true, Accounts: []pages.Account{account("Alice"), account("Bob")},
		SignInsPerAddress: 300, PasswordsPerAddress: 20,
	}
	if change != nil {
		change(&options, &config)
	}
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	options.Service = login.NewService(store.Store, config)
	p, err := pages.New(options)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	p.Routes(e)
	return &world{t: t, service: options.Service, config: config, pages: p, handler: e}
}

func account(name string) pages.Account {
	return pages.Account{Identity: identity(name)}
}

func identity(name string) login.Identity {
	return login.Identity{
		Phone:   login.Phone{Issuer: "demo", Subject: strings.ToLower(name)},
		Profile: login.Profile{Name: name, Picture: strings.ToLower(name) + ".jpg"},
	}
}

// begin starts a login and returns its id and the code that it shows now.
func (w *world) begin() (login.ID, login.Login, string) {
	w.t.Helper()
	id, l, err := w.service.Start(w.t.Context(), login.Request{App: "demo", Browser: login.Browser{
		Addr:      netip.MustParseAddr("192.0.2.7"),
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	code, _, ok := w.service.Code(l, time.Now())
	if !ok {
		w.t.Fatal("no code")
	}
	return id, l, code
}

func (w *world) state(id login.ID) login.State {
	w.t.Helper()
	l, err := w.service.Get(w.t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	return l.State
}

// collect lets the browser of an approved login in.
func (w *world) collect(id login.ID) login.Session {
	w.t.Helper()
	l, err := w.service.Get(w.t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	uri, _ := w.service.RedirectURI(l)
	u, err := url.Parse(uri)
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.service.RedeemPage(w.t.Context(), u.Query(), l.Browser.Shown())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// visitor is a browser: cookies, and redirects followed as a browser does.
type visitor struct {
	w      *world
	client *http.Client
	header http.Header // sent with every request
}

func (w *world) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{w: w, header: http.Header{}, client: &http.Client{Jar: jar, Transport: w}}
}

// phone is a visitor who is signed in.
func (w *world) phone(name string) *visitor {
	w.t.Helper()
	v := w.visitor()
	page := v.get("/phone")
	if name == "Bob" {
		page.form.Set("account", "1")
	} else {
		page.form.Set("account", "0")
	}
	if in := v.post("/phone/sign-in", page.form); in.status != http.StatusOK || !strings.Contains(in.body, "Phone of <bdi>"+name) {
		w.t.Fatalf("sign in: %d %s", in.status, in.body)
	}
	return v
}

// RoundTrip hands a client's request to the server, without a network.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RemoteAddr, served.RequestURI = "192.0.2.9:4711", r.URL.RequestURI()
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, served)
	answer := recorder.Result()
	answer.Request = r
	return answer, nil
}

type page struct {
	status int
	path   string // where redirects led to
	header http.Header
	body   string
	form   url.Values // with the page's token in it
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]*)"`)

func (v *visitor) do(method, path string, form url.Values) page {
	v.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.w.t.Context(), method, base+path, body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	for name, values := range v.header {
		r.Header[name] = values
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	p := page{status: answer.StatusCode, path: answer.Request.URL.RequestURI(), header: answer.Header, body: string(text), form: url.Values{}}
	if found := tokenField.FindStringSubmatch(p.body); found != nil {
		p.form.Set("csrf", found[1])
	}
	return p
}

func (v *visitor) get(path string) page                   { return v.do(http.MethodGet, path, nil) }
func (v *visitor) post(path string, form url.Values) page { return v.do(http.MethodPost, path, form) }

// scan opens a code and goes on, as the page's script does.
func (v *visitor) scan(code string) page {
	return v.post("/l/"+code, v.get("/l/"+code).form)
}

func (v *visitor) cookie(name, path string) string {
	u, err := url.Parse(base + path)
	if err != nil {
		v.w.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) setCookie(name, path, value string) {
	u, err := url.Parse(base + path)
	if err != nil {
		v.w.t.Fatal(err)
	}
	v.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: path}})
}

// expect fails unless the page has the status and all of the texts.
func (p page) expect(t *testing.T, status int, texts ...string) {
	t.Helper()
	if p.status != status {
		t.Errorf("status %d, want %d", p.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%q is missing in:\n%s", text, p.body)
		}
	}
}
