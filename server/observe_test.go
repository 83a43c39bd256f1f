package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestAServerSendsItsTracesBeforeItStops starts a login and stops at once.
func TestAServerSendsItsTracesBeforeItStops(t *testing.T) {
	var mu sync.Mutex
	var sent []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, raw...)
	}))
	defer collector.Close()
	p := start(t, "--demo", "--traces="+collector.URL)
	id := p.startLogin(t, "demo")
	p.stop()
	p.ended <- <-p.ended
	mu.Lock()
	defer mu.Unlock()
	for _, word := range []string{"qrlatch", "login", "wechat", "pending"} {
		if !bytes.Contains(sent, []byte(word)) {
			t.Errorf("the traces do not say %q", word)
		}
	}
	if bytes.Contains(sent, []byte(id)) || bytes.Contains(sent, []byte(id[:12])) {
		t.Error("the traces have the login's id")
	}
}

func TestAServerWithoutTracesSendsNone(t *testing.T) {
	c, wrong := read(t, []string{"--demo"})
	if wrong != nil {
		t.Fatal(wrong)
	}
	if c.traces != "" {
		t.Errorf("they go to %s unless told", c.traces)
	}
}

func TestWhereTracesGoIsCheckedAtTheStart(t *testing.T) {
	for _, bad := range []string{"localhost:4318", "grpc://localhost:4317", "https://user:s3cret@otel.example"} {
		_, wrong := read(t, []string{"--demo", "--traces=" + bad})
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0], "--traces: want ") || strings.Contains(wrong[0], "s3cret") {
			t.Errorf("%s: %q", bad, wrong)
		}
	}
}

func TestOnlyTheAdminListenerTellsOfTheProcess(t *testing.T) {
	p := start(t, "--demo")
	p.startLogin(t, "demo")
	for target, says := range map[string]string{
		"/metrics":                        "\nqrlatch_logins 1\n",
		"/debug/pprof/":                   "goroutine",
		"/debug/pprof/goroutine?debug=1":  "goroutine profile",
		"/debug/pprof/cmdline":            "",
		"/debug/pprof/symbol?0":           "num_symbols",
		"/debug/pprof/trace?seconds=0.01": "go 1.",
	} {
		if status, body := fetch(t, p.admin+target); status != http.StatusOK || !strings.Contains(body, says) {
			t.Errorf("admin %s: %d %.200q", target, status, body)
		}
		if status, body := fetch(t, p.url+target); status != http.StatusNotFound || says != "" && strings.Contains(body, says) {
			t.Errorf("public %s: %d", target, status)
		}
	}
	_, body := fetch(t, p.admin+"/metrics")
	if !strings.Contains(body, `qrlatch_logins_total{state="pending"} 1`) || !strings.Contains(body, `version="dev"} 1`) {
		t.Error(body)
	}
}
