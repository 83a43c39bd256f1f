package dialect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// The script in testdata/sse.txt is the wire format, to be read. A case is a sentence
// and what follows up to the next one; it has a server of its own, in virtual time.
//
//	# Sentence.
//	login scanned@strict        the state the login is in, perhaps with its app
//	age 5s                      how long it has been so when the browser comes
//	GET ?since=pending          the browser comes; "> Last-Event-ID: x" is a field of its
//	200                         the status. The first block, see sseHello, is not repeated
//	at 7s scan                  what somebody does, counted from there: see sseDeeds
//	@20s                        what is heard then, to the byte; empty lines are left out
//	id: pending
//	end 20s                     when the server ends the stream; "open 20s": it still runs

func TestEventsOnTheWire(t *testing.T) {
	text, err := os.ReadFile("testdata/sse.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split("\n"+string(text), "\n# ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		t.Run(name, func(t *testing.T) {
			inSSE(t, func(w *sseWorld) { w.play(strings.Split(body, "\n")) })
		})
	}
}

// sseDeeds is what a script can have done to a login.
var sseDeeds = map[string]func(w *sseWorld, a *wxAttempt) error{
	"scan": func(w *sseWorld, a *wxAttempt) (err error) {
		code, _, _ := w.service.Code(a.Login, time.Now())
		a.Login, err = w.service.Scan(w.t.Context(), alice(), code, time.Time{})
		return err
	},
	"type": func(w *sseWorld, a *wxAttempt) (err error) {
		short, _ := w.service.UserCode(a.Login, time.Now())
		a.Login, err = w.service.Scan(w.t.Context(), alice(), short, time.Time{})
		return err
	},
	"approve": func(w *sseWorld, a *wxAttempt) (err error) {
		a.Login, err = w.service.Approve(w.t.Context(), alice().Phone, string(a.Handle), "")
		return err
	},
	"deny": func(w *sseWorld, a *wxAttempt) (err error) {
		a.Login, err = w.service.Deny(w.t.Context(), alice().Phone, string(a.Handle))
		return err
	},
	"redeem": func(w *sseWorld, a *wxAttempt) error {
		query, err := http.NewRequest(http.MethodGet, w.redirect(*a), nil)
		if err == nil {
			_, err = w.service.RedeemPage(w.t.Context(), query.URL.Query(), firefox())
		}
		return err
	},
}

// play runs one case.
func (w *sseWorld) play(lines []string) {
	w.t.Helper()
	var a wxAttempt
	var query, status string
	var fields, want, deeds []string
	for _, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case verb == "login":
			state, app, _ := strings.Cut(rest, "@")
			if app == "" {
				app = wxApp
			}
			var ok bool
			if a, ok = (&wxCase{wxServer: w.wxServer}).loginIn(state, app); !ok {
				w.t.Fatalf("no such state: %s", state)
			}
		case verb == "age":
			time.Sleep(sseTime(w.t, rest)) // virtual
		case verb == "GET":
			query = rest
		case verb == ">":
			fields = append(fields, rest)
		case verb == "at":
			deeds = append(deeds, rest)
		case status == "":
			status = line
		default:
			want = append(want, line)
		}
	}
	s := w.opens(eventsOf(a.id)+query, fields...)
	defer func() { _ = s.Body.Close() }()
	if got := fmt.Sprint(s.StatusCode); got != status {
		w.t.Fatalf("status %s, want %s", got, status)
	}
	if status != "200" {
		return
	}
	secret := w.secrets(&a)
	for _, deed := range deeds {
		at, what, _ := strings.Cut(deed, " ")
		time.Sleep(sseTime(w.t, at) - time.Since(s.began)) // virtual
		w.must(sseDeeds[what](w, &a))
		secret = append(secret, w.secrets(&a)...)
	}
	if len(want) == 0 {
		w.t.Fatal("a script says how it ends")
	}
	_, end, _ := strings.Cut(want[len(want)-1], " ")
	time.Sleep(sseTime(w.t, end) - time.Since(s.began)) // virtual
	if got := strings.NewReplacer(secret...).Replace(s.transcript(w.t)); got != strings.Join(want, "\n") {
		w.t.Errorf("heard\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func sseTime(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// transcript is what was heard, as a script says it.
func (s *stream) transcript(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, h := range s.events(t) {
		fmt.Fprintf(&b, "@%v\n%s\n", h.at, strings.TrimSpace(h.text))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended == nil:
		fmt.Fprintf(&b, "open %v", time.Since(s.began))
	case errors.Is(s.ended, io.EOF):
		fmt.Fprintf(&b, "end %v", s.over)
	default:
		fmt.Fprintf(&b, "torn %v: %v", s.over, s.ended)
	}
	return b.String()
}

// secrets pairs what differs from run to run with its name in a script.
func (w *sseWorld) secrets(a *wxAttempt) []string {
	pairs := []string{string(a.id), "{id}"}
	if uri, ok := w.service.RedirectURI(a.Login); ok {
		text, _ := json.Marshal(uri)
		pairs = append(pairs, strings.Trim(string(text), `"`), "{uri}")
	}
	if number, ok := w.service.Number(a.Login); ok {
		pairs = append(pairs, `"number":"`+number+`"`, `"number":"{number}"`)
	}
	shown := a.Login
	shown.State = login.Pending
	if short, ok := w.service.UserCode(shown, shown.Started); ok {
		pairs = append(pairs, short, "{short}")
	}
	for n := range 5 {
		if code, _, ok := w.service.Code(shown, shown.Started.Add(time.Duration(n)*20*time.Second)); ok {
			pairs = append(pairs, code, fmt.Sprintf("{code %d}", n), "?v="+code[len(code)-4:], fmt.Sprintf("?v={end %d}", n))
		}
	}
	return pairs
}
