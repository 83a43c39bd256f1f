package phone

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestBadInput(t *testing.T) {
	s := newServer(t)
	_, path := s.scanned(t, "shop")
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"no code", "POST", "/v1/scans", `{}`, 400},
		{"null for a code", "POST", "/v1/scans", `{"code":null}`, 400},
		{"a code that is a number", "POST", "/v1/scans", `{"code":7}`, 400},
		{"no body", "POST", "/v1/scans", ``, 400},
		{"malformed body", "POST", "/v1/scans", `{"code"`, 400},
		{"body too large", "POST", "/v1/scans", `{"code":"` + strings.Repeat("a", 17<<10) + `"}`, 413},
		{"unknown code", "POST", "/v1/scans", `{"code":"` + strings.Repeat("a", 28) + `"}`, 404},
		{"no code at all", "POST", "/v1/scans", `{"code":"https://evil.example/"}`, 404},
		{"malformed number", "POST", path + "/approve", `{"number":42}`, 400},
		{"unknown handle", "POST", "/v1/scans/AAAAAAAAAAAA/approve", ``, 404},
		{"malformed handle", "POST", "/v1/scans/x/deny", ``, 404},
		{"unknown state", "GET", path + "?since=done", ``, 400},
		{"state twice", "GET", path + "?since=scanned&since=pending", ``, 400},
		{"endless wait", "GET", path + "?wait=61", ``, 400},
		{"wait of 2^32", "GET", path + "?wait=4294967296", ``, 400},
		{"negative wait", "GET", path + "?wait=-1", ``, 400},
		{"a sign", "GET", path + "?wait=%2B1", ``, 400},
		{"part of a second", "GET", path + "?wait=0.5", ``, 400},
		{"empty wait", "GET", path + "?wait=", ``, 400},
		{"wait twice", "GET", path + "?wait=0&wait=0", ``, 400},
		{"broken query", "GET", path + "?wait=%zz", ``, 400},
		{"unknown handle", "GET", "/v1/scans/AAAAAAAAAAAA", ``, 404},
		{"unknown session", "DELETE", "/v1/sessions/" + strings.Repeat("A", 24), ``, 404},
		{"unknown reason", "DELETE", "/v1/sessions/x?reason=bored", ``, 400},
		{"reason twice", "DELETE", "/v1/sessions/x?reason=not_me&reason=not_me", ``, 400},
	} {
		t.Run(tc.name, func(t *testing.T) { read(t, s.call(t, "alice-token", tc.method, tc.path, tc.body), tc.status) })
	}
	t.Run("a form", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/v1/scans", strings.NewReader("code=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer alice-token")
		read(t, s.serve(r), 415)
	})
}

func TestOtherMethodsAreNotAllowed(t *testing.T) {
	s := newServer(t)
	_, path := s.scanned(t, "shop")
	for _, tc := range []struct{ method, path, allow string }{
		{"PUT", "/v1/scans", "GET, POST"},
		{"GET", path + "/approve", "POST"},
		{"HEAD", path + "/approve", "POST"},
		{"GET", path + "/deny", "POST"},
		{"DELETE", path, "GET"},
		{"DELETE", "/v1/sessions", "GET"},
	} {
		w := s.call(t, "alice-token", tc.method, tc.path, "")
		if w.Code != 405 || !sameSet(w.Header().Get("Allow"), "OPTIONS, "+tc.allow) {
			t.Errorf("%s %s: %d, Allow %q", tc.method, tc.path, w.Code, w.Header().Get("Allow"))
		}
	}
	if got := read(t, s.call(t, "alice-token", "GET", path, ""), 200); got["state"] != "scanned" {
		t.Errorf("one of them changed it: %v", got)
	}
}

func sameSet(a, b string) bool {
	set := func(text string) map[string]bool {
		m := make(map[string]bool)
		for word := range strings.SplitSeq(text, ", ") {
			m[word] = true
		}
		return m
	}
	return reflect.DeepEqual(set(a), set(b))
}
