package dialect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
)

// jsonSays is what JSON and JSONP say of a login, or of what was wrong.
type jsonSays struct {
	ID, State   string
	Lang        string
	QR          *struct{ Text, Image string }
	User        *struct{ Name, Picture string }
	Number      string
	RedirectURI string `json:"redirect_uri"`
	Error       *struct{ Status int }
}

func (s *wxServer) json(body string) (v jsonSays) {
	s.t.Helper()
	s.must(json.Unmarshal([]byte(body), &v))
	return v
}

// poll asks on the JSON dialect.
func (s *wxServer) poll(id login.ID, query string, fields ...string) wxAnswer {
	s.t.Helper()
	return s.get("/v1/logins/"+string(id)+query, fields...)
}

// jsonDeeds are what can end a poll that is held.
var jsonDeeds = map[string]func(s *wxServer, ctx context.Context, a wxAttempt) error{
	"scanned": func(s *wxServer, ctx context.Context, a wxAttempt) error {
		code, _, _ := s.service.Code(a.Login, time.Now())
		_, err := s.service.Scan(ctx, alice(), code, time.Time{})
		return err
	},
	"approved": func(s *wxServer, ctx context.Context, a wxAttempt) error {
		_, err := s.service.Approve(ctx, alice().Phone, string(a.Handle), "")
		return err
	},
	"denied": func(s *wxServer, ctx context.Context, a wxAttempt) error {
		_, err := s.service.Deny(ctx, alice().Phone, string(a.Handle))
		return err
	},
	"redeemed": func(s *wxServer, ctx context.Context, a wxAttempt) error {
		// The way of the site, which every app has.
		_, err := s.service.RedeemTicket(ctx, a.App, mustQuery(s.redirect(a)).Get("ticket"))
		return err
	},
}

func TestAHeldPollIsAnsweredTheMomentTheStateChanges(t *testing.T) {
	for _, tt := range []struct{ since, becomes string }{
		{"pending", "scanned"}, {"scanned", "approved"}, {"scanned", "denied"}, {"approved", "redeemed"},
	} {
		for _, ending := range []string{"", ".js"} {
			t.Run(tt.since+" "+tt.becomes+ending, func(t *testing.T) {
				inDialects(t, func(t *testing.T, s *wxServer) {
					a, _ := (&wxCase{wxServer: s}).loginIn(tt.since, wxApp)
					done := s.later(7*time.Second, func(ctx context.Context) error { return jsonDeeds[tt.becomes](s, ctx, a) })
					got := s.poll(a.id, ending+"?wait=25&callback=cb&since="+tt.since)
					<-done
					if got.status != http.StatusOK || !strings.Contains(got.body, `"state":"`+tt.becomes+`"`) || got.took != 7*time.Second {
						t.Errorf("%d %s after %v", got.status, got.body, got.took)
					}
				})
			})
		}
	}
}

// What happens between two polls is told by the next: a state is a cursor.
func TestNothingIsLostBetweenTwoPolls(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.approved(wxApp) // scanned and approved since the browser last asked
		got := s.poll(a.id, "?since=pending&wait=25")
		if v := s.json(got.body); v.State != "approved" || v.RedirectURI == "" || got.took != 0 {
			t.Errorf("%s after %v", got.body, got.took)
		}
	})
}

func TestAPollThatIsHeldToTheDeadlineHearsOfIt(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		time.Sleep(5*time.Minute - 3*time.Second)
		got := s.poll(a.id, "?since=pending&wait=25")
		if v := s.json(got.body); v.State != "expired" || got.took != 3*time.Second {
			t.Errorf("%s after %v", got.body, got.took)
		}
	})
}

func TestWhoeverLeavesIsNotWaitedFor(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		gone := *s
		gone.t = t
		begin := time.Now()
		r, w := newRequest(ctx, "/v1/logins/"+string(a.id)+"?since=pending&wait=60")
		gone.echo.ServeHTTP(w, r)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("held for %v", took)
		}
	})
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		body := func(size int) string {
			const frame = `{"app":"plain","x":""}`
			return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		}
		for size, want := range map[int]int{16 << 10: 201, 16<<10 + 1: 413, 1 << 20: 413} {
			if got := s.send(http.MethodPost, "/v1/logins", body(size), "Content-Type: application/json"); got.status != want {
				t.Errorf("%d bytes: %d, want %d", size, got.status, want)
			}
		}
		long := strings.Repeat("s", 1024)
		for state, want := range map[string]int{long: 201, long + "s": 400} {
			if got := s.send(http.MethodPost, "/v1/logins", `{"app":"plain","state":"`+state+`"}`); got.status != want {
				t.Errorf("a state of %d bytes: %d, want %d", len(state), got.status, want)
			}
		}
	})
}

// A start over the limit is held, so that clients which come back at once are slow.
func TestStartsOverTheLimitAreHeld(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		var asked []login.Browser
		refuse := func(b login.Browser) bool { asked = append(asked, b); return false }
		(&dialect.JSON{Service: s.service, PublicURL: "https://login.example", Limit: refuse}).Routes(s.echo)
		(&dialect.Taobao{Service: s.service, PublicURL: "https://login.example", Limit: refuse}).Routes(s.echo)
		for _, tt := range []struct{ method, target, status, says string }{
			{"POST", "/v1/logins", "429", `"type":"/problems/rate-limited"`},
			{"GET", "/v1/logins.js?app=plain&callback=cb", "200", `/**/cb({"error":{"type":"/problems/rate-limited"`},
			{"GET", "/qrcodelogin/generateQRCode4Login.do", "200", `{"success":false,"message":"too many logins from this address, try again in a minute"}`},
		} {
			got := s.send(tt.method, tt.target, `{"app":"plain"}`)
			if strconv.Itoa(got.status) != tt.status || !strings.Contains(got.body, tt.says) || got.took != 5*time.Second {
				t.Errorf("%s: %d %s after %v", tt.target, got.status, got.body, got.took)
			}
			if want := map[bool]string{true: "60"}[tt.status == "429"]; got.header.Get("Retry-After") != want {
				t.Errorf("%s: Retry-After %q", tt.target, got.header.Get("Retry-After"))
			}
		}
		if want := []login.Browser{firefox(), firefox(), firefox()}; fmt.Sprint(asked) != fmt.Sprint(want) {
			t.Errorf("asked for %v", asked)
		}
	})
}

// What the browser knows of the person, by the app's setting and the login's state.
func TestWhatTheBrowserLearnsBeforeTheApprovalIsTheAppsChoice(t *testing.T) {
	const nothing, picture, both = "", `{"picture":"https://a.example/a.png"}`, `{"name":"Alice","picture":"https://a.example/a.png"}`
	for _, tt := range []struct{ app, pending, scanned, denied, approved string }{
		{"plain", nothing, nothing, nothing, both},
		{"avatar", nothing, picture, nothing, both},
		{"named", nothing, both, nothing, both},
	} {
		t.Run(tt.app, func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				who := alice()
				who.Profile = login.Profile{Name: "Alice", Picture: "https://a.example/a.png"}
				check := func(a wxAttempt, state, want string) {
					t.Helper()
					for _, ending := range []string{"", ".js"} {
						var v struct{ User json.RawMessage }
						body := s.poll(a.id, ending+"?callback=cb").body
						s.must(json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(body, "/**/cb("), ");")), &v))
						if string(v.User) != want {
							t.Errorf("%s%s: %s, want %q", state, ending, v.User, want)
						}
					}
					taobao := s.get("/qrcodelogin/qrcodeLoginCheck.do?lgToken=" + string(a.id)).body
					if strings.Contains(taobao, "Alice") != (state == "approved") || strings.Contains(taobao, "a.png") {
						t.Errorf("%s on Taobao's dialect: %s", state, taobao)
					}
				}
				for _, end := range []string{"denied", "approved"} {
					a := s.pending(tt.app)
					check(a, "pending", tt.pending)
					code, _, _ := s.service.Code(a.Login, time.Now())
					_, err := s.service.Scan(t.Context(), who, code, time.Time{})
					s.must(err)
					check(a, "scanned", tt.scanned)
					s.must(jsonDeeds[end](s, t.Context(), a))
					check(a, end, map[string]string{"denied": tt.denied, "approved": tt.approved}[end])
				}
			})
		})
	}
}

// A page that knows no language of ours learns which one the app's people speak.
func TestALoginIsInTheLanguageAskedForElseTheApps(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		for _, tt := range []struct{ app, asked, lang string }{{"seoul", "", "ko"}, {"seoul", "es", "es"}, {"plain", "fr", "fr"}, {"plain", "", ""}} {
			for _, got := range []wxAnswer{
				s.send(http.MethodPost, "/v1/logins", `{"app":"`+tt.app+`","lang":"`+tt.asked+`"}`),
				s.get("/v1/logins.js?callback=cb&app=" + tt.app + "&lang=" + tt.asked),
			} {
				v := s.json(strings.TrimSuffix(strings.TrimPrefix(got.body, "/**/cb("), ");"))
				l, err := s.service.Get(t.Context(), login.Holder{ID: v.ID, Addr: firefox().Addr})
				if err != nil || v.Lang != tt.lang || l.Lang != tt.lang {
					t.Errorf("%+v: %s: the login is in %q, %v", tt, got.body, l.Lang, err)
				}
			}
		}
	})
}

// A page of another origin can read neither an answer nor a header that it was not given.
func TestAPageCanReadWhatIsWrong(t *testing.T) {
	const origin = "https://plain.example"
	inDialects(t, func(t *testing.T, s *wxServer) {
		for body, want := range map[string]int{`{"app":"nobody"}`: 400, `{"app":"plain"`: 400, ``: 400, `{"app":"plain","lang":"?"}`: 400, `{"app":"plain","redirect_uri":"x"}`: 400} {
			got := s.send(http.MethodPost, "/v1/logins", body, "Origin: "+origin)
			if got.status != want || got.header.Get("Access-Control-Allow-Origin") != origin || len(got.header.Values("Vary")) != 1 {
				t.Errorf("%s: %d %v", body, got.status, got.header)
			}
		}
		for _, from := range []string{origin, "https://nobody.example", ""} { // a cache must not take one answer for the other
			if got := s.send(http.MethodGet, "/v1/logins/unknown", "", "Origin: "+from); got.header.Get("Vary") != "Origin" {
				t.Errorf("from %q: %v", from, got.header)
			}
		}
		a := s.pending("plain")
		for range 20 {
			s.poll(a.id, "", "Origin: "+origin)
		}
		got := s.poll(a.id, "", "Origin: "+origin)
		if !strings.EqualFold(got.header.Get("Access-Control-Expose-Headers"), "Retry-After") || got.header.Get("Retry-After") == "" {
			t.Errorf("when to come back is not shown to the page: %d %v", got.status, got.header)
		}
	})
}

// A page that may not read the answer must not be able to hold requests either.
func TestAForeignPageIsNotHeld(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending("plain")
		got := s.poll(a.id, "?since=pending&wait=60", "Origin: https://evil.example")
		if got.status != http.StatusForbidden || got.took != 0 || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%d after %v, %v", got.status, got.took, got.header)
		}
	})
}
