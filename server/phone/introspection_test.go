package phone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func introspection(a http.RoundTripper, change ...func(*IntrospectionConfig)) *Introspection {
	c := IntrospectionConfig{
		URL: "https://id.example/introspect", ClientID: "qr latch", ClientSecret: "s:e/cret", Audience: "qrlatch", Issuer: theIssuer, Transport: a,
	}
	for _, f := range change {
		f(&c)
	}
	return NewIntrospection(c)
}

// active is an answer for a good token, changed as said does.
func active(more ...string) string {
	return said(append([]string{"active", "true", "token_type", `"Bearer"`}, more...)...)
}

func TestWhatIsAskedOfTheEndpoint(t *testing.T) {
	i := introspection(answers(func(r *http.Request) (string, error) {
		id, secret, _ := r.BasicAuth()
		if r.Method != "POST" || r.URL.String() != "https://id.example/introspect" || r.FormValue("token") != "a+b/c=" ||
			r.FormValue("token_type_hint") != "access_token" || id != "qr+latch" || secret != "s%3Ae%2Fcret" || len(r.URL.RawQuery) > 0 {
			t.Errorf("%s %s %v %s %s", r.Method, r.URL, r.Form, id, secret)
		}
		return active(), nil
	}))
	if who, err := i.Authenticate(t.Context(), "a+b/c="); err != nil || who != alice {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestOnlyActiveTokensForUsAreTaken(t *testing.T) {
	in := func(seconds int64) string { return fmt.Sprint(time.Now().Unix() + seconds) }
	for _, tt := range []struct {
		name, answer string
		taken        bool
	}{
		{"a good one", active(), true},
		{"one of several audiences", active("aud", `["shop","qrlatch"]`), true},
		{"without what is optional", active("iss", "", "exp", "", "iat", "", "token_type", ""), true},
		{"token_type in any case", active("token_type", `"bearer"`), true},
		{"inactive", `{"active":false}`, false},
		{"inactive with all the rest", active("active", "false"), false},
		{"another audience", active("aud", `"shop"`), false},
		{"no audience", active("aud", ""), false},
		{"no audience in a list", active("aud", `[]`), false},
		{"another issuer", active("iss", `"https://evil.example"`), false},
		{"an empty issuer", active("iss", `""`), false},
		{"an issuer of another kind", active("iss", `7`), false},
		{"over", active("exp", in(-1)), false},
		{"over at null", active("exp", "null"), false},
		{"not yet begun", active("nbf", in(75)), false},
		{"a refresh token", active("token_type", `"refresh_token"`), false},
		{"bound to a key", active("token_type", `"DPoP"`), false},
		{"token_type of another kind", active("token_type", `7`), false},
		{"nobody", active("sub", ""), false},
		{"nobody but a client", active("sub", "", "client_id", `"app"`, "username", `"alice"`), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := introspection(answers(func(*http.Request) (string, error) { return tt.answer, nil }))
			for range 2 { // asked, remembered
				who, err := i.Authenticate(t.Context(), "secret-token")
				if tt.taken {
					if err != nil || who.Phone != alice.Phone {
						t.Errorf("%+v, %v", who, err)
					}
				} else if !errors.Is(err, ErrBadToken) || who != (login.Identity{}) {
					t.Errorf("%+v, %v", who, err)
				}
			}
		})
	}
}

func TestAnEndpointThatCannotSayIsAnOutage(t *testing.T) {
	for name, answer := range map[string]answers{
		"down":              func(*http.Request) (string, error) { return "", errRefused },
		"we are not known":  func(*http.Request) (string, error) { return active(), status(401) },
		"forbidden":         func(*http.Request) (string, error) { return active(), status(403) },
		"elsewhere":         func(*http.Request) (string, error) { return active(), status(307) },
		"in trouble":        func(*http.Request) (string, error) { return active(), status(503) },
		"a page":            func(*http.Request) (string, error) { return "<html>", nil },
		"nothing":           func(*http.Request) (string, error) { return "", nil },
		"null":              func(*http.Request) (string, error) { return "null", nil },
		"neither":           func(*http.Request) (string, error) { return active("active", ""), nil },
		"active as text":    func(*http.Request) (string, error) { return active("active", `"true"`), nil },
		"active twice":      func(*http.Request) (string, error) { return `{"active":true,` + active()[1:], nil },
		"more than is read": func(*http.Request) (string, error) { return active() + strings.Repeat(" ", 64<<10), nil },
		"silent":            func(r *http.Request) (string, error) { <-r.Context().Done(); return "", r.Context().Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := introspection(answer)
				begin := time.Now()
				who, err := i.Authenticate(t.Context(), "secret-token")
				if err == nil || errors.Is(err, ErrBadToken) || time.Since(begin) > patience {
					t.Errorf("after %v: %+v, %v", time.Since(begin), who, err)
				}
				if strings.Contains(err.Error(), "secret-token") || strings.Contains(err.Error(), "cret") {
					t.Errorf("shows a secret: %v", err)
				}
			})
		})
	}
}

func TestAnswersAreRememberedForALittleWhile(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		life         time.Duration
		good         bool
	}{
		{"active", active("exp", ""), 30 * time.Second, true},
		{"active, and over soon", "exp in 10 s", 10 * time.Second, true},
		{"inactive", `{"active":false}`, 5 * time.Second, false},
		{"for others", active("aud", `"shop"`), 5 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := tt.answer
				if strings.HasPrefix(answer, "exp") {
					answer = active("exp", fmt.Sprint(time.Now().Unix()+10))
				} else if tt.good {
					answer = active("exp", "", "iat", "")
				}
				asked := 0
				i := introspection(answers(func(*http.Request) (string, error) { asked++; return answer, nil }))
				for _, step := range []struct {
					after time.Duration
					asked int
				}{{0, 1}, {tt.life - time.Millisecond, 1}, {time.Millisecond, 2}} {
					time.Sleep(step.after)
					_, err := i.Authenticate(t.Context(), "token")
					if asked != step.asked {
						t.Errorf("asked %d times, want %d", asked, step.asked)
					}
					if over := tt.life == 10*time.Second && step.asked == 2; (err == nil) != (tt.good && !over) {
						t.Error(err)
					}
				}
				if _, _ = i.Authenticate(t.Context(), "token2"); asked != 3 {
					t.Error("another token got the answer of the first")
				}
			})
		})
	}
}

func TestOutagesAreNotRemembered(t *testing.T) {
	asked := 0
	i := introspection(answers(func(*http.Request) (string, error) {
		if asked++; asked == 1 {
			return "", errRefused
		}
		return active(), nil
	}))
	_, first := i.Authenticate(t.Context(), "token")
	_, second := i.Authenticate(t.Context(), "token")
	if first == nil || second != nil {
		t.Error(first, second)
	}
}

func TestOneTokenIsAskedAboutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		i := introspection(answers(func(r *http.Request) (string, error) {
			asked.Add(1)
			select {
			case <-time.After(2 * time.Second):
				return active(), nil
			case <-r.Context().Done():
				return "", r.Context().Err()
			}
		}))
		gone, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		if _, err := i.Authenticate(gone, "token"); err == nil || errors.Is(err, ErrBadToken) {
			t.Error("who has gone away:", err)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if who, err := i.Authenticate(t.Context(), "token"); err != nil || who != alice {
					t.Errorf("%+v, %v", who, err)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestWithoutAnIssuerTheAnswerSaysWhosePeopleTheyAre(t *testing.T) {
	for iss, want := range map[string]string{
		`"https://id.example"`: "https://id.example",
		"":                     "https://id.example/introspect",
		`"tokens"`:             "", // they would be our own
		`""`:                   "",
		`"a\u0000b"`:           "",
	} {
		i := introspection(answers(func(*http.Request) (string, error) { return active("iss", iss), nil }),
			func(c *IntrospectionConfig) { c.Issuer = "" })
		who, err := i.Authenticate(t.Context(), "token")
		if who.Issuer != want || (err == nil) != (want != "") {
			t.Errorf("iss %s: %+v, %v", iss, who, err)
		}
	}
}
