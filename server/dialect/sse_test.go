package dialect_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/r3labs/sse/v2"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
)

// This file holds what the script in testdata/sse.txt cannot say.

func TestAStreamPassesProxiesAndCaches(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		s := w.opens(eventsOf(w.pending(wxApp).id))
		defer func() { _ = s.Body.Close() }()
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "cross-origin", "Connection": "", "Content-Length": "",
		} {
			if got := s.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		s.events(t) // checks the padding
	})
}

// With a stream open, a page must not be told by the library's own header fields that
// the connection lives on where we end it (request smuggling).
func TestTheLibraryDoesNotOverwriteHeaderFields(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		w.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Set("Connection", "close")
				return next(c)
			}
		})
		s := w.opens(eventsOf(w.denied(wxApp).id))
		if s.events(t); !s.Close {
			t.Error("the connection is kept")
		}
	})
}

func TestOnlyPagesOfTheAppMayListen(t *testing.T) {
	const ours, shop, evil = "https://login.example", "https://shop.example", "https://evil.example"
	for _, tt := range []struct {
		name, state, origin, last string
		status                    int
		allowed                   string
	}{
		{"no page", "denied", "", "", 200, ""},
		{"a page of ours", "denied", ours, "", 200, ours},
		{"a page of the app", "denied", shop, "", 200, shop},
		{"a page of another app", "denied", "https://plain.example", "", 403, ""},
		{"a foreign page", "denied", evil, "", 403, ""},
		{"a page without an origin", "denied", "null", "", 403, ""},
		// A browser takes an answer that it may not read for a broken connection, and
		// some come back for ever.
		{"the app's, when it is over", "denied", shop, "denied", 204, shop},
		{"a foreign one, when it is over", "denied", evil, "denied", 403, ""},
		{"any registered, of an unknown login", "unknown", shop, "", 404, shop},
		{"any registered, of a forgotten one", "unknown", shop, "expired", 204, shop},
		{"a foreign one, of an unknown login", "unknown", evil, "", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inSSE(t, func(w *sseWorld) {
				a, _ := (&wxCase{wxServer: w.wxServer}).loginIn(tt.state, wxApp)
				var fields []string
				if tt.origin != "" {
					fields = append(fields, "Origin: "+tt.origin)
				}
				got := w.get(eventsOf(a.id), append(fields, "Last-Event-ID: "+tt.last)...)
				if allowed := got.header.Get("Access-Control-Allow-Origin"); got.status != tt.status || allowed != tt.allowed {
					t.Errorf("%d for %q, want %d for %q", got.status, allowed, tt.status, tt.allowed)
				}
				if got.status >= 400 && (got.header.Get("Content-Type") != "application/problem+json" || strings.Contains(got.body, string(a.id))) {
					t.Errorf("not a problem: %s", got.body)
				}
				if got.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("credentials are allowed")
				}
			})
		})
	}
}

func TestAPolyfillMayAskToSendLastEventID(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		got := w.do(time.Minute, http.MethodOptions, eventsOf(w.pending(wxApp).id), "", "Origin: https://shop.example")
		if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://shop.example" ||
			!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

func TestOnlyGETStreams(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		for _, method := range []string{"HEAD", "POST", "PUT", "DELETE"} {
			if got := w.do(time.Minute, method, eventsOf(w.pending(wxApp).id), ""); got.status != 405 {
				t.Errorf("%s: %d, want 405", method, got.status)
			}
		}
	})
}

// CWE-93: whoever can write a line end into a stream writes events.
func TestANameCannotWriteEvents(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n", "\n\n", "\u2028", "\u2029", "\u0085", "\x00"} {
		inSSE(t, func(w *sseWorld) {
			a := w.pending(wxApp)
			s := w.opens(eventsOf(a.id))
			s.events(w.t)
			name := "x" + end + "event: redeemed" + end + "data: {}" + end + end + ": y"
			code, _, _ := w.service.Code(a.Login, time.Now())
			l, err := w.service.Scan(w.t.Context(), login.Identity{Phone: alice().Phone, Profile: login.Profile{Name: name, Picture: name}}, code, time.Time{})
			w.must(err)
			_, err = w.service.Approve(w.t.Context(), alice().Phone, string(l.Handle), "")
			w.must(err)
			if got := s.names(t); got != "pending qr scanned approved" {
				t.Errorf("%q: heard %s", end, got)
			}
			all := s.events(t)
			last := all[len(all)-1]
			var said struct {
				User struct{ Name, Picture string }
			}
			if err := json.Unmarshal([]byte(last.field("data")), &said); err != nil || said.User.Name != name || said.User.Picture != name {
				t.Errorf("%q: %v, %q", end, err, last.text)
			}
			if lines := strings.Count(last.text, "\n"); lines != 4 || strings.ContainsAny(last.text, "\r\u2028\u2029") {
				t.Errorf("%q: %q", end, last.text)
			}
			_ = s.Body.Close()
		})
	}
}

// The one test in real time, on real sockets, with a client that is not ours.
func TestTheClientOfR3labsFollowsALogin(t *testing.T) {
	s := newWX(t)
	(&dialect.SSE{Service: s.service, PublicURL: "https://login.example"}).Routes(s.echo)
	server := httptest.NewServer(s.echo)
	defer server.Close()
	w := &sseWorld{&wxWorld{wxServer: s}}
	a := s.pending(wxApp)
	client := sse.NewClient(server.URL + "/v1/logins/" + string(a.id) + "/events")
	client.ResponseValidator = func(_ *sse.Client, r *http.Response) error {
		if r.StatusCode != http.StatusOK {
			t.Errorf("status %d", r.StatusCode)
		}
		return nil
	}
	deeds := map[string]string{"qr": "scan", "scanned": "approve", "approved": "redeem"}
	var names []string
	err := client.SubscribeRawWithContext(t.Context(), func(e *sse.Event) {
		name := string(e.Event)
		if name == "" {
			return // the retry hint
		}
		names = append(names, name)
		if deed, ok := deeds[name]; ok {
			s.must(sseDeeds[deed](w, &a))
		}
	})
	if got := strings.Join(names, " "); err != nil || got != "pending qr scanned approved redeemed" {
		t.Errorf("heard %s, %v", got, err)
	}
}
