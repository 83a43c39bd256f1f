package phone

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const (
	flood = "198.51.100.7" // the address of an attacker, and of people beside him
	home  = "203.0.113.9"
)

// endpoint answers introspections: what begins with "good" is active, all else is not.
type endpoint struct {
	takes time.Duration
	asked atomic.Int64
	gone  sync.Map // tokens that are active no more
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked.Add(1)
	select {
	case <-time.After(e.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	token := r.FormValue("token")
	if _, gone := e.gone.Load(token); gone || !strings.HasPrefix(token, "good") {
		return answers(func(*http.Request) (string, error) { return `{"active":false}`, nil }).RoundTrip(r)
	}
	return answers(func(*http.Request) (string, error) { return active("exp", "", "iat", ""), nil }).RoundTrip(r)
}

// gate is a server that knows fixed tokens, JWTs and, by asking, opaque ones.
type gate struct {
	*server
	t *testing.T
	*endpoint
	keys *published
	hits atomic.Int64
}

func newGate(t *testing.T, takes time.Duration) *gate {
	g := &gate{t: t, endpoint: &endpoint{takes: takes}, keys: &published{keys: theKeys()}}
	judge, _ := g.keys.jwt()
	g.server = newServer(t, func(a *API) {
		a.Strangers = NewStrangers(func() { g.hits.Add(1) })
		a.Auth = &Chain{Authenticators: []Authenticator{a.Auth, judge, introspection(g.endpoint)}}
	})
	return g
}

// ask sends a token from an address.
func (g *gate) ask(addr, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(g.t.Context(), "GET", "/v1/scans", nil)
	r.RemoteAddr = addr + ":1234"
	if strings.Contains(addr, ":") {
		r.RemoteAddr = "[" + addr + "]:1234"
	}
	r.Header.Set("Authorization", "Bearer "+token)
	w := g.serve(r)
	after, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if limited := w.Code == http.StatusTooManyRequests; limited && (err != nil || after < 1) || !limited && err == nil {
		g.t.Errorf("%d with Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	return w
}

func (g *gate) expect(addr, token string, status int) {
	g.t.Helper()
	if w := g.ask(addr, token); w.Code != status {
		g.t.Errorf("%.20s from %s: %d %s, want %d", token, addr, w.Code, w.Body, status)
	}
}

// exhaust has an address send as many refused tokens as it may.
func (g *gate) exhaust(addr string) {
	g.t.Helper()
	for n := range refusedPerMinute {
		g.expect(addr, fmt.Sprintf("exhaust-%s-%d", strings.ReplaceAll(addr, ":", "."), n), 401)
	}
}

// An address may have 60 tokens refused in a minute, whatever kind they are of; then it is
// told when to come back, and nobody is asked.
func TestRefusedTokensAreLimitedByAddress(t *testing.T) {
	for kind, token := range map[string]func(n int) string{
		"opaque":          func(n int) string { return fmt.Sprint("made-up-", n) },
		"the same":        func(int) string { return "made-up" },
		"a forged JWT":    func(int) string { return sign(otherRSA(), `{"alg":"RS256","kid":"r1"}`, said()) },
		"an unknown key":  func(n int) string { return sign(otherRSA(), fmt.Sprintf(`{"alg":"RS256","kid":"x%d"}`, n), said()) },
		"alg none":        func(int) string { return sign(nil, `{"alg":"none"}`, said()) },
		"another's token": func(int) string { return rs256("aud", `"shop"`) },
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, 0)
				for n := range 60 {
					g.expect("2001:db8::"+fmt.Sprintf("%x", n), token(n), 401)
				}
				asked, fetched := g.asked.Load(), g.keys.count()
				time.Sleep(500 * time.Millisecond)
				for n := range 3 { // a refused one pushes nobody further away
					g.expect("2001:db8::1:"+fmt.Sprintf("%x", n), token(1000+n), 429)
				}
				if g.asked.Load() != asked || g.keys.count() != fetched {
					t.Error("somebody was asked")
				}
				if g.hits.Load() != 3 {
					t.Errorf("%d were reported", g.hits.Load())
				}
				g.expect("2001:db8:0:1::1", token(2000), 401)
				time.Sleep(500 * time.Millisecond) // a minute's 60 are one a second
				g.expect("2001:db8::1", token(3000), 401)
				g.expect("2001:db8::1", token(4000), 429)
			})
		})
	}
}

// At an address that sends too many refused tokens, all that is known to be good passes,
// and what was good once is told that it is over. What is new has to wait if somebody
// must be asked about it, and passes when the flood is over.
func TestGoodTokensPassWhereRefusedOnesComeFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 0)
		g.expect(flood, rs256(), 200)
		for _, token := range []string{"good-now", "good-before", "good-once"} {
			g.expect(home, token, 200)
		}
		time.Sleep(activeFor)
		g.gone.Store("good-once", true)
		g.expect(flood, "good-now", 200)
		g.exhaust(flood)
		asked := g.asked.Load()
		for range 100 {
			g.expect(flood, "alice-token", 200)
			g.expect(flood, rs256(), 200)
			g.expect(flood, "good-now", 200)
			g.expect(flood, "good-before", 200) // its verdict holds no more: asked about, once
		}
		g.expect(flood, rs256("exp", "1000"), 401)
		g.expect(flood, "good-once", 401)
		g.expect(flood, "good-new", 429)
		if n := g.asked.Load() - asked; n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
		time.Sleep(time.Second)
		g.expect(flood, "good-new", 200)
	})
}

// A token counts when it is refused and not before: a hundred phones that are new here may
// come at once from one address.
func TestManyRightfulPhonesBehindOneAddressAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 100*time.Millisecond)
		var all sync.WaitGroup
		began := time.Now()
		for n := range 100 {
			all.Go(func() { g.expect(home, fmt.Sprint("good-", n), 200) })
		}
		all.Wait()
		if took := time.Since(began); took > turnPatience {
			t.Errorf("the last waits %v", took)
		}
		for n := range 1000 {
			g.expect(home, fmt.Sprint("good-", n%100), 200)
		}
	})
}

// However many made-up tokens one address sends at once, of few of them somebody is asked.
func TestAFloodAtOnceIsHardlyAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 10*time.Millisecond)
		var all sync.WaitGroup
		for n := range 2000 {
			all.Go(func() { g.ask(flood, fmt.Sprint("made-up-", n)) })
		}
		all.Wait()
		// A turn ends a moment before its token counts, so some more than had theirs may pass.
		if n := g.asked.Load(); n > refusedPerMinute+4*askedPerNetwork {
			t.Errorf("asked %d times", n)
		}
	})
}

// A slow issuer and a flood: who is elsewhere is asked about as if there were none.
func TestOneAddressKeepsNobodyElseWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 4*time.Second)
		var all sync.WaitGroup
		for n := range 2000 {
			all.Go(func() { g.ask(flood, fmt.Sprint("made-up-", n)) })
		}
		synctest.Wait()
		if n := g.asked.Load(); n != askedPerNetwork {
			t.Errorf("asked about %d of one address at once", n)
		}
		began := time.Now()
		g.expect(home, "good-new", 200)
		if took := time.Since(began); took != g.takes {
			t.Errorf("waits %v longer than the issuer takes", took-g.takes)
		}
		all.Wait()
	})
}

// A slow issuer and a flood from everywhere, that fills whatever there is to fill: tokens
// that are known to be good are served, and those that were are asked about at once. A new
// one is told at once to come back, or after 2 s.
func TestAFloodFromEverywhereKeepsNoKnownPhoneOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 4*time.Second)
		g.expect(home, "good-before", 200)
		time.Sleep(activeFor)
		g.expect(home, "good-now", 200)
		asked := g.asked.Load()
		var all sync.WaitGroup
		for n := range 3000 {
			all.Go(func() { g.ask(fmt.Sprintf("10.0.%d.%d", n%500/250, n%250), fmt.Sprint("made-up-", n)) })
		}
		synctest.Wait()
		if n := g.asked.Load() - asked; n != askedAtOnce || n >= maxConnections {
			t.Errorf("asked about %d strangers at once, want %d", n, askedAtOnce)
		}
		began := time.Now()
		g.expect(home, "good-now", 200)
		g.expect(home, "alice-token", 200)
		g.expect(home, "good-new", 429)
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %v", took)
		}
		g.expect(home, "good-before", 200)
		if took := time.Since(began); took != g.takes {
			t.Errorf("waited %v, want the %v that the issuer takes", took, g.takes)
		}
		all.Wait()
		g.expect(home, "good-new", 200)
	})
}

// A made-up key id at a limited address waits for no keys, and has none fetched.
func TestAMadeUpKeyIDAtALimitedAddressHasNoKeysFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 0)
		g.expect(home, rs256(), 200)
		g.keys.set(theKeys(), nil, 3*time.Second)
		time.Sleep(keysCooldown)
		g.exhaust(flood)
		fetched, began := g.keys.count(), time.Now()
		g.expect(flood, sign(otherRSA(), `{"alg":"RS256","kid":"x"}`, said()), 429)
		if g.keys.count() != fetched || time.Since(began) > 0 {
			t.Errorf("waited %v for keys", time.Since(began))
		}
		g.expect(home, sign(otherRSA(), `{"alg":"RS256","kid":"x"}`, said()), 401)
		if g.keys.count() != fetched+1 {
			t.Error("from elsewhere there is no fetch either: the test shows nothing")
		}
	})
}

func TestErrOverIsABadToken(t *testing.T) {
	if !errors.Is(errOver, ErrBadToken) {
		t.Error("it is not")
	}
}
