package audit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/audit"
)

// listener notes what passes between the audit and a server.
type listener struct {
	mu       sync.Mutex
	requests []*http.Request
	at       []time.Time
	said     bytes.Buffer
}

func (l *listener) hear(good http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.requests, l.at = append(l.requests, r.Clone(context.Background())), append(l.at, time.Now())
		l.mu.Unlock()
		good.ServeHTTP(&eavesdropped{w, l}, r)
	})
}

type eavesdropped struct {
	http.ResponseWriter
	l *listener
}

func (e *eavesdropped) Write(b []byte) (int, error) {
	e.l.mu.Lock()
	e.l.said.Write(b)
	e.l.mu.Unlock()
	return e.ResponseWriter.Write(b)
}

func (e *eavesdropped) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func TestTheAuditIsSlowAndSaysWhoItIs(t *testing.T) {
	var l listener
	if _, err := audited(t, nil, audit.Checks(), func(t *testing.T) http.Handler { return l.hear(ours(t, nil)) }); err != nil {
		t.Fatal(err)
	}
	for i := 6; i < len(l.at); i++ {
		if took := l.at[i].Sub(l.at[i-6]); took < time.Second {
			t.Fatalf("seven requests in %v", took)
		}
	}
	for _, r := range l.requests {
		if agent := r.UserAgent(); !strings.HasPrefix(agent, "qrlatch-audit") && !strings.HasPrefix(r.URL.Path, "/l/") {
			t.Fatalf("%s %s came from %q", r.Method, r.URL.Path, agent)
		}
	}
}

// Even a server that fails makes the report say no secret whole.
func TestTheReportShowsNoSecret(t *testing.T) {
	secrets := regexp.MustCompile(`uuid = "([^"]+)"|"id":"([^"]+)"|/l/([^"]+)"|ticket=([\w-]+)|<(?:skey|wxsid|pass_ticket)>([^<]+)<`)
	for _, b := range broken() {
		if !slices.Contains([]string{"F1", "F2", "F3", "S1", "S5", "J3"}, b.check) {
			continue // its evidence has nothing to do with an id
		}
		var l listener
		report, err := audited(t, nil, audit.Checks(), func(t *testing.T) http.Handler {
			server := ours(t, b.config)
			if b.breaks != nil {
				server = b.breaks(t, server)
			}
			return l.hear(server)
		})
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		if err := errors.Join(report.WriteText(&all), report.WriteJSON(&all)); err != nil {
			t.Fatal(err)
		}
		found := slices.Concat(secrets.FindAllStringSubmatch(l.said.String(), -1)...)
		if len(found) < 100 {
			t.Fatalf("only %d secrets to look for", len(found))
		}
		for _, secret := range append(found, "alice-token", "bob-token") {
			if len(secret) >= 6 && secret != audit.DefaultApp && strings.Contains(all.String(), secret) {
				t.Errorf("%s, %s: the report shows %s", b.check, b.what, secret)
			}
		}
	}
}

func TestWhatCannotBeLookedAtIsSkipped(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*audit.Options)
		server func(t *testing.T) http.Handler
		want   map[string]string // check: part of why
	}{
		{
			"without a phone", func(o *audit.Options) { o.Phones = nil }, func(t *testing.T) http.Handler { return ours(t, nil) },
			map[string]string{"F2": "no phone token", "S2": "no phone token", "S4": "no phone token", "S5": "no phone token"},
		},
		{
			"with one phone", func(o *audit.Options) { o.Phones = o.Phones[:1] }, func(t *testing.T) http.Handler { return ours(t, nil) },
			map[string]string{"S4": "a second phone"},
		},
		{
			"with a token that is not valid", func(o *audit.Options) { o.Phones = []string{"stale-token"} }, func(t *testing.T) http.Handler { return ours(t, nil) },
			map[string]string{"F2": "401", "S5": "401", "F6": "401"},
		},
		{
			"a server of something else", nil, func(*testing.T) http.Handler { return http.NotFoundHandler() },
			map[string]string{"F1": "nothing here", "F2": "no dialect", "F5": "no dialect", "S1": "nothing here", "J1": "nothing here", "H1": "nothing here", "H4": "no WebSocket"},
		},
	} {
		report, err := audited(t, tt.change, audit.Checks(), tt.server)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			if why, ok := tt.want[f.ID]; ok && (f.Verdict != audit.Skipped || !strings.Contains(f.Evidence, why)) {
				t.Errorf("%s: %s %s: %q, want skipped: %s", tt.name, f.Verdict, f.ID, f.Evidence, why)
			}
			if f.Verdict == audit.Fail {
				t.Errorf("%s: %s fails: %s", tt.name, f.ID, f.Evidence)
			}
		}
	}
}

func TestClearTextAndOldTLSFail(t *testing.T) {
	report := audit.Report{}
	synctest.Test(t, func(t *testing.T) {
		var err error
		o := options(t, "http://login.example", serve(t, http.NotFoundHandler()))
		if report, err = audit.Run(t.Context(), o, only(t, "H7")); err != nil {
			t.Fatal(err)
		}
	})
	if f := report.Findings[0]; f.Verdict != audit.Fail {
		t.Errorf("clear text: %+v", f)
	}
	for _, tt := range []struct {
		oldest uint16
		hsts   string
		want   audit.Verdict
		says   string
	}{
		{tls.VersionTLS10, "", audit.Fail, "1.1"},
		{tls.VersionTLS12, "", audit.Pass, "a hint"},
		{tls.VersionTLS12, "max-age=1", audit.Pass, "and Strict"},
	} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Strict-Transport-Security", tt.hsts)
		}))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.TLS = &tls.Config{MinVersion: tt.oldest}
		server.StartTLS()
		o := options(t, server.URL, server.Client().Transport)
		o.Rate = 1000
		report, err := audit.Run(t.Context(), o, only(t, "H7"))
		server.Close()
		if err != nil {
			t.Fatal(err)
		}
		if f := report.Findings[0]; f.Verdict != tt.want || !strings.Contains(f.Evidence, tt.says) {
			t.Errorf("TLS from %x: %+v", tt.oldest, f)
		}
	}
}

func TestTheCommand(t *testing.T) {
	server := httptest.NewServer(ours(t, nil)) // for another address: 421 to all
	defer server.Close()
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "window.QRLogin.code = 400;")
	}))
	defer refusing.Close()
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			_, _ = io.WriteString(w, "# HELP \x1b[31m\n")
			return
		}
		http.NotFound(w, r)
	}))
	defer open.Close()
	token := filepath.Join(t.TempDir(), "token")
	empty := filepath.Join(t.TempDir(), "empty")
	for name, text := range map[string]string{token: "alice-token\n", empty: "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args string
		want string // of the error; "": none
		says string // of the report
	}{
		{"", "want one address", ""},
		{"login.example", "want an address", ""},
		{"ftp://login.example", "want an address", ""},
		{"https://a@login.example", "want an address", ""},
		{"https://login.example https://login.example", "want one address", ""},
		{"https://login.example --rate 50", "--rate", ""},
		{"https://login.example --rate 0", "--rate", ""},
		{"https://login.example --patience=-1s", "--patience", ""},
		{"https://login.example --colour", "colour", ""},
		{"https://login.example --phone-token /no/such/file", "no such file", ""},
		{"https://login.example --phone-token " + empty, "bearer token alone", ""},
		{"https://login.example --phone-token " + token + " --phone-token " + token + " --phone-token " + token, "two phones", ""},
		{"http://127.0.0.1:1", "cannot be reached", ""},
		{refusing.URL + " --app shop --rate 1000", `no login for app "shop"`, ""},
		{"--help", "", "usage: qrlatch audit"},
		{nothing.URL + " --rate 1000 --phone-token " + token, "", "1 phones"},
		{"--rate=1000 " + nothing.URL + " --json", "", `"failed": 0`},
		{open.URL + " --rate 1000", audit.ErrFailed.Error(), "/metrics: open to everybody"},
		{open.URL + " --rate 1000 --json", audit.ErrFailed.Error(), `"verdict": "FAIL"`},
	} {
		var out bytes.Buffer
		err := audit.Command(t.Context(), strings.Fields(tt.args), "dev", &out)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.want)
		}
		if !strings.Contains(out.String(), tt.says) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: %s", tt.args, &out)
		}
		if strings.Contains(tt.args, "--json") && !json.Valid(out.Bytes()) {
			t.Errorf("%s: %s", tt.args, &out)
		}
	}
}

// What a server calls its cookies and types is in the evidence.
func TestATerminalObeysNoServer(t *testing.T) {
	r := audit.Report{Findings: []audit.Finding{{ID: "H1", Result: audit.Result{Verdict: audit.Fail, Evidence: "red \x1b[31m\u202e"}}}}
	if got := text(t, r); strings.ContainsAny(got, "\x1b\u202e") {
		t.Errorf("%q", got)
	}
}
