package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/oidc"
)

const issuer = "https://id.example"

// answers is a provider's side of the network.
type answers func(r *http.Request) (string, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := a(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// document is a discovery document; more comes last and so wins.
func document(more string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","jwks_uri":"%[1]s/k"%[2]s}`, issuer, more)
}

func provider(a answers) *oidc.Provider {
	return oidc.New(oidc.Config{Issuer: issuer, ClientID: "qrlatch", ClientSecret: "s", RedirectURL: "https://login.example/phone/callback", Transport: a})
}

func TestWhoComesWhileAProviderIsAskedWaitsForTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		p := provider(func(*http.Request) (string, error) {
			asked.Add(1)
			time.Sleep(5 * time.Second)
			return document(""), nil
		})
		first, giveUp := context.WithTimeout(t.Context(), time.Second)
		defer giveUp()
		if _, _, err := p.Begin(first); err == nil {
			t.Fatal("did not give up")
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, _, err := p.Begin(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestAProviderIsAskedAgainAfterAFailureAndAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, down := 0, true
		p := provider(func(*http.Request) (string, error) {
			if asked++; down {
				return "", errors.New("connection refused")
			}
			return document(""), nil
		})
		for _, step := range []struct {
			after time.Duration
			down  bool
			asked int
			good  bool
		}{
			{0, true, 1, false},
			{0, true, 2, false},
			{0, false, 3, true},
			{59 * time.Minute, true, 3, true},
			{2 * time.Minute, true, 4, true}, // what it said before still holds
			{0, false, 5, true},
			{0, true, 5, true},
			{23 * time.Hour, true, 6, true},
			{time.Hour, true, 7, false}, // but not for more than a day
			{0, false, 8, true},
		} {
			time.Sleep(step.after)
			down = step.down
			_, _, err := p.Begin(t.Context())
			synctest.Wait() // for what was asked in the background
			if (err == nil) != step.good || asked != step.asked || err != nil && !errors.Is(err, oidc.ErrUnavailable) {
				t.Errorf("%+v: asked %d times, %v", step, asked, err)
			}
		}
	})
}

// A provider that hangs would cost everybody who signs in ten seconds.
func TestNobodyWaitsForADiscoveryOfWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		p := provider(func(r *http.Request) (string, error) {
			if hangs.Load() {
				<-r.Context().Done()
				return "", r.Context().Err()
			}
			return document(""), nil
		})
		for _, step := range []struct {
			after time.Duration
			good  bool
			waits time.Duration
		}{{0, true, 0}, {2 * time.Hour, true, 0}, {0, true, 0}, {21 * time.Hour, true, 0}, {time.Hour, false, 10 * time.Second}} {
			time.Sleep(step.after)
			began := time.Now()
			_, _, err := p.Begin(t.Context())
			if (err == nil) != step.good || time.Since(began) != step.waits {
				t.Errorf("%+v: %v after %s", step, err, time.Since(began))
			}
			hangs.Store(true)
		}
	})
}

func TestProvidersThatAreNotWhatTheyShouldBe(t *testing.T) {
	for name, body := range map[string]string{
		"another issuer":            document(`,"issuer":"https://evil.example"`),
		"codes by http":             document(`,"token_endpoint":"http://id.example/t"`),
		"keys by http":              document(`,"jwks_uri":"http://id.example/k"`),
		"people by http":            document(`,"authorization_endpoint":"http://id.example/a"`),
		"people to a script":        document(`,"authorization_endpoint":"javascript:alert(1)"`),
		"no keys":                   document(`,"jwks_uri":""`),
		"no object":                 `[]`,
		"more than is read":         document(`,"x":"` + strings.Repeat("x", 1<<20) + `"`),
		"the wrong kind of methods": document(`,"token_endpoint_auth_methods_supported":"all"`),
	} {
		_, _, err := provider(func(*http.Request) (string, error) { return body, nil }).Begin(t.Context())
		if !errors.Is(err, oidc.ErrUnavailable) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSecretIsSentAsTheProviderWantsIt(t *testing.T) {
	for methods, want := range map[string]string{
		"":                        "basic",
		`["client_secret_basic"]`: "basic",
		`["client_secret_post"]`:  "post",
		`["client_secret_post","client_secret_basic"]`: "basic post", // tries
	} {
		t.Run(methods, func(t *testing.T) {
			var used []string
			p := provider(func(r *http.Request) (string, error) {
				if r.URL.Path != "/t" {
					if methods == "" {
						return document(""), nil
					}
					return document(`,"token_endpoint_auth_methods_supported":` + methods), nil
				}
				if _, _, basic := r.BasicAuth(); basic {
					used = append(used, "basic")
				} else if r.PostFormValue("client_secret") == "s" {
					used = append(used, "post")
				}
				return `{"error":"invalid_client","error_description":"secret-code"}`, nil
			})
			_, a, err := p.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Finish(t.Context(), a, url.Values{"state": {a.State}, "code": {"secret-code"}})
			if got := strings.Join(used, " "); got != want {
				t.Errorf("used %s, want %s", got, want)
			}
			if !errors.Is(err, oidc.ErrUnavailable) || strings.Contains(err.Error(), "secret-code") {
				t.Error(err)
			}
		})
	}
}

func TestAttemptsShareNothing(t *testing.T) {
	p := provider(func(*http.Request) (string, error) { return document(""), nil })
	seen := map[string]bool{}
	for range 100 {
		address, a, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(address, a.Verifier) || u.Query().Get("state") != a.State || u.Query().Get("nonce") != a.Nonce {
			t.Errorf("%s of %+v", address, a)
		}
		for _, word := range []string{a.State, a.Nonce, a.Verifier, u.Query().Get("code_challenge")} {
			if len(word) < 26 || seen[word] {
				t.Errorf("short or seen before: %q", word)
			}
			seen[word] = true
		}
	}
}

func TestNoAttemptMatchesNothing(t *testing.T) {
	p := provider(func(*http.Request) (string, error) { t.Error("asked"); return "", io.EOF })
	for _, q := range []url.Values{nil, {"state": {""}}, {"state": {"x"}}} {
		if _, err := p.Finish(t.Context(), oidc.Attempt{}, q); !errors.Is(err, oidc.ErrForeign) {
			t.Errorf("%v: %v", q, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, good := range map[string]bool{
		"https://id.example": true, "https://id.example:8443/a/b": true, "http://127.0.0.1:1": true, "http://localhost": true, "http://[::1]:9/x": true,
		"http://id.example": false, "http://127.0.0.1.evil.example": false, "http://localhost.evil.example": false, "ftp://id.example": false,
		"https://": false, "//id.example": false, "https://a@id.example": false, "https://id.example#x": false, "javascript:alert(1)": false, "": false, "%": false,
	} {
		if err := oidc.CheckAddress(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
