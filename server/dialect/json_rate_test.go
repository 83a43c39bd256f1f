package dialect_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// Twenty polls come at once, from then on one a second: what interval says.
func TestWhoPollsTooFastIsToldWhenToComeBack(t *testing.T) {
	for _, ending := range []string{"", ".js"} {
		t.Run("{id}"+ending, func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				a, other := s.pending("plain"), s.pending("plain")
				ask := func(of wxAttempt) wxAnswer {
					return s.poll(of.id, ending+"?callback=cb", "Origin: https://plain.example")
				}
				refused := func(got wxAnswer) bool { return strings.Contains(got.body, `"type":"/problems/rate-limited"`) }
				for n := range 20 {
					if got := ask(a); refused(got) || got.took != 0 {
						t.Fatalf("poll %d: %s after %v", n+1, got.body, got.took)
					}
				}
				got := ask(a)
				wait := time.Second
				switch {
				case !refused(got):
					t.Fatalf("the 21st: %d %s", got.status, got.body)
				case ending == "" && (got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" ||
					got.header.Get("Access-Control-Allow-Origin") != "https://plain.example" || got.took != 0):
					t.Errorf("%d %v after %v", got.status, got.header, got.took)
				case ending == ".js" && (got.status != http.StatusOK || got.took != time.Second):
					t.Errorf("a script tag sees neither status nor header: %d after %v", got.status, got.took)
				case ending == ".js":
					wait = 0 // it was held instead
				}
				if got := ask(other); refused(got) {
					t.Errorf("another login pays for it: %s", got.body)
				}
				for range 30 {
					time.Sleep(wait)
					if got := ask(a); refused(got) {
						t.Fatalf("a poll after a second: %s", got.body)
					}
					wait = time.Second
				}
				time.Sleep(time.Minute)
				for n := range 20 {
					if got := ask(a); refused(got) {
						t.Fatalf("after a minute's rest, poll %d: %s", n+1, got.body)
					}
				}
			})
		})
	}
}

// The interval that a start names is one at which nobody is ever refused.
func TestPollingAtTheIntervalIsNeverRefused(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		var start struct {
			ID       login.ID
			Interval int
		}
		s.must(json.Unmarshal([]byte(s.send(http.MethodPost, "/v1/logins", `{"app":"plain"}`).body), &start))
		for begin := time.Now(); time.Since(begin) < 5*time.Minute; time.Sleep(time.Duration(start.Interval) * time.Second) {
			if got := s.poll(start.ID, ""); got.status != http.StatusOK {
				t.Fatalf("after %v: %d", time.Since(begin), got.status)
			}
		}
		if v := s.json(s.poll(start.ID, "").body); v.State != "expired" {
			t.Errorf("it is %s", v.State)
		}
	})
}

// Polls of logins that do not exist cost nobody else anything, and are told slowly.
func TestWhoGuessesIsSlow(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		for n := range 30 {
			if got := s.poll(login.ID(strings.Repeat(string(rune('A'+n%26)), 36)), "?since=pending&wait=25"); got.status != http.StatusNotFound || got.took != time.Second {
				t.Fatalf("%d after %v", got.status, got.took)
			}
		}
	})
}
