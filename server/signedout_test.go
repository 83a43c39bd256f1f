package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// listeningSite is one that is told of sign-outs.
type listeningSite struct {
	*httptest.Server
	count atomic.Int64

	mu     sync.Mutex
	tokens map[string]chan string // by session
}

func newListeningSite(t *testing.T) *listeningSite {
	s := &listeningSite{tokens: map[string]chan string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token := r.PostFormValue("logout_token")
		var said struct{ SID string }
		if parts := strings.Split(token, "."); len(parts) == 3 {
			text, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(text, &said) // what is none has no session
		}
		s.count.Add(1)
		s.about(said.SID) <- token
	}))
	t.Cleanup(s.Close)
	return s
}

// about is where the notices of a session go, be they sent or waited for first.
func (s *listeningSite) about(session string) chan string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[session] == nil {
		s.tokens[session] = make(chan string, 10)
	}
	return s.tokens[session]
}

// of waits for the notice of a session.
func (s *listeningSite) of(t *testing.T, session string) string {
	t.Helper()
	select {
	case token := <-s.about(session):
		return token
	case <-time.After(30 * time.Second):
		t.Fatal("the site is told nothing")
		return ""
	}
}

// told registers address as the shop's logout_url.
func told(file, address string) string {
	return strings.Replace(file, "name: Corner Shop\n", "name: Corner Shop\n    logout_url: "+address+"\n", 1)
}

type redeemed struct {
	Session struct{ ID string }
	IDToken string `json:"id_token"`
}

func (c client) signIn(t *testing.T, app string) (r redeemed) {
	t.Helper()
	c.post(t, "/v1/tickets/redeem", map[string]string{"ticket": c.approve(t, app, "").Query().Get("ticket")}, &r, app)
	return r
}

// signOut ends a session, as alice's phone or as an app.
func (c client) signOut(t *testing.T, session string, app ...string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.url+"/v1/sessions/"+session, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer alice-token")
	if len(app) > 0 {
		r.SetBasicAuth(app[0], "secret")
	}
	if status, body, _ := c.do(t, r); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
}

func TestASiteIsToldWhenThePhoneSignsOut(t *testing.T) {
	site := newListeningSite(t)
	file := write(t, "q.yaml", told(sites, site.URL+"/signed-out"))
	p := start(t, "--config", file)
	c := client{p.url, http.DefaultTransport}
	verifier := oidc.NewVerifier(p.url, oidc.NewRemoteKeySet(t.Context(), p.url+"/.well-known/jwks.json"),
		&oidc.Config{ClientID: "shop", SupportedSigningAlgs: []string{oidc.ES256}})
	sid := func(token string) string {
		t.Helper()
		read, err := verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		var said struct{ SID string }
		if err := read.Claims(&said); err != nil || read.Subject != "alice" {
			t.Fatal(read, err)
		}
		return said.SID
	}
	first, second, foreign := c.signIn(t, "shop"), c.signIn(t, "shop"), c.signIn(t, "other")
	c.signOut(t, foreign.Session.ID) // of a site that has no logout_url
	c.signOut(t, first.Session.ID, "shop")
	c.signOut(t, second.Session.ID)
	if got := sid(site.of(t, second.Session.ID)); got != sid(second.IDToken) {
		t.Errorf("told of %s, which the id_token calls %s", got, sid(second.IDToken))
	}

	elsewhere := newListeningSite(t)
	rewrite(t, file, told(sites, elsewhere.URL))
	p.reload <- os.Interrupt
	p.startLoginEventually(t, "shop")
	third := c.signIn(t, "shop")
	c.signOut(t, third.Session.ID)
	sid(elsewhere.of(t, third.Session.ID))
	if site.count.Load() != 1 || elsewhere.count.Load() != 1 {
		t.Error("somebody is told twice, or after the reload at the old address, or of its own sign-out")
	}
}

func TestAServerThatStopsSaysWhichSitesItDidNotReach(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	p := start(t, "--config", write(t, "q.yaml", told(sites, gone.URL)))
	c := client{p.url, http.DefaultTransport}
	c.signOut(t, c.signIn(t, "shop").Session.ID)
	p.stop()
	begun, found := time.Now(), false
	for line := range p.log {
		found = found || strings.Contains(line, "sites were not told of sign-outs") && strings.Contains(line, `"lost":1`)
	}
	if !found || time.Since(begun) > drainTime-time.Second { // it was tried at once, and not waited for
		t.Errorf("the log says that a notice was lost: %v, after %s", found, time.Since(begun))
	}
}

// The shop of the demo is told, and believes it.
func TestTheDemosSiteIsToldOfASignOut(t *testing.T) {
	p := start(t, "--demo", "--log-level=debug")
	alice := client{p.url, bearing{"demo-alice"}}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	_, body := get(t, browser, p.shop)
	state := regexp.MustCompile(`state: "([^"]+)"`).FindStringSubmatch(body)
	if state == nil {
		t.Fatalf("no state in %s", body)
	}
	back := alice.approve(t, "shop", state[1])
	if status, body := get(t, browser, p.shop+"/signed-in?"+back.RawQuery); status != http.StatusOK || !strings.Contains(body, "Alice") {
		t.Fatalf("%d %s", status, body)
	}
	_, list := get(t, &http.Client{Transport: bearing{"demo-alice"}}, p.url+"/v1/sessions")
	session := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(list)
	if session == nil {
		t.Fatal(list)
	}
	alice.signOut(t, session[1])
	for line := range p.log { // the shop has not asked yet
		if strings.Contains(line, "the login server has told of a sign-out") {
			break
		}
		if strings.Contains(line, "notice") {
			t.Fatal(line)
		}
	}
	if status, _ := get(t, browser, p.shop+"/account/alive"); status != http.StatusGone {
		t.Errorf("the shop says %d", status)
	}
}

// bearing sends a token of a phone.
type bearing struct{ token string }

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}
