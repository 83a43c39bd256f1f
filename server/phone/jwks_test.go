package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// published is an issuer that publishes keys and may be down or slow.
type published struct {
	mu    sync.Mutex
	keys  string
	down  error
	slow  time.Duration
	asked int
}

func (p *published) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked++
	keys, down, slow := p.keys, p.down, p.slow
	p.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return answers(func(*http.Request) (string, error) { return keys, down }).RoundTrip(r)
}

func (p *published) set(keys string, down error, slow time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.down, p.slow = keys, down, slow
}

func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *published) jwt() (*JWT, *RemoteKeys) {
	keys := NewRemoteKeys(keysURL, p, nil)
	return &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: keys}, keys
}

var errRefused = errors.New("connection refused")

func TestANewKeyOfTheIssuerIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{keys: jwks(jwk(ecKey().Public(), "e1", "", ""))}
		j, _ := p.jwt()
		expect := func(what, token string, good bool, asked int) {
			t.Helper()
			_, err := j.Authenticate(t.Context(), token)
			if (err == nil) != good || err != nil && !errors.Is(err, ErrBadToken) || p.count() != asked {
				t.Errorf("%s: asked %d times, want %d: %v", what, p.count(), asked, err)
			}
		}
		e1 := func() string { return sign(ecKey(), `{"alg":"ES256","kid":"e1"}`, said()) }
		expect("the first token", e1(), true, 1)
		expect("the second", e1(), true, 1)
		time.Sleep(time.Minute)
		p.set(theKeys(), nil, 0)
		expect("of the new key", rs256(), true, 2)
		expect("of the old key", e1(), true, 2)
		time.Sleep(time.Minute)
		p.set(jwks(jwk(otherRSA().Public(), "", "", "")), nil, 0)
		expect("of a new key without an id", sign(otherRSA(), `{"alg":"RS256"}`, said()), true, 3)
		expect("of a key that is gone", rs256(), false, 3)
	})
}

func TestMadeUpKeyIDsDoNotFloodTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{keys: theKeys(), slow: time.Second}
		j, _ := p.jwt()
		var all sync.WaitGroup
		for i := range 120 { // a second and five of them
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				for n := range 5 {
					_, err := j.Authenticate(t.Context(), sign(nil, fmt.Sprintf(`{"alg":"RS256","kid":"k%d-%d"}`, i, n), said()))
					if !errors.Is(err, ErrBadToken) {
						t.Error(err)
					}
				}
				if _, err := j.Authenticate(t.Context(), rs256()); err != nil {
					t.Error("meanwhile the good one:", err)
				}
			})
		}
		all.Wait()
		if n := p.count(); n < 10 || n > 13 {
			t.Errorf("asked %d times in 2 minutes, want one in 10 seconds", n)
		}
	})
}

func TestKeysServeWhileTheIssuerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{keys: theKeys()}
		j, _ := p.jwt()
		expect := func(what string, token string, want error) {
			t.Helper()
			_, err := j.Authenticate(t.Context(), token)
			if !errors.Is(err, want) || want != nil && errors.Is(err, ErrBadToken) {
				t.Errorf("%s: %v", what, err)
			}
			synctest.Wait() // for a fetch in the background
		}
		expect("up", rs256(), nil)
		p.set("", errRefused, 0)
		for _, pause := range []time.Duration{time.Minute, 20 * time.Minute, 23 * time.Hour} {
			time.Sleep(pause)
			expect("down for "+pause.String(), rs256(), nil)
		}
		// Nobody can say whether this key is bad or new.
		expect("an unknown key", sign(rsaKey(), `{"alg":"RS256","kid":"r2"}`, said()), errRefused)
		time.Sleep(time.Hour)
		expect("for more than a day", rs256(), errRefused)
		expect("and at once again", rs256(), errRefused)
		p.set(theKeys(), nil, 0)
		time.Sleep(keysCooldown)
		expect("up again", rs256(), nil)
	})
}

func TestKeysAreFetchedAgainInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{keys: theKeys()}
		j, keys := p.jwt()
		begin := func(token string) (time.Duration, error) {
			start := time.Now()
			_, err := j.Authenticate(t.Context(), token)
			return time.Since(start), err
		}
		if _, err := begin(rs256()); err != nil {
			t.Fatal(err)
		}
		p.set(jwks(jwk(ecKey().Public(), "e1", "", "")), nil, time.Second)
		time.Sleep(keysFresh)
		if took, err := begin(rs256()); err != nil || took != 0 {
			t.Errorf("waited %v for keys that still serve: %v", took, err)
		}
		time.Sleep(2 * time.Second)
		time.Sleep(keysCooldown)
		if _, err := begin(rs256()); !errors.Is(err, ErrBadToken) {
			t.Errorf("a key that the issuer has taken back: %v", err)
		}
		asked := p.count()
		keys.Expire()
		if took, err := begin(sign(ecKey(), `{"alg":"ES256","kid":"e1"}`, said())); err != nil || took != 0 {
			t.Errorf("after Expire: %v, waited %v", err, took)
		}
		time.Sleep(2 * time.Second)
		if n := p.count(); n != asked+1 {
			t.Errorf("after Expire asked %d times more", n-asked)
		}
	})
}

func TestAnIssuerThatIsNotAsItShouldBeIsAnOutage(t *testing.T) {
	for name, answer := range map[string]answers{
		"down":        func(*http.Request) (string, error) { return "", errRefused },
		"no such URL": func(*http.Request) (string, error) { return theKeys(), status(404) },
		"elsewhere":   func(*http.Request) (string, error) { return theKeys(), status(302) },
		"in trouble":  func(*http.Request) (string, error) { return theKeys(), status(500) },
		"huge":        func(*http.Request) (string, error) { return theKeys() + strings.Repeat(" ", 256<<10), nil },
		"a page":      func(*http.Request) (string, error) { return "<html>", nil },
		"no keys":     func(*http.Request) (string, error) { return `{"keys":[]}`, nil },
		"silent":      func(r *http.Request) (string, error) { <-r.Context().Done(); return "", r.Context().Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var asked atomic.Int32
				count := answers(func(r *http.Request) (string, error) { asked.Add(1); return answer(r) })
				j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: NewRemoteKeys(keysURL, count, slog.New(slog.NewTextHandler(&log, nil)))}
				begin := time.Now()
				for range 5 {
					who, err := j.Authenticate(t.Context(), rs256())
					if err == nil || errors.Is(err, ErrBadToken) {
						t.Errorf("%+v, %v", who, err)
					}
				}
				if waited := time.Since(begin); waited > patience || asked.Load() != 1 {
					t.Errorf("waited %v, asked %d times", waited, asked.Load())
				}
				if strings.Count(log.String(), "level=WARN") != 1 {
					t.Errorf("logged %s", log.String())
				}
			})
		})
	}
}

// dripping sends a byte a second, for ever.
type dripping struct{ ctx context.Context }

func (d dripping) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		b[0] = ' '
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

type dripper struct{}

func (dripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(dripping{r.Context()}), Request: r}, nil
}

func TestAnAnswerThatNeverEndsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: NewRemoteKeys(keysURL, dripper{}, nil)}
		begin := time.Now()
		_, err := j.Authenticate(t.Context(), rs256())
		if waited := time.Since(begin); err == nil || errors.Is(err, ErrBadToken) || waited > patience+time.Second {
			t.Errorf("after %v: %v", waited, err)
		}
	})
}

func TestAPhoneThatGoesAwayDoesNotEndTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{keys: theKeys(), slow: 3 * time.Second}
		j, _ := p.jwt()
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		if _, err := j.Authenticate(ctx, rs256()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBadToken) {
			t.Error(err)
		}
		if _, err := j.Authenticate(t.Context(), rs256()); err != nil || p.count() != 1 {
			t.Errorf("asked %d times: %v", p.count(), err)
		}
	})
}
