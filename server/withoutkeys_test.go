package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// unknownKey is the header of a logout token by a key that nobody has published yet:
// {"alg":"ES256","kid":"k","typ":"logout+jwt"}
const unknownKey = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJsb2dvdXQrand0In0"

// withoutKeys are servers that have none for a site just now.
var withoutKeys = map[string]http.HandlerFunc{
	"they hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"they answer 503 in JSON": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"type":"/problems/unavailable","status":503}`))
	},
	"they answer no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
}

// tellWithoutKeys tells a site of a sign-out that it cannot verify yet. After a 400 it would
// never be told again.
func (c client) tellWithoutKeys(t *testing.T, site string) {
	for range 2 { // once while it asks, and once while it may not ask again
		if status, body := c.notify(t, site, url.Values{"logout_token": {unknownKey + ".e30.AAAA"}}); status != http.StatusServiceUnavailable {
			t.Errorf("%d %s, want 503", status, body)
		}
	}
}

// notify sends a site a form as a notice.
func (c client) notify(t *testing.T, site string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site+"/signed-out", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body, _ := c.do(t, r)
	return status, body
}
