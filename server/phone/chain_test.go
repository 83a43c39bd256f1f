package phone

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// theChain knows alice by a fixed token, by JWTs, and and by introspection "opaque-…" and all JWTs.
func theChain(t testing.TB, log *slog.Logger) *Chain {
	return &Chain{Log: log, Authenticators: []Authenticator{
		Tokens{{TokenSHA256: sha256.Sum256([]byte("fixed-token")), Subject: "robot"}},
		theJWT(t),
		introspection(answers(func(r *http.Request) (string, error) {
			name, ok := strings.CutPrefix(r.FormValue("token"), "opaque-")
			switch {
			case strings.HasPrefix(r.FormValue("token"), "ey"): // knows every JWT
				return active("sub", `"zoe"`), nil
			case name == "down":
				return "", errRefused
			case !ok:
				return `{"active":false}`, nil
			}
			return active("sub", `"`+name+`"`), nil
		})),
	}}
}

func TestEachTokenHasOneJudge(t *testing.T) {
	for _, tt := range []struct {
		name, token, subject string
		outage               bool
	}{
		{"fixed", "fixed-token", "robot", false},
		{"JWT", rs256(), "alice", false},
		{"opaque", "opaque-carol", "carol", false},
		{"opaque with two dots", "opaque-a.b.c", "a.b.c", false},
		{"an expired JWT gets no second chance", rs256("exp", "1"), "", false},
		{"nor one for others", rs256("aud", `"shop"`), "", false},
		{"a JWT of another issuer", rs256("iss", `"https://other.example"`), "zoe", false},
		{"unknown", "mallory", "", false},
		{"cannot be found out", "opaque-down", "", true},
		{"more than 8 kB", "opaque-" + strings.Repeat("a", 8<<10), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			who, err := theChain(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))).Authenticate(t.Context(), tt.token)
			if who.Subject != tt.subject || (err == nil) != (tt.subject != "") || err != nil && errors.Is(err, ErrBadToken) == tt.outage {
				t.Errorf("%+v, %v", who, err)
			}
			if refused := err != nil && !tt.outage; refused != strings.Contains(log.String(), "token refused") {
				t.Errorf("logged %q", log.String())
			}
			if all := log.String() + fmt.Sprint(err); strings.Contains(all, tt.token) {
				t.Errorf("shows the token: %s", all)
			}
		})
	}
	if _, err := (&Chain{}).Authenticate(t.Context(), "x"); !errors.Is(err, ErrBadToken) {
		t.Errorf("a chain of nobody: %v", err)
	}
}

func TestAnOutageIsNoRefusal(t *testing.T) {
	s := newServer(t, func(a *API) { a.Auth = theChain(t, nil) })
	w := s.call(t, "opaque-down", "GET", "/v1/scans", "")
	if read(t, w, 503); w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%v", w.Header())
	}
	w = s.call(t, rs256("exp", "1"), "GET", "/v1/scans", "")
	if read(t, w, 401); w.Header().Get("WWW-Authenticate") != `Bearer realm="qrlatch", error="invalid_token"` {
		t.Errorf("%v", w.Header())
	}
}

// Whatever a body or an address says, the token says who asks.
func TestATokenOfAliceWithBobInTheBodyIsAlices(t *testing.T) {
	s := newServer(t, func(a *API) { a.Auth = theChain(t, nil) })
	bob := `"sub":"bob","subject":"bob","user":"bob","user_id":"bob","phone":"bob","issuer":"tokens","iss":"tokens","access_token":"opaque-bob"`
	_, code := s.start(t, "shop")
	id := read(t, s.call(t, rs256(), "POST", "/v1/scans?sub=bob&access_token=opaque-bob", `{"code":"`+code+`",`+bob+`}`), 201)["id"].(string)
	read(t, s.call(t, "opaque-bob", "POST", "/v1/scans/"+id+"/approve", `{"sub":"alice"}`), 403)
	read(t, s.call(t, rs256(), "POST", "/v1/scans/"+id+"/approve?user=bob", `{`+bob+`}`), 200)
	l, err := s.Scanned(t.Context(), alice.Phone, id)
	if err != nil || l.Phone != alice.Phone || l.Profile != alice.Profile {
		t.Errorf("%+v, %v", l, err)
	}
	if all := readAll(t, s.call(t, "opaque-bob", "GET", "/v1/scans?user=alice", "")); len(all) != 0 {
		t.Errorf("bob sees %v", all)
	}
}

func TestARefreshedTokenIsTheSamePhone(t *testing.T) {
	s := newServer(t, func(a *API) { a.Auth = theChain(t, nil) })
	_, code := s.start(t, "shop")
	id := read(t, s.call(t, rs256(), "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)["id"].(string)
	fresh := sign(ecKey(), `{"alg":"ES256","kid":"e1"}`, said("jti", `"2"`, "exp", fmt.Sprint(time.Now().Unix()+900)))
	read(t, s.call(t, fresh, "GET", "/v1/scans/"+id, ""), 200)
	read(t, s.call(t, "opaque-alice", "POST", "/v1/scans/"+id+"/approve", ""), 200)
}

// A chain takes whatever else is an Authenticator.
func TestAChainAsksAnyAuthenticator(t *testing.T) {
	own := authenticator(func(token string) (login.Identity, error) {
		if strings.HasPrefix(token, "mine") {
			return login.Identity{Phone: login.Phone{Issuer: "mine", Subject: "me"}}, nil
		}
		return login.Identity{}, ErrUnknownToken
	})
	c := &Chain{Authenticators: append([]Authenticator{own}, theChain(t, nil).Authenticators...)}
	if who, err := c.Authenticate(t.Context(), "mine"+strings.Repeat("e", 8<<10)); !errors.Is(err, ErrBadToken) {
		t.Errorf("more than 8 kB: %+v, %v", who, err)
	}
	for token, subject := range map[string]string{"mine": "me", "fixed-token": "robot"} {
		if who, err := c.Authenticate(t.Context(), token); err != nil || who.Subject != subject {
			t.Errorf("%s: %+v, %v", token, who, err)
		}
	}
}

type authenticator func(token string) (login.Identity, error)

func (a authenticator) Authenticate(_ context.Context, token string) (login.Identity, error) {
	return a(token)
}
