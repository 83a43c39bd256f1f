package backchannel_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/labstack/echo/v4"

	"qrlatch/server/backchannel"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/site"
)

// jwks serves the keys that a site verifies by.
func jwks(t *testing.T, config login.Config) string {
	t.Helper()
	mem := memstore.New(memstore.Options{})
	e := echo.New()
	(&site.API{Service: login.NewService(mem.Store, config), Issuer: issuer}).Routes(e)
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		server.Close()
		mem.Close()
	})
	return server.URL + "/.well-known/jwks.json"
}

// over sends one notice to address by the network itself, and returns what became of the
// first try.
func over(t *testing.T, address string) (result, log string, config login.Config) {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	said, results := new(lines), make(chan string, 10)
	n := backchannel.New(backchannel.Options{
		Issuer: issuer, Log: slog.New(slog.NewTextHandler(said, nil)), Observe: func(result string) { results <- result },
	})
	config = login.Config{Keys: keys, Apps: []login.App{{ID: "shop", LogoutURL: address}}}
	n.Serve(&config)
	n.Tell(login.Event{Name: login.EventNotMe, App: "shop", Session: "session1", Phone: login.Phone{Subject: "alice"}})
	result = <-results
	n.Hurry()
	end, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n.Close(end)
	return result, said.String(), config
}

func TestASiteVerifiesANoticeByThePublishedKeys(t *testing.T) {
	tokens := make(chan string, 10)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens <- r.PostFormValue("logout_token")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer shop.Close()
	result, log, config := over(t, shop.URL+"/signed-out")
	if result != backchannel.Sent || log != "" {
		t.Fatalf("%s: %s", result, log)
	}
	keys := oidc.NewRemoteKeySet(t.Context(), jwks(t, config))
	token, err := oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: "shop", SupportedSigningAlgs: []string{oidc.ES256}}).Verify(t.Context(), <-tokens)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		SID    string         `json:"sid"`
		Events map[string]any `json:"events"`
	}
	if err := token.Claims(&said); err != nil || said.SID != "session1" || token.Subject != "alice" || len(said.Events) != 1 {
		t.Errorf("%+v of %s: %v", said, token.Subject, err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		shop := httptest.NewServer(http.RedirectHandler(elsewhere.URL, code))
		result, _, _ := over(t, shop.URL)
		shop.Close()
		if result != backchannel.Failed || followed.Load() != 0 {
			t.Errorf("%d: %s, and %d requests elsewhere", code, result, followed.Load())
		}
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	const much = 64 << 20 // more than fits on the way
	var written atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for text := make([]byte, 64<<10); written.Load() < much; written.Add(int64(len(text))) {
			if _, err := w.Write(text); err != nil {
				return
			}
		}
	}))
	defer shop.Close()
	if result, _, _ := over(t, shop.URL); result != backchannel.Sent || written.Load() >= much {
		t.Errorf("%s, and %d bytes were read", result, written.Load())
	}
}
