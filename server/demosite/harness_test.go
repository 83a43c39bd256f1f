package demosite_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"qrlatch/server/demosite"
)

// loginServer is one that says what a test wants, and notes what it was asked.
type loginServer struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	redeem  int    // its status
	user    string // JSON
	expires int
	session int // status of a session
	jwks    string
}

func newLoginServer(t *testing.T) *loginServer {
	l := &loginServer{redeem: 200, session: 200, expires: 3600, user: `{"sub":"alice","name":"Alice","picture":"alice.jpg"}`}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		id, secret, _ := r.BasicAuth()
		l.asked = append(l.asked, strings.Join([]string{r.Method, r.URL.Path, id + ":" + secret, string(body)}, " "))
		switch {
		case r.URL.Path == "/.well-known/jwks.json" && l.jwks != "":
			_, _ = io.WriteString(w, l.jwks)
		case r.Method == http.MethodPost && l.redeem == 200:
			_ = json.NewEncoder(w).Encode(map[string]any{
				"session": map[string]any{"id": "sessionid", "expires_in": l.expires}, "user": json.RawMessage(l.user), "auth_time": 1795235708,
			})
		case r.Method == http.MethodPost:
			w.WriteHeader(l.redeem)
		case r.Method == http.MethodDelete && l.session == 200:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(l.session)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *loginServer) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *loginServer) was(asked string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.asked, "\n"), asked)
}

// world is a shop and its login server.
type world struct {
	login *loginServer
	url   string
	log   *syncBuffer
	shop  http.Handler
}

func newWorld(t *testing.T) *world {
	w := &world{login: newLoginServer(t), log: new(syncBuffer)}
	shop := httptest.NewUnstartedServer(nil)
	w.url = "http://" + shop.Listener.Addr().String()
	handler, err := demosite.New(demosite.Options{
		Login: w.login.URL, Client: w.login.Client(), App: "shop", Secret: "demo-secret", Origins: []string{w.url},
		DemoPhone: true, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	shop.Config.Handler, w.shop = handler, handler
	shop.Start()
	t.Cleanup(shop.Close)
	return w
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// browser keeps cookies, and follows redirects only when told.
type browser struct {
	t *testing.T
	w *world
	*http.Client
}

func (w *world) browser(t *testing.T) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t, w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

// expect holds an answer to its status and to words on it, or to where it leads.
func (a answer) expect(t *testing.T, status int, words ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) && a.header.Get("Location") != w {
			t.Errorf("%q is missing in: %s (to %q)", w, a.body, a.header.Get("Location"))
		}
	}
}

// state is what the sign-in page gives the login.
func (b *browser) state() string {
	b.t.Helper()
	return b.find(b.get("/").body, `state: "([A-Za-z0-9_-]{43})"`)
}

func (b *browser) find(body, expression string) string {
	b.t.Helper()
	found := regexp.MustCompile(expression).FindStringSubmatch(body)
	if found == nil {
		b.t.Fatalf("no %s in: %s", expression, body)
	}
	return found[1]
}

// signIn comes back from the login server with a ticket.
func (b *browser) signIn() {
	b.t.Helper()
	b.get("/signed-in?ticket=goodticket&state="+b.state()).expect(b.t, 303, "/account")
}
