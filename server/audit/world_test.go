package audit_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/audit"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
	"qrlatch/server/phone"
	"qrlatch/server/web"
)

const base = "http://127.0.0.1:8080"

// ours is our own server with one app, for the phones of alice and bob.
func ours(t *testing.T, change func(*login.App)) http.Handler {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	app := login.App{
		ID: audit.DefaultApp, Name: "Shop", RedirectURIs: []string{base + "/cgi-bin/mmwebwx-bin/webwxnewloginpage"},
		Origins: []string{base}, Disclose: login.DiscloseAvatar,
	}
	if change != nil {
		change(&app)
	}
	public, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	handler, err := web.New(web.Options{
		Service:   login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{app}}),
		PublicURL: public, Loopback: true, PollHold: 25 * time.Second, Metrics: metrics.New("test"),
		Limits: web.DefaultLimits(),
		Log:    slog.New(slog.DiscardHandler),
		Phones: phone.Tokens{
			{TokenSHA256: sha256.Sum256([]byte("alice-token")), Subject: "alice", Name: "Alice"},
			{TokenSHA256: sha256.Sum256([]byte("bob-token")), Subject: "bob", Name: "Bob"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// pipes are connections without a network, whose deadlines run in virtual time.
type pipes struct {
	conns chan net.Conn
	done  context.Context
	end   context.CancelFunc
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error { p.end(); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// from gives the server's end of a pipe an address.
type from struct{ net.Conn }

func (from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711} }

// serve runs handler until the end of the test, and returns the way to it.
func serve(t *testing.T, handler http.Handler) http.RoundTripper {
	t.Helper()
	done, end := context.WithCancel(context.Background())
	listener := pipes{make(chan net.Conn), done, end}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, conn := net.Pipe()
		select {
		case listener.conns <- from{conn}:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-done.Done():
			return nil, net.ErrClosed
		}
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return transport
}

// options are for an audit with both phones of whatever transport leads to.
func options(t *testing.T, at string, transport http.RoundTripper) audit.Options {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Options{URL: u, Phones: []string{"alice-token", "bob-token"}, Transport: transport}
}

// audited runs checks against handler in virtual time.
func audited(t *testing.T, o func(*audit.Options), checks []audit.Check, handler func(*testing.T) http.Handler) (report audit.Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		with := options(t, base, serve(t, handler(t)))
		if o != nil {
			o(&with)
		}
		report, err = audit.Run(t.Context(), with, checks)
	})
	return report, err
}

// only is the check of one id.
func only(t *testing.T, id string) []audit.Check {
	t.Helper()
	for _, c := range audit.Checks() {
		if c.ID == id {
			return []audit.Check{c}
		}
	}
	t.Fatalf("there is no check %s", id)
	return nil
}

func text(t *testing.T, r audit.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
