package phone

import (
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/problem"
)

// server is the phone API over a memory store, with two phones and two apps.
type server struct {
	*login.Service
	echo *echo.Echo
}

func newServer(t testing.TB, change ...func(*API)) *server {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	service := login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{
		{ID: "shop", Name: "Corner Shop", RedirectURIs: []string{"https://shop.example:8443/in?x=1"}},
		{ID: "bank", Name: "Bank", RedirectURIs: []string{"https://bank.example/in"}, Number: login.NumberAlways},
		{ID: "chat", Name: "Chat", RedirectURIs: []string{"https://chat.example/webwxnewloginpage"}},
	}})
	api := &API{Service: service, Auth: Tokens{
		{TokenSHA256: sha256.Sum256([]byte("alice-token")), Subject: "alice", Name: "Alice"},
		{TokenSHA256: sha256.Sum256([]byte("alice-token-2")), Subject: "alice", Name: "Alice"},
		{TokenSHA256: sha256.Sum256([]byte("bob-token")), Subject: "bob", Name: "Bob"},
		{TokenSHA256: sha256.Sum256([]byte("nobody-token"))},
	}}
	for _, f := range change {
		f(api)
	}
	e := echo.New()
	e.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
	api.Routes(e)
	e.DELETE("/v1/sessions/:id", api.DeleteSession)
	return &server{Service: api.Service, echo: e}
}

var firefox = login.Browser{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "Firefox"}

// start begins a login and returns its id and the code in its picture.
func (s *server) start(t testing.TB, app string) (login.ID, string) {
	t.Helper()
	id, l, err := s.Start(t.Context(), login.Request{App: app, Browser: firefox})
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := s.Code(l, time.Now())
	return id, code
}

// call sends a request of the phone with token; "" sends none.
func (s *server) call(t *testing.T, token, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.serve(r)
}

func (s *server) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.echo.ServeHTTP(w, r)
	return w
}

// scanned begins a login at app, has alice scan it and returns its path.
func (s *server) scanned(t *testing.T, app string) (login.ID, string) {
	t.Helper()
	id, code := s.start(t, app)
	w := s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`)
	return id, "/v1/scans/" + read(t, w, 201)["id"].(string)
}

// redeemed carries a login to the end and returns its session.
func (s *server) redeemed(t *testing.T, id login.ID, path string) login.Session {
	t.Helper()
	read(t, s.call(t, "alice-token", "POST", path+"/approve", ""), 200)
	l, err := s.Get(t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := s.RedirectURI(l)
	uri, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var v login.Session
	if l.App == "chat" { // whose browser collects it itself, and has cookies from it
		v, err = s.RedeemPage(t.Context(), uri.Query(), firefox)
	} else {
		v, err = s.RedeemTicket(t.Context(), l.App, uri.Query().Get("ticket"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// read checks the status, and that nothing may be cached, and returns the object.
func read(t *testing.T, w *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	var got map[string]any
	check(t, w, status, &got)
	return got
}

func readAll(t *testing.T, w *httptest.ResponseRecorder) []map[string]any {
	t.Helper()
	var got []map[string]any
	check(t, w, 200, &got)
	if got == nil {
		t.Fatalf("got %s, want an array", w.Body)
	}
	return got
}

func check(t *testing.T, w *httptest.ResponseRecorder, status int, into any) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	want := "application/json"
	if status >= 400 {
		want = "application/problem+json"
	}
	if got := w.Header().Get("Content-Type"); got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("body %s: %v", w.Body, err)
	}
}

func TestScanShowsWhatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		started := time.Now()
		_, code := s.start(t, "shop")
		time.Sleep(10 * time.Second)
		got := read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"https://login.example/l/`+code+`"}`), 201)
		id := got["id"]
		want := map[string]any{
			"id": id, "state": "scanned",
			"app":             map[string]any{"id": "shop", "name": "Corner Shop", "origin": "https://shop.example:8443"},
			"browser":         map[string]any{"ip": "203.0.113.7", "user_agent": "Firefox", "started_at": started.UTC().Format(time.RFC3339)},
			"number_required": false, "expires_in": 290.0,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if again := read(t, s.call(t, "alice-token-2", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201); !reflect.DeepEqual(again, want) {
			t.Errorf("scanned again with a fresh token: %v", again)
		}
		if now := read(t, s.call(t, "alice-token", "GET", "/v1/scans/"+id.(string), ""), 200); !reflect.DeepEqual(now, want) {
			t.Errorf("read again: %v", now)
		}
		if all := readAll(t, s.call(t, "alice-token", "GET", "/v1/scans", "")); len(all) != 1 || !reflect.DeepEqual(all[0], want) {
			t.Errorf("listed: %v", all)
		}
	})
}

func TestStaleCodeNeedsTheNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, code := s.start(t, "shop")
		time.Sleep(41 * time.Second)
		got := read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)
		if got["number_required"] != true {
			t.Errorf("got %v", got)
		}
	})
}

func TestDecisionsAreHarmlessToRepeatAndCannotBeTurned(t *testing.T) {
	for _, tc := range []struct{ say, other, state string }{{"approve", "deny", "approved"}, {"deny", "approve", "denied"}} {
		s := newServer(t)
		_, path := s.scanned(t, "shop")
		id := strings.TrimPrefix(path, "/v1/scans/")
		for range 2 {
			got := read(t, s.call(t, "alice-token", "POST", path+"/"+tc.say, ""), 200)
			if !reflect.DeepEqual(got, map[string]any{"id": id, "state": tc.state}) {
				t.Errorf("%s: got %v", tc.say, got)
			}
		}
		if got := read(t, s.call(t, "alice-token", "POST", path+"/"+tc.other, ""), 410); got["type"] != "/problems/decided" {
			t.Errorf("%s after %s: %v", tc.other, tc.say, got)
		}
		if all := readAll(t, s.call(t, "alice-token", "GET", "/v1/scans", "")); len(all) != 0 {
			t.Errorf("still listed after %s: %v", tc.say, all)
		}
	}
}

func TestOnlyThePhoneThatScannedDecides(t *testing.T) {
	s := newServer(t)
	_, code := s.start(t, "shop")
	path := "/v1/scans/" + read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)["id"].(string)
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/scans", `{"code":"` + code + `"}`, 409},
		{"POST", path + "/approve", "", 403},
		{"POST", path + "/approve", `{"subject":"alice"}`, 403},
		{"POST", path + "/deny", "", 403},
		{"GET", path, "", 403},
		{"GET", path + "?since=scanned&wait=5", "", 403},
	} {
		w := s.call(t, "bob-token", tc.method, tc.path, tc.body)
		read(t, w, tc.status)
		if strings.Contains(w.Body.String(), "Corner Shop") || strings.Contains(w.Body.String(), "lice") {
			t.Errorf("%s %s tells of another's login: %s", tc.method, tc.path, w.Body)
		}
	}
	if all := readAll(t, s.call(t, "bob-token", "GET", "/v1/scans", "")); len(all) != 0 {
		t.Errorf("bob sees %v", all)
	}
	if got := read(t, s.call(t, "alice-token", "GET", path, ""), 200); got["state"] != "scanned" {
		t.Errorf("bob changed it: %v", got)
	}
}

func TestThreeWrongNumbersDeny(t *testing.T) {
	s := newServer(t)
	_, path := s.scanned(t, "bank")
	for i, body := range []string{"", `{"number":"1"}`, `{"number":"100"}`} {
		got := read(t, s.call(t, "alice-token", "POST", path+"/approve", body), 422)
		if last := strings.Contains(got["detail"].(string), "denied"); last != (i == 2) {
			t.Errorf("wrong number %d: %v", i+1, got)
		}
	}
	read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"1"}`), 410)
	if got := read(t, s.call(t, "alice-token", "GET", path, ""), 200); got["state"] != "denied" || got["expires_in"] != 0.0 {
		t.Errorf("got %v", got)
	}
}

func TestTheRightNumberApproves(t *testing.T) {
	s := newServer(t)
	id, path := s.scanned(t, "bank")
	l, err := s.Get(t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		t.Fatal(err)
	}
	number, _ := s.Number(l)
	if got := read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"`+number+`"}`), 200); got["state"] != "approved" {
		t.Errorf("got %v", got)
	}
}

func TestExpiredLoginIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, code := s.start(t, "shop")
		_, path := s.scanned(t, "shop")
		time.Sleep(5*time.Minute + time.Second)
		for _, say := range []string{"/approve", "/deny"} {
			if got := read(t, s.call(t, "alice-token", "POST", path+say, ""), 410); got["type"] != "/problems/expired" {
				t.Errorf("%s: %v", say, got)
			}
		}
		if got := read(t, s.call(t, "alice-token", "GET", path, ""), 200); got["state"] != "expired" {
			t.Errorf("got %v", got)
		}
		read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 404)
	})
}
