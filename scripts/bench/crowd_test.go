//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// switchboard holds waiting connections, and does with a publication whatever it is made to.
type switchboard struct {
	mu    sync.Mutex
	lines map[string]net.Conn
	deed  func(s *switchboard, id, text string)
}

func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.URL.Query().Get("stream")
	switch r.URL.Path {
	case "/wait":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			s.lines[id] = conn
		}
	case "/pub":
		text, _ := io.ReadAll(r.Body)
		s.deed(s, id, string(text))
	}
}

func (s *switchboard) tell(id, text string) {
	fmt.Fprintf(s.lines[id], "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

func (s *switchboard) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// another is somebody else who waits.
func (s *switchboard) another(id string) string {
	for other := range s.lines {
		if other != id {
			return other
		}
	}
	return ""
}

func TestACrowdNoticesWhatAServerDoesWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		deed  func(s *switchboard, id, text string)
		fault string // part of it; "": there is none
	}{
		{"nothing", func(s *switchboard, id, text string) { s.tell(id, text) }, ""},
		{"nothing yet, and then the news", func(s *switchboard, id, text string) {
			s.tell(id, `{"state":"pending"}`)
			s.tell(id, text)
		}, ""},
		{"wakes somebody twice", func(s *switchboard, id, text string) {
			s.tell(id, text)
			s.tell(id, text)
		}, "3 woken twice"},
		{"wakes another as well", func(s *switchboard, id, text string) {
			s.tell(id, text)
			s.tell(s.another(id), text)
		}, "without being meant"},
		{"tells of another's login", func(s *switchboard, id, text string) {
			s.tell(id, strings.Replace(text, id, s.another(id), 1))
		}, "3 told of another's"},
		{"hangs up on another", func(s *switchboard, id, text string) {
			s.tell(id, text)
			other := s.another(id)
			s.lines[other].Close()
			delete(s.lines, other)
			delete(s.lines, id)
		}, "lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			board := &switchboard{lines: make(map[string]net.Conn), deed: c.deed}
			server := httptest.NewServer(board)
			defer server.Close()
			loop, err := newCrowd()
			if err != nil {
				t.Fatal(err)
			}
			go loop.run()
			defer loop.end()
			crowd := &Crowd{loop}
			g := Gathering{Addr: server.Listener.Addr().String(), Speech: "poll", Block: 61, N: 12, Wait: true}
			if err := crowd.Gather(g, nil); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(10 * time.Second); board.waiting() < g.N; {
				if time.Now().After(end) {
					t.Fatalf("%d of %d wait", board.waiting(), g.N)
				}
				if err := loop.command(func() error { return loop.turn(10 * time.Millisecond) }); err != nil {
					t.Fatal(err)
				}
			}
			var took []time.Duration
			err = crowd.Wake(3, &took)
			var tally Tally
			if tallied := crowd.Tally(200*time.Millisecond, &tally); tallied != nil {
				t.Fatal(tallied)
			}
			if err == nil {
				err = tally.fault()
			}
			switch {
			case c.fault == "" && (err != nil || tally.Woken != 3 || tally.Waiting != 9 || len(took) != 3):
				t.Errorf("got %+v, %d times, %v; want 3 woken, 9 waiting", tally, len(took), err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), " 0 "+c.fault)):
				t.Errorf("got %v, want %q", err, c.fault)
			}
		})
	}
}
