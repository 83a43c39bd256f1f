package web

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/oidc"
	"qrlatch/server/pages"
)

// TestAnOperatorsOwnLimitsHold sets each to something else than it is by default, and 0 where
// that is none, and counts how many pass before the first that does not.
func TestAnOperatorsOwnLimitsHold(t *testing.T) {
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name  string
		set   func(*Limits, int)
		ask   func(f *fixture, id login.ID) (status int)
		limit map[int]int // how many pass by what is set; 200 is all
	}{
		{"polls_per_login", func(l *Limits, n int) { l.PollsPerLogin = n }, func(f *fixture, id login.ID) int {
			return f.ask("GET", "/v1/logins/"+string(id), "").Code
		}, map[int]int{0: 200, 9: 3, 1: 1, 60: 20}},
		{"pictures_per_login", func(l *Limits, n int) { l.PicturesPerLogin = n }, func(f *fixture, id login.ID) int {
			return f.ask("GET", "/qrcode/"+string(id)+"?size=60", "").Code
		}, map[int]int{0: 200, 9: 3, 120: 40}},
		{"passwords_per_address", func(l *Limits, n int) { l.PasswordsPerAddress = n }, func(f *fixture, _ login.ID) int {
			page := f.ask("GET", "/phone", "")
			_, rest, _ := strings.Cut(page.Body.String(), `name="csrf" value="`)
			token, _, _ := strings.Cut(rest, `"`)
			return f.ask("POST", "/phone/sign-in", "account=0&password=wrong&csrf="+url.QueryEscape(token), form, "Origin: https://login.example", cookiesOf(page)).Code
		}, map[int]int{2: 2, 20: 20}},
		{"guesses_per_address", func(l *Limits, n int) { l.GuessesPerAddress = n }, func(f *fixture, _ login.ID) int {
			person := "Authorization: Bearer " + rarely()
			return f.ask("POST", "/v1/scans", `{"code":"`+guess()+`"}`, person).Code
		}, map[int]int{0: 30, 2: 2, 40: 40}},
		{"scans_per_phone", func(l *Limits, n int) { l.ScansPerPhone = n }, func(f *fixture, _ login.ID) int {
			return f.ask("POST", "/v1/scans", `{"code":"nonsense"}`, "Authorization: Bearer bob").Code
		}, map[int]int{0: 200, 2: 2}},
		{"starts_per_address", func(l *Limits, n int) { l.StartsPerAddress = n }, func(f *fixture, _ login.ID) int {
			return f.ask("POST", "/v1/logins", `{"app":"shop"}`).Code
		}, map[int]int{0: 200, 2: 2}},
		{"sign_ins_per_address", func(l *Limits, n int) { l.SignInsPerAddress = n }, func(f *fixture, _ login.ID) int {
			begun := f.ask("GET", "/phone/sign-in/provider", "")
			return f.ask("GET", pages.CallbackPath+"?state=x", "", cookiesOf(begun)).Code
		}, map[int]int{0: 200, 2: 2, 40: 40}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for set, want := range tt.limit {
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t, func(o *Options) {
						o.Limits, o.Phones, o.SignIn = DefaultLimits(), crowd{}, nobody{}
						o.Accounts = []pages.Account{{Password: "right"}}
						tt.set(&o.Limits, set)
					})
					id, _, err := f.service.Start(t.Context(), login.Request{App: "shop"})
					if err != nil {
						t.Fatal(err)
					}
					passed := 0
					for passed < 200 && tt.ask(f, id) != http.StatusTooManyRequests {
						passed++
					}
					if passed != want {
						t.Errorf("of %d, %d passed, want %d", set, passed, want)
					}
				})
			}
		})
	}
}

// cookiesOf is the header that sends a page's cookies back.
func cookiesOf(page *httptest.ResponseRecorder) string {
	result := page.Result()
	defer result.Body.Close()
	header := "Cookie: "
	for _, c := range result.Cookies() {
		header += c.Name + "=" + c.Value + "; "
	}
	return header
}

// rarely is a person whom nobody has met.
func rarely() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(guess()))) }

// nobody is a provider that lets nobody in.
type nobody struct{}

func (nobody) Host() string   { return "id.example" }
func (nobody) Issuer() string { return "https://id.example" }

func (nobody) Begin(context.Context) (string, oidc.Attempt, error) {
	return "https://id.example/", oidc.Attempt{}, nil
}

func (nobody) Finish(context.Context, oidc.Attempt, url.Values) (login.Identity, error) {
	return login.Identity{}, oidc.ErrDenied
}

// TestAnOperatorsOwnDeadlinesHold: who is slow is cut after the time that was set, on every
// dialect, and not by the default.
func TestAnOperatorsOwnDeadlinesHold(t *testing.T) {
	change := func(o *Options) { o.Limits.BodyTimeout, o.Limits.WriteTimeout = 3*time.Second, 31*time.Second }
	upgrade := strings.Join(fieldsOf(waits[len(waits)-1].fields), "\r\n")
	for name, tt := range map[string]struct {
		send, drip string
		want       time.Duration
	}{
		"a body that trickles":          {"POST /v1/logins HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n", " ", 34 * time.Second},
		"a picture that nobody reads":   {"GET /qrcode/%s.gif?size=1024 HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 31 * time.Second},
		"a stream that nobody reads":    {"GET /v1/logins/%s/events HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 31 * time.Second},
		"a socket whose words are left": {"GET /v1/ws?id=%s HTTP/1.1\r\nHost: login.example\r\n" + upgrade + "\r\n\r\n", "", 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, change, func(_ *testing.T, n *network) {
				id, _ := n.begin("")
				client := n.dial(homeAddr)
				began := time.Now()
				done := make(chan struct{})
				defer func() { _ = client.Close(); <-done }()
				go func() {
					defer close(done)
					fmt.Fprint(client, strings.Replace(tt.send, "%s", string(id), 1))
					if strings.Contains(name, "socket") { // the handshake has a limit of its own
						_, _ = http.ReadResponse(bufio.NewReaderSize(client, 16), nil) //nolint:bodyclose // it has none
					}
					for tt.drip != "" {
						if _, err := fmt.Fprint(client, tt.drip); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				n.cuts(client, began, tt.want)
			})
		})
	}
}

// TestAnOperatorsOwnSizeOfBodiesHolds: what is larger is refused on every route that reads
// one, though the route itself would allow more.
func TestAnOperatorsOwnSizeOfBodiesHolds(t *testing.T) {
	for _, size := range []int{0, 5000} {
		f := newFixture(t, func(o *Options) { o.Limits.BodyBytes = size })
		for length, fits := range map[int]bool{4900: true, 5100: size == 0} {
			for target, kind := range map[string]string{"/v1/logins": "application/json", "/jslogin": "application/x-www-form-urlencoded"} {
				body := `{"app":"shop","state":"s"}` + strings.Repeat(" ", length-26)
				if target == "/jslogin" {
					body = "appid=shop&x=" + strings.Repeat("x", length-13)
				}
				for _, announced := range []int64{int64(length), -1} { // -1: in chunks
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.example"+target, strings.NewReader(body))
					r.Header.Set("Content-Type", kind)
					r.ContentLength = announced
					w := httptest.NewRecorder()
					f.ServeHTTP(w, r)
					if started := strings.Contains(w.Body.String(), `"id"`) || strings.Contains(w.Body.String(), "code = 200"); started != fits {
						t.Errorf("with %d, %s of %d, announced %d: %d %.100s", size, target, length, announced, w.Code, w.Body)
					}
				}
			}
		}
	}
}
