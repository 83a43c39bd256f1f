package phone

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

func TestOnlyOneGoodBearerIsTaken(t *testing.T) {
	for _, tc := range []struct {
		name   string
		header []string
		status int
		hint   string // in WWW-Authenticate
	}{
		{"a token", []string{"Bearer alice-token"}, 200, ""},
		{"the scheme in any case", []string{"bEARER alice-token"}, 200, ""},
		{"nothing", nil, 401, `Bearer realm="qrlatch"`},
		{"an unknown token", []string{"Bearer mallory-token"}, 401, "invalid_token"},
		{"a token of nobody", []string{"Bearer nobody-token"}, 401, "invalid_token"},
		{"an empty token", []string{"Bearer "}, 401, "invalid_token"},
		{"no space", []string{"Beareralice-token"}, 401, "invalid_token"},
		{"something after it", []string{"Bearer alice-token, x"}, 401, "invalid_token"},
		{"another scheme", []string{"Basic YWxpY2UtdG9rZW46"}, 401, "invalid_token"},
		{"a token without its scheme", []string{"alice-token"}, 401, "invalid_token"},
		{"two headers", []string{"Bearer alice-token", "Bearer alice-token"}, 401, "invalid_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			for _, target := range []string{"/v1/scans", "/v1/sessions"} {
				r := httptest.NewRequest("GET", target, nil)
				r.Header["Authorization"] = tc.header
				w := s.serve(r)
				if got := w.Header().Get("WWW-Authenticate"); w.Code != tc.status || !strings.Contains(got, tc.hint) || (got == "") != (tc.status == 200) {
					t.Errorf("%s: %d, WWW-Authenticate %q", target, w.Code, got)
				}
			}
		})
	}
}

func TestEveryCallNeedsAToken(t *testing.T) {
	s := newServer(t)
	_, path := s.scanned(t, "shop")
	for _, call := range []string{
		"POST /v1/scans", "GET /v1/scans", "GET " + path, "POST " + path + "/approve", "POST " + path + "/deny",
		"GET /v1/sessions", "DELETE /v1/sessions/x", "GET /v1/scans?access_token=alice-token",
	} {
		method, target, _ := strings.Cut(call, " ")
		read(t, s.call(t, "", method, target, ""), 401)
		read(t, s.call(t, "wrong", method, target, ""), 401)
	}
}

func TestTokens(t *testing.T) {
	tokens := Tokens{
		{TokenSHA256: sha256.Sum256([]byte("one")), Subject: "alice", Name: "Alice", Picture: "https://pics.example/a.png"},
		{TokenSHA256: sha256.Sum256([]byte("two")), Subject: "bob"},
	}
	got, err := tokens.Authenticate(t.Context(), "one")
	want := login.Identity{
		Phone:   login.Phone{Issuer: "tokens", Subject: "alice"},
		Profile: login.Profile{Name: "Alice", Picture: "https://pics.example/a.png"},
	}
	if err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	hash := fmt.Sprintf("%x", tokens[0].TokenSHA256)
	for _, bad := range []string{"", "One", "one ", "oneone", hash} {
		if who, err := tokens.Authenticate(t.Context(), bad); !errors.Is(err, ErrBadToken) || who != (login.Identity{}) {
			t.Errorf("%q: %v, %v", bad, who, err)
		}
	}
	alice, alike, erin := tokens[0], tokens[0], tokens[0]
	alike.TokenSHA256[finds] ^= 1
	alike.Subject, erin.Subject = "carol", "erin"
	for name, some := range map[string]Tokens{"after one that begins alike": {alike, alice}, "before it": {alice, alike}, "the last of two that are the same": {erin, alice}} {
		if who, err := some.Authenticate(t.Context(), "one"); err != nil || who.Subject != "alice" {
			t.Errorf("%s: %v, %v", name, who, err)
		}
	}
	if who, err := (Tokens{alike}).Authenticate(t.Context(), "one"); !errors.Is(err, ErrBadToken) {
		t.Errorf("one that begins alike: %v, %v", who, err)
	}
	if _, err := (Tokens)(nil).Authenticate(t.Context(), ""); !errors.Is(err, ErrBadToken) {
		t.Errorf("no tokens: %v", err)
	}
}

func TestGuessingCodesIsLimitedByPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(a *API) { a.Scans = limit.NewPerMinute(DefaultScansPerMinute) })
		guess := func(token string) int {
			w := s.call(t, token, "POST", "/v1/scans", `{"code":"x"}`)
			if w.Code == 429 {
				if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 || after > 3 {
					t.Errorf("Retry-After %q, want at most the 3 s that one scan takes to come back", w.Header().Get("Retry-After"))
				}
			}
			return w.Code
		}
		for i := range 20 {
			if got := guess("alice-token"); got != 404 {
				t.Fatalf("guess %d: %d", i, got)
			}
		}
		for _, token := range []string{"alice-token", "alice-token-2"} {
			if got := guess(token); got != 429 {
				t.Errorf("guess 21 with %s: %d", token, got)
			}
		}
		if got := guess("bob-token"); got != 404 {
			t.Errorf("bob pays for alice: %d", got)
		}
		readAll(t, s.call(t, "alice-token", "GET", "/v1/scans", ""))
		time.Sleep(3 * time.Second)
		if got := guess("alice-token"); got != 404 {
			t.Errorf("after Retry-After: %d", got)
		}
		if got := guess("alice-token"); got != 429 {
			t.Errorf("one more: %d", got)
		}
	})
}

func TestNoLimit(t *testing.T) {
	s := newServer(t)
	for range 200 {
		read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"x"}`), 404)
	}
}
