package pages_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// TestAPhonesPageThatMeetsALimitIsToldWhenToComeBack: it is no fault of the server, so it
// is not in the log; and as in the phone's API, whoever can be held is.
func TestAPhonesPageThatMeetsALimitIsToldWhenToComeBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits limit.WaiterLimits
		others int // who are there before
		status int
		held   time.Duration
	}{
		{"no place", limit.WaiterLimits{PerAddress: 1}, 1, http.StatusTooManyRequests, limit.Patience},
		{"no place, and nobody more is held", limit.WaiterLimits{PerAddress: 1}, 2, http.StatusTooManyRequests, 0},
		{"its place is taken", limit.WaiterLimits{PerLogin: 1}, 0, http.StatusOK, limit.Patience},
		{"a place", limit.WaiterLimits{}, 0, http.StatusOK, 25 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				waiters := limit.NewWaiters(tt.limits)
				var log bytes.Buffer
				w := newWorld(t, func(o *pages.Options, _ *login.Config) {
					o.Waiters, o.Log = waiters, slog.New(slog.NewTextHandler(&log, nil))
				})
				alice := w.phone("Alice")
				_, l, code := w.begin()
				question := alice.scan(code)
				enter := func(topic string) {
					waiters.Enter(new(limit.Place), limit.Waiter{Dialect: limit.ByPhone, Topic: topic, Addr: netip.MustParseAddr("192.0.2.9"), Bound: true})
				}
				for range tt.others {
					enter("another")
				}
				if tt.limits.PerLogin > 0 {
					time.AfterFunc(time.Second, func() { enter(string(l.Handle)) })
				}
				began := time.Now()
				p := alice.get(question.path + "/state?since=scanned")
				if took := time.Since(began); p.status != tt.status || took != tt.held {
					t.Errorf("%d after %v, want %d after %v", p.status, took, tt.status, tt.held)
				}
				if after := p.header.Get("Retry-After"); (after == "15") != (p.status == http.StatusTooManyRequests) {
					t.Errorf("Retry-After %q", after)
				}
				if log.Len() > 0 {
					t.Errorf("the log says: %s", log.String())
				}
			})
		})
	}
}

// TestThePagesScriptWaitsWhenItIsTold: after most statuses it loads the page anew at once.
func TestThePagesScriptWaitsWhenItIsTold(t *testing.T) {
	script, err := os.ReadFile("../../assets/phone.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"status === 0 || status === 429 || status >= 500", "delay = status === 429 ? 15000 :"} {
		if !strings.Contains(string(script), line) {
			t.Errorf("assets/phone.js has no %q", line)
		}
	}
}
