package dialect_test

import (
	"bufio"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/problem"
)

// This file is what the tests of streams stand on: a server that streams, on a network
// of pipes in virtual time, and readers of what it says.

// sseHello is what every stream begins with.
var sseHello = strings.Join([]string{":", strings.Repeat(" ", 2048), "\nretry: 2000\n\n"}, "")

// sseWorld is a client on a network of pipes, and a server that streams.
type sseWorld struct{ *wxWorld }

func inSSE(t *testing.T, run func(*sseWorld)) {
	t.Helper()
	inSSEOver(t, func(t loginTable) loginTable { return t }, run)
}

type loginTable = login.Table[login.Handle, login.Login]

// inSSEOver puts something between the server and its store.
func inSSEOver(t *testing.T, over func(loginTable) loginTable, run func(*sseWorld)) {
	t.Helper()
	inWXWorld(t, func(w *wxWorld) {
		mem := memstore.New(memstore.Options{})
		defer mem.Close()
		store := mem.Store
		store.Logins = over(store.Logins)
		w.service = login.NewService(store, login.Config{Keys: w.service.Keys(), Apps: wxApps()})
		(&dialect.SSE{Service: w.service, PublicURL: "https://login.example", Lot: w.lot}).Routes(w.echo)
		w.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
		run(&sseWorld{w})
	})
}

// heard is a block of a stream, up to its empty line.
type heard struct {
	at   time.Duration
	text string
}

// field is the value of a field of the block.
func (h heard) field(name string) string {
	for line := range strings.Lines(h.text) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSuffix(value, "\n")
		}
	}
	return ""
}

// stream is one that a client reads.
type stream struct {
	*http.Response
	began time.Time
	mu    sync.Mutex
	all   []heard
	rest  string // not a whole block yet
	ended error  // io.EOF: as it should
	over  time.Duration
}

func eventsOf(id login.ID) string { return "https://login.example/v1/logins/" + string(id) + "/events" }

// opens sends a request for a stream and reads it in the background.
func (w *sseWorld) opens(target string, fields ...string) *stream {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, target, nil)
	w.must(err)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	began := time.Now()
	answer, err := w.http.Do(r) //nolint:bodyclose // whoever opens a stream closes it
	w.must(err)
	s := &stream{Response: answer, began: began}
	go s.read()
	return s
}

func (s *stream) read() {
	buffer := make([]byte, 1000)
	for {
		n, err := s.Body.Read(buffer)
		s.mu.Lock()
		s.rest += string(buffer[:n])
		for {
			block, rest, ok := strings.Cut(s.rest, "\n\n")
			if !ok {
				break
			}
			s.all, s.rest = append(s.all, heard{time.Since(s.began), block + "\n\n"}), rest
		}
		if err != nil {
			s.ended, s.over = err, time.Since(s.began)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// events waits until all is quiet and returns what was heard after the first block.
func (s *stream) events(t *testing.T) []heard {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || s.all[0].text != sseHello {
		t.Fatalf("the stream does not begin as it should: %.200q %v", s.rest, s.all)
	}
	if s.rest != "" {
		t.Errorf("half a block: %q", s.rest)
	}
	return slices.Clone(s.all[1:])
}

// names are the events' names, without the heartbeat.
func (s *stream) names(t *testing.T) string {
	t.Helper()
	var names []string
	for _, h := range s.events(t) {
		if name := h.field("event"); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// readBlock returns io.EOF for half a block: EventSource drops it as well.
func readBlock(body *bufio.Reader) (heard, error) {
	var b heard
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			return b, err
		}
		if line == "\n" {
			return b, nil
		}
		b.text += line
	}
}

// goroutines counts stacks. runtime.NumGoroutine still counts, for a moment, a goroutine
// that synctest.Wait takes for gone already.
func goroutines() (n int, stacks string) {
	dump := make([]byte, 1<<20)
	stacks = string(dump[:runtime.Stack(dump, true)])
	return strings.Count("\n"+stacks, "\ngoroutine "), stacks
}
