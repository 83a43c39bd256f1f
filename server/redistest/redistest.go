// Package redistest starts real Redis servers for tests: on ports of their own, with
// data in the test's directory, gone with the test.
package redistest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take to do what it was told.
const patience = 30 * time.Second

// Server is one redis-server.
type Server struct {
	Addr string

	t       testing.TB
	program string
	dir     string
	args    []string

	mu    sync.Mutex // guards what follows
	stdin io.Closer  // nil while it is stopped
	shell *exec.Cmd
	said  *output
}

// Start runs a redis-server until the test ends. It keeps every write it has confirmed, over
// Stop and Restart as well. settings are options of redis.conf, such as "--maxmemory", "10mb".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{t: t, program: program(t), dir: t.TempDir(), args: settings}
	t.Cleanup(s.Stop)
	for attempt := range 5 {
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
		if s.start() {
			return s
		}
		t.Logf("attempt %d: somebody else took %s", attempt, s.Addr)
	}
	t.Fatal("no free port for redis-server")
	return nil
}

// program is Redis or Valkey. Where there is neither, which is so with developers and must not
// be in CI, it skips the test.
func program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const text = "redis-server is missing: `make setup` installs it, or see https://redis.io"
	if os.Getenv("CI") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
	return ""
}

// freePort is one that nobody uses now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// guard is a shell that ends the server when the test says so, and when the test dies of a
// timeout or a panic: then nobody else would.
const guard = `"$@" </dev/null & pid=$!; read -r _; kill -9 $pid; wait $pid`

// start runs the server at s.Addr and waits until it answers. It reports false if the
// port was taken.
func (s *Server) start() bool {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"-c", guard, "guard", s.program}, s.args...)
	args = append(args, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "")
	if !strings.Contains(strings.Join(s.args, " "), "--sentinel") {
		// The file is written before an answer, and survives a kill. With fsync on a slow disk
		// Redis puts off writing it, too.
		args = append(args, "--appendonly", "yes", "--appendfsync", "no")
	}
	shell := exec.Command("/bin/sh", args...)
	said := &output{}
	shell.Stdout, shell.Stderr = said, said
	stdin, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.stdin, s.shell, s.said = stdin, shell, said
	s.mu.Unlock()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if pong, err := s.Do("PING"); err == nil && pong == "PONG" {
			return true
		}
		if strings.Contains(said.String(), "Address already in use") {
			s.Stop()
			return false
		}
	}
	s.t.Fatalf("redis-server does not answer:\n%s", said)
	return false
}

// Stop kills the server, as a power cut would.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stdin == nil {
		return
	}
	s.stdin.Close()
	_ = s.shell.Wait() // killed: that is what it says
	s.stdin = nil
}

// Restart starts a stopped server again, with its data, at its address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	Eventually(s.t, "the server has its port again", s.start)
}

// URL is where a client finds the server.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Must is Do for commands that cannot fail.
func (s *Server) Must(command ...string) string {
	s.t.Helper()
	answer, err := s.Do(command...)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return answer
}

// Calls is how often commands were run since the last CONFIG RESETSTAT, by their names in
// lower case. What scripts call counts as well.
func (s *Server) Calls() map[string]int {
	s.t.Helper()
	calls := map[string]int{}
	for line := range strings.Lines(s.Must("INFO", "commandstats")) {
		var n int
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if _, err := fmt.Sscanf(rest, "%d", &n); ok && err == nil {
			calls[name] = n
		}
	}
	return calls
}

// Eventually waits until what is told by done has come about.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

// output is what a process prints, safe to be read while it does.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
