package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthTellsHowARunningServerIs(t *testing.T) {
	p := start(t, "--demo")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not ready: store is down")
		case "/moved":
			http.Redirect(w, r, p.admin+"/healthz", http.StatusFound)
		}
	}))
	defer other.Close()
	gone := httptest.NewServer(nil)
	gone.Close()

	for _, c := range []struct {
		name, args string
		out, err   string // what is printed, part of the error
		usage      bool   // exit status 2 and not 1
	}{
		{"alive", p.admin + "/healthz", "ok\n", "", false},
		{"ready", p.admin + "/readyz", "ready\n", "", false},
		{"not ready", other.URL + "/readyz", "", "503 Service Unavailable: not ready: store is down", false},
		{"somewhere else", other.URL + "/moved", "", "302 Found", false},
		{"nobody there", gone.URL, "", "connection refused", false},
		{"no scheme", "127.0.0.1:9090/healthz", "", "usage: qrlatch health [URL]", true},
		{"another scheme", "file:///etc/passwd", "", "usage: qrlatch health [URL]", true},
		{"too much", p.admin + "/healthz again", "", "usage: qrlatch health [URL]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := run(t.Context(), append([]string{"health"}, strings.Fields(c.args)...), environment{stdout: &out, stderr: io.Discard})
			var bad *usageError
			if out.String() != c.out || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.As(err, &bad) != c.usage {
				t.Errorf("printed %q, error %v; want %q, %q", out.String(), err, c.out, c.err)
			}
		})
	}
}
