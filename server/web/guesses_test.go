package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// crowd takes every bearer token for the name of somebody.
type crowd struct{}

func (crowd) Authenticate(_ context.Context, bearer string) (login.Identity, error) {
	return login.Identity{Phone: login.Phone{Issuer: "crowd", Subject: bearer}}, nil
}

// guesser is a server of 200 logins with short codes, and no other limit in the way.
type guesser struct {
	*fixture
	t *testing.T
}

func newGuesser(t *testing.T) guesser {
	_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
	g := guesser{newFixture(t, func(o *Options) { o.Phones, o.TrustedProxies = crowd{}, []*net.IPNet{proxy} }), t}
	for range 200 {
		g.shown()
	}
	return g
}

// shown starts a login and returns its short code.
func (g guesser) shown() string {
	g.t.Helper()
	var v struct {
		UserCode string `json:"user_code"`
	}
	w := g.ask("POST", "/v1/logins", `{"app":"shop","user_code":true}`)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || len(v.UserCode) != 9 {
		g.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return v.UserCode
}

func guess() string {
	const letters = "bcdfghjklmnpqrstvwxz"
	var b strings.Builder
	for range 8 {
		b.WriteByte(letters[rand.IntN(len(letters))])
	}
	return b.String()
}

// tries one code and returns the status and how long to wait.
func (g guesser) tries(person, addr, code string) (status, wait int) {
	g.t.Helper()
	w := g.ask("POST", "/v1/scans", `{"code":"`+code+`"}`, "Authorization: Bearer "+person, "Peer: 10.0.0.1:1", "X-Forwarded-For: "+addr)
	if w.Code == http.StatusTooManyRequests {
		var err error
		if wait, err = strconv.Atoi(w.Header().Get("Retry-After")); err != nil || wait < 1 || !strings.Contains(w.Body.String(), `"/problems/too-many-codes"`) {
			g.t.Fatalf("%v %s", w.Header(), w.Body)
		}
	}
	return w.Code, wait
}

// Ten thousand guesses of as many people from 50 addresses come to nothing: after 1000
// nobody's are looked at.
func TestTenThousandGuessesHitNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesser(t)
		got := map[int]int{}
		for n := range 10_000 {
			status, _ := g.tries(fmt.Sprint("p", n), fmt.Sprint("192.0.2.", n%50), guess())
			got[status]++
		}
		if len(got) != 2 || got[404] != 1000 || got[429] != 9000 {
			t.Errorf("answers by status: %v, want 1000 times 404 and 9000 times 429", got)
		}
	})
}

func TestGuessesAreLimitedByPersonAndByNetwork(t *testing.T) {
	for _, tt := range []struct {
		name         string
		person, addr func(n int) string
		limit        int
	}{
		{"a person with many addresses", func(int) string { return "eve" }, func(n int) string { return fmt.Sprint("192.0.2.", n%200) }, 5},
		{"an address with many people", func(n int) string { return fmt.Sprint("p", n) }, func(int) string { return "192.0.2.1" }, 30},
		{"IPv4 addresses written as IPv6, one each", func(n int) string { return fmt.Sprint("p", n) }, func(n int) string { return fmt.Sprint("::ffff:192.0.2.", n) }, 1000},
		{"an IPv6 network", func(n int) string { return fmt.Sprint("p", n) }, func(n int) string { return fmt.Sprintf("2001:db8::%x:1", n+1) }, 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuesser(t)
				for n := range 100 {
					// A right code in between, of an accomplice at the same address, gives nothing back.
					if status, _ := g.tries(fmt.Sprint("mallory", n), tt.addr(n), g.shown()); n < tt.limit && status != 201 {
						t.Fatalf("a right code: %d", status)
					}
					want := 404
					if n >= tt.limit {
						want = 429
					}
					if status, wait := g.tries(tt.person(n), tt.addr(n), guess()); status != want || want == 429 && wait != 600 {
						t.Fatalf("guess %d: %d, wait %d", n+1, status, wait)
					}
				}
				time.Sleep(10 * time.Minute)
				if status, _ := g.tries(tt.person(0), tt.addr(0), guess()); status != 404 {
					t.Errorf("after ten minutes: %d", status)
				}
			})
		})
	}
}

// What could not be a short code is no guess at one.
func TestOtherTextsAreNoGuesses(t *testing.T) {
	g := newGuesser(t)
	for _, text := range []string{"bcdf-ghja", "bcdf-ghj", "https://login.example/l/bcdfghjk", strings.Repeat("b", 28), strings.Repeat("A", 36)} {
		for range 50 {
			if status, _ := g.tries("alice", "192.0.2.1", text); status != 404 {
				t.Fatalf("%q: %d", text, status)
			}
		}
	}
	if status, _ := g.tries("alice", "192.0.2.1", g.shown()); status != 201 {
		t.Errorf("a right code: %d", status)
	}
}

// No address that anybody may open tells whether a short code exists.
func TestOpeningAShortCodeTellsNothing(t *testing.T) {
	g := newGuesser(t)
	code := g.shown()
	right, wrong := g.ask("GET", "/l/"+code, ""), g.ask("GET", "/l/"+guess(), "")
	if right.Code != 404 || wrong.Code != 404 || right.Body.String() != wrong.Body.String() {
		t.Errorf("%d and %d", right.Code, wrong.Code)
	}
}
