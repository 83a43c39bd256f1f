package dialect_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// TestWebSocketOnTheWire runs testdata/websocket.txt. A case begins at "# " with what it
// promises, and has a server of its own in virtual time:
//
//	login STATE        a login in that state; it is $id
//	open QUERY         opens a socket, refused STATUS QUERY [Header: value] one that is not
//	< JSON             the next message, to the byte
//	phone …, site …    what happens to the login meanwhile
//	time D, quiet D    time passes; with quiet, nothing may be said
//	closes CODE WHY    how the server parts
func TestWebSocketOnTheWire(t *testing.T) {
	text, err := os.ReadFile("testdata/websocket.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split("\n"+string(text), "\n# ")[1:] {
		name, steps, _ := strings.Cut(block, "\n")
		t.Run(name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				s := &wsScript{wsWorld: w}
				for step := range strings.Lines(steps) {
					if step = strings.TrimSpace(step); step != "" {
						s.step(step)
					}
				}
			})
		})
	}
}

// wsScript is one case under way.
type wsScript struct {
	*wsWorld
	a       wxAttempt
	socket  *wsClient
	session login.Session
	told    map[string]string // names whose value has passed, such as a ticket's
}

var wsName = regexp.MustCompile(`\$[a-z]+`)

func (s *wsScript) step(step string) {
	s.t.Helper()
	verb, rest, _ := strings.Cut(step, " ")
	switch verb {
	case "login":
		s.login(rest)
	case "open":
		s.socket = s.opens(s.fill(rest))
	case "refused":
		status, rest, _ := strings.Cut(rest, " ")
		query, field, _ := strings.Cut(rest, " ")
		var fields []string
		if field != "" {
			fields = append(fields, field)
		}
		if _, refused := s.dial(s.fill(query), fields...); refused == nil || strconv.Itoa(refused.StatusCode) != status {
			s.t.Fatalf("%s: %+v", step, refused)
		}
	case "<":
		f, ok := s.socket.next(time.Second)
		if want := s.fill(rest); !ok || string(f.Payload) != want {
			s.t.Fatalf("heard %s\nwant  %s", f.Payload, want)
		}
	case "phone", "site":
		s.deed(step)
	case "time", "quiet":
		d, err := time.ParseDuration(rest)
		s.must(err)
		if verb == "quiet" {
			s.socket.quiet(d)
		} else {
			time.Sleep(d)
		}
	case "closes":
		code, why, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		s.must(err)
		s.socket.mustClose(n, why)
	default:
		s.t.Fatalf("no such step: %s", step)
	}
}

func (s *wsScript) login(state string) {
	app := wxApp
	if state == "scanned numbered" {
		app = "strict"
	}
	switch state {
	case "pending":
		s.a = s.pending(app)
	case "scanned", "scanned numbered":
		s.a = s.scanned(app)
	case "approved":
		s.a = s.approved(app)
	case "denied":
		s.a = s.denied(app)
	case "redeemed":
		s.a = s.approved(app)
		s.fill("$redirect $resume")
		s.deed("site redeems")
	default:
		s.t.Fatalf("no such state: %s", state)
	}
}

func (s *wsScript) deed(deed string) {
	s.t.Helper()
	var err error
	switch phone := alice().Phone; deed {
	case "phone scans":
		code, _, _ := s.service.Code(s.a.Login, time.Now())
		s.a.Login = s.scans(code)
	case "phone approves":
		s.a.Login, err = s.service.Approve(s.t.Context(), phone, string(s.a.Handle), "")
	case "phone signs out":
		err = s.service.SignOutByPhone(s.t.Context(), phone, string(s.session.ID))
	case "site redeems":
		uri, _ := s.service.RedirectURI(s.a.Login)
		s.session = s.redeems(uri)
	default:
		s.t.Fatalf("no such deed: %s", deed)
	}
	s.must(err)
}

// fill puts values for names, as they are now or, once they have passed, as they were.
func (s *wsScript) fill(text string) string {
	if s.told == nil {
		s.told = map[string]string{}
	}
	return wsName.ReplaceAllStringFunc(text, func(name string) string {
		if value := s.value(name); value != "" {
			s.told[name] = value
		}
		return s.told[name]
	})
}

func (s *wsScript) value(name string) string {
	code, _, _ := s.service.Code(s.a.Login, time.Now())
	switch name {
	case "$id":
		return string(s.a.id)
	case "$code":
		return code
	case "$tail":
		return code[max(0, len(code)-4):]
	case "$number":
		number, _ := s.service.Number(s.a.Login)
		return number
	case "$resume":
		secret, _ := s.service.ResumeSecret(s.a.Login)
		return secret
	case "$redirect":
		uri, _ := s.service.RedirectURI(s.a.Login)
		escaped, err := json.Marshal(uri)
		s.must(err)
		return strings.Trim(string(escaped), `"`)
	}
	s.t.Fatalf("no such name: %s", name)
	return ""
}
