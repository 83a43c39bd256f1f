package backchannel_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qrlatch/server/backchannel"
	"qrlatch/server/login"
)

const (
	issuer = "https://login.example"
	shop   = "https://shop.example/signed-out?key=hunter2" // with a secret of the site's own
	bank   = "https://bank.example/signed-out"
)

// sites stand in for the network: each address answers as a test says, and what it was
// sent is noted.
type sites struct {
	t      *testing.T
	mu     sync.Mutex
	answer answer
	got    []notice
	tries  map[string]int // by address
}

// answer is the status with which a site answers one of the tries that it has seen.
type answer func(r *http.Request, try int) (status int, err error)

// notice is what a site is sent.
type notice struct {
	to, id, session string
	at              time.Time
	token           string
	said            map[string]any
}

func (s *sites) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" {
		s.t.Errorf("%s %v", r.Method, r.Header)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) != 1 {
		s.t.Errorf("sent %s: %v", body, err)
	}
	x := notice{to: r.URL.String(), at: time.Now(), token: form.Get("logout_token")}
	text, _ := base64.RawURLEncoding.DecodeString(strings.Split(x.token, ".")[1])
	if err := json.Unmarshal(text, &x.said); err != nil {
		s.t.Error(err)
	}
	x.id, _ = x.said["jti"].(string)
	x.session, _ = x.said["sid"].(string)
	s.mu.Lock()
	s.tries[x.to]++
	try := s.tries[x.to]
	s.got = append(s.got, x)
	s.mu.Unlock()
	status, err := s.answer(r, try)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example/"}},
		Body: io.NopCloser(strings.NewReader("an answer that nobody is to log")),
	}, nil
}

func (s *sites) notices() []notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]notice(nil), s.got...)
}

// status answers every notice.
func status(code int) answer { return func(*http.Request, int) (int, error) { return code, nil } }

// dead takes requests and never answers.
func dead(r *http.Request, _ int) (int, error) {
	<-r.Context().Done()
	return 0, r.Context().Err()
}

// world is a Notifier with two apps that are told and one that is not.
type world struct {
	*backchannel.Notifier
	t      *testing.T
	sites  *sites
	config login.Config
	log    *lines

	mu      sync.Mutex
	results map[string]int
}

func newWorld(t *testing.T, answer answer) *world {
	t.Helper()
	w := &world{t: t, sites: &sites{t: t, answer: answer, tries: map[string]int{}}, log: new(lines), results: map[string]int{}}
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	w.config = login.Config{Keys: keys, Apps: []login.App{
		{ID: "shop", RedirectURIs: []string{"https://shop.example/webwxnewloginpage"}, LogoutURL: shop},
		{ID: "bank", RedirectURIs: []string{"https://bank.example/in"}, LogoutURL: bank},
		{ID: "mute", RedirectURIs: []string{"https://mute.example/in"}},
	}}
	w.Notifier = backchannel.New(backchannel.Options{
		Issuer: issuer, Transport: w.sites,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(result string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.results[result]++
		},
	})
	w.Serve(&w.config)
	return w
}

// ended tells of a session of app that its phone has ended.
func (w *world) ended(app, session string) {
	w.config.Audit(login.Event{
		Name: login.EventSignOut, App: app, Session: login.SessionID(session), Ended: login.ByPhone,
		Phone: login.Phone{Issuer: "test", Subject: "alice"},
	})
}

func (w *world) expect(results map[string]int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, result := range []string{backchannel.Sent, backchannel.Failed, backchannel.Refused, backchannel.GivenUp} {
		if w.results[result] != results[result] {
			w.t.Errorf("results %v, want %v", w.results, results)
			return
		}
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var errGone error = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
