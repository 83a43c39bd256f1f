package site

import (
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
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

const issuer = "https://login.example"

// server is the sites' API over a memory store, with two apps that have secrets and
// one that has none.
type server struct {
	*login.Service
	echo *echo.Echo
}

func newServer(t *testing.T) *server {
	t.Helper()
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	s := &server{Service: login.NewService(store.Store, config(t, login.NewKeyLine())), echo: echo.New()}
	api := &API{Service: s.Service, Issuer: issuer}
	s.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
	api.Routes(s.echo)
	s.echo.DELETE("/v1/sessions/:id", api.DeleteSession)
	return s
}

// config has the keys of lines, newest first.
func config(t *testing.T, lines ...string) login.Config {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return login.Config{Keys: keys, Apps: []login.App{
		{ID: "shop", RedirectURIs: []string{"https://shop.example/in"}, Secret: sha256.Sum256([]byte("shop:secret"))},
		{ID: "bank", RedirectURIs: []string{"https://bank.example/in"}, Secret: sha256.Sum256([]byte("bank-secret"))},
		{ID: "open", RedirectURIs: []string{"https://open.example/in"}},
	}}
}

var alice = login.Identity{
	Phone:   login.Phone{Issuer: "https://id.example", Subject: "alice"},
	Profile: login.Profile{Name: "Alice <A>", Picture: "https://pics.example/a.png"},
}

// ticket lets alice in at app and returns the ticket that her browser brings there.
func (s *server) ticket(t *testing.T, app string) string {
	t.Helper()
	_, l, err := s.Start(t.Context(), login.Request{App: app, Browser: login.Browser{Addr: netip.MustParseAddr("203.0.113.7")}})
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := s.Code(l, time.Now())
	if _, err := s.Scan(t.Context(), alice, code, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if l, err = s.Approve(t.Context(), alice.Phone, string(l.Handle), ""); err != nil {
		t.Fatal(err)
	}
	uri, _ := s.RedirectURI(l)
	_, ticket, _ := strings.Cut(uri, "ticket=")
	ticket, _, _ = strings.Cut(ticket, "&")
	return ticket
}

// call sends a request with an app's credentials, "id:secret"; "" sends none.
func (s *server) call(t *testing.T, credentials, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if id, secret, ok := strings.Cut(credentials, ":"); ok {
		r.SetBasicAuth(id, secret)
	}
	return s.serve(r)
}

func (s *server) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.echo.ServeHTTP(w, r)
	return w
}

func (s *server) redeem(t *testing.T, credentials, ticket string) *httptest.ResponseRecorder {
	t.Helper()
	return s.call(t, credentials, "POST", "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`)
}

func read(t *testing.T, w *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("body %s: %v", w.Body, err)
	}
	return got
}

func TestTicketGivesOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		approved := time.Now().Unix()
		ticket := s.ticket(t, "shop")
		time.Sleep(5 * time.Second)
		got := read(t, s.redeem(t, "shop:shop:secret", ticket), 200)
		id := got["session"].(map[string]any)["id"].(string)
		if got["id_token"] == "" {
			t.Error("no id_token")
		}
		want := map[string]any{
			"session":   map[string]any{"id": id, "expires_in": 43200.0},
			"user":      map[string]any{"sub": "alice", "name": "Alice <A>", "picture": "https://pics.example/a.png"},
			"auth_time": float64(approved),
			"id_token":  got["id_token"],
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if again := read(t, s.redeem(t, "shop:shop:secret", ticket), 409); again["type"] != "/problems/redeemed" {
			t.Errorf("got %v", again)
		}
		time.Sleep(time.Hour)
		delete(want, "id_token")
		want["session"].(map[string]any)["expires_in"] = 43200.0 - 3600
		if now := read(t, s.call(t, "shop:shop:secret", "GET", "/v1/sessions/"+id, ""), 200); !reflect.DeepEqual(now, want) {
			t.Errorf("got  %v\nwant %v", now, want)
		}
		time.Sleep(11 * time.Hour)
		read(t, s.call(t, "shop:shop:secret", "GET", "/v1/sessions/"+id, ""), 404)
	})
}

func TestTicketsThatAreRefusedAnswerAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		good, old := s.ticket(t, "shop"), s.ticket(t, "shop")
		first, last := "A", "A"
		if good[0] == 'A' {
			first = "B"
		}
		if good[35] == 'A' {
			last = "B"
		}
		var bodies []string
		refused := func(name, credentials, ticket string) {
			w := s.redeem(t, credentials, ticket)
			if got := read(t, w, 404); got["type"] != "/problems/ticket-refused" {
				t.Errorf("%s: %v", name, got)
			}
			bodies = append(bodies, w.Body.String())
		}
		refused("made up", "shop:shop:secret", strings.Repeat("A", 36))
		refused("no ticket", "shop:shop:secret", "x")
		refused("another login", "shop:shop:secret", first+good[1:])
		refused("altered", "shop:shop:secret", good[:35]+last)
		refused("another app's", "bank:bank-secret", good)
		read(t, s.redeem(t, "shop:shop:secret", good), 200) // none of that harmed it
		time.Sleep(61 * time.Second)
		refused("too old", "shop:shop:secret", old)
		for _, body := range bodies {
			if body != bodies[0] {
				t.Errorf("answers tell tickets apart: %s", body)
			}
		}
	})
}

func TestOnlyTheAppItselfIsServed(t *testing.T) {
	s := newServer(t)
	id := read(t, s.redeem(t, "shop:shop:secret", s.ticket(t, "shop")), 200)["session"].(map[string]any)["id"].(string)
	ticket := s.ticket(t, "shop")
	basic := func(text string) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		id, secret, _ := strings.Cut(text, ":")
		r.SetBasicAuth(id, secret)
		return r
	}
	for name, header := range map[string][]string{
		"nothing":                 nil,
		"a wrong secret":          basic("shop:wrong").Header["Authorization"],
		"no secret":               basic("shop:").Header["Authorization"],
		"half a secret":           basic("shop:shop").Header["Authorization"],
		"another app's secret":    basic("shop:bank-secret").Header["Authorization"],
		"an unknown app":          basic("nope:shop:secret").Header["Authorization"],
		"an app without a secret": basic("open:").Header["Authorization"],
		"a phone's token":         {"Bearer shop:secret"},
		"broken base64":           {"Basic !!!"},
		"two headers":             append(basic("shop:shop:secret").Header["Authorization"], basic("shop:shop:secret").Header["Authorization"]...),
	} {
		for _, call := range []string{"POST /v1/tickets/redeem", "GET /v1/sessions/" + id, "DELETE /v1/sessions/" + id} {
			method, target, _ := strings.Cut(call, " ")
			r := httptest.NewRequest(method, target, strings.NewReader(`{"ticket":"`+ticket+`"}`))
			r.Header["Authorization"] = header
			w := s.serve(r)
			read(t, w, 401)
			if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
				t.Errorf("%s, %s: WWW-Authenticate %q", name, call, got)
			}
		}
	}
	read(t, s.call(t, "bank:bank-secret", "GET", "/v1/sessions/"+id, ""), 404)
	read(t, s.call(t, "bank:bank-secret", "DELETE", "/v1/sessions/"+id, ""), 404)
	read(t, s.call(t, "shop:shop:secret", "GET", "/v1/sessions/"+id, ""), 200)
	read(t, s.redeem(t, "shop:shop:secret", ticket), 200)
}

func TestSiteSignsItsBrowserOut(t *testing.T) {
	s := newServer(t)
	id := read(t, s.redeem(t, "shop:shop:secret", s.ticket(t, "shop")), 200)["session"].(map[string]any)["id"].(string)
	if w := s.call(t, "shop:shop:secret", "DELETE", "/v1/sessions/"+id, ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		read(t, s.call(t, "shop:shop:secret", method, "/v1/sessions/"+id, ""), 404)
	}
}

func TestBadInput(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		name, body string
		status     int
	}{
		{"no body", ``, 400},
		{"no ticket", `{}`, 400},
		{"empty ticket", `{"ticket":""}`, 400},
		{"a number", `{"ticket":1}`, 400},
		{"malformed", `{"ticket":`, 400},
		{"two tickets", `{"ticket":"a","ticket":"b"}`, 400},
		{"too large", `{"ticket":"` + strings.Repeat("a", 17<<10) + `"}`, 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			read(t, s.call(t, "shop:shop:secret", "POST", "/v1/tickets/redeem", tc.body), tc.status)
		})
	}
	r := httptest.NewRequest("POST", "/v1/tickets/redeem", strings.NewReader("ticket=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("shop", "shop:secret")
	read(t, s.serve(r), 415)
	if w := s.call(t, "shop:shop:secret", "GET", "/v1/tickets/redeem", ""); w.Code != 405 || !strings.Contains(w.Header().Get("Allow"), "POST") {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
