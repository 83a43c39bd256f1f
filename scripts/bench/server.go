//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is one that is measured, as a black box: what it listens on, and its processes.
type server struct {
	*process
	addr    string // host:port for browsers
	admin   string // URL of its admin listener; for nginx of its status page
	counter string // the metric that counts who waits
	nginx   bool
}

// Ours needs no more of its operator than this: many phones, and no limits on what the
// bench does from one place. What costs memory for each browser stays at its default.
const limits = "limits: {scans_per_phone: 0, waiters: 0, logins: 0, starts_per_address: %d}\n"

// qrlatch starts the server at path. Its logins last as long as a part, and its polls are
// held so long that nobody comes back while somebody measures.
func (f *family) qrlatch(ctx context.Context, path string, startsPerAddress int, args ...string) (*server, error) {
	config := filepath.Join(f.dir, "qrlatch.yaml")
	var text strings.Builder
	fmt.Fprintf(&text, "apps: [{id: %s, name: Bench, redirect_uris: ['%s%s'], secret_sha256: %x}]\n", appID, appPage, ticketPage, sha256.Sum256([]byte(appSecret)))
	fmt.Fprintf(&text, limits, startsPerAddress)
	text.WriteString("phones:\n  tokens:\n")
	for i := range phones {
		fmt.Fprintf(&text, "    - {token_sha256: %x, subject: person-%d, name: Person %[2]d}\n", sha256.Sum256([]byte(phoneToken(i))), i)
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	given := append([]string{
		"--config", config, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json",
		"--poll-hold", "10m", "--login-ttl", "1h",
	}, args...)
	return f.goServer(ctx, "qrlatch", "qrlatch_waiters", path, given...)
}

// peer starts one of the servers of peers.go.
func (f *family) peer(ctx context.Context, name string, args ...string) (*server, error) {
	return f.goServer(ctx, name, "waiting", f.self, append([]string{"serve", name}, args...)...)
}

func (f *family) goServer(ctx context.Context, name, counter, path string, args ...string) (*server, error) {
	p, err := f.start(name, syscall.SIGKILL, nil, nil, path, args...)
	if err != nil {
		return nil, err
	}
	addr, admin, err := p.addresses(ctx)
	return &server{process: p, addr: addr, admin: admin, counter: counter}, err
}

func (s *server) pids() []int {
	if s.nginx {
		return append(childrenOf(s.Process.Pid), s.Process.Pid)
	}
	return []int{s.Process.Pid}
}

func (s *server) cpu() (time.Duration, error) { return cpuOf(s.pids()) }

// waiting is how many browsers the server itself says are waiting.
func (s *server) waiting(ctx context.Context) (int, error) {
	if s.nginx {
		text, _, err := visit(ctx, http.MethodGet, s.admin)
		if err != nil {
			return 0, err
		}
		return readSubscribers(text)
	}
	return s.metric(ctx, s.counter)
}

func (s *server) metric(ctx context.Context, name string) (int, error) {
	text, _, err := visit(ctx, http.MethodGet, s.admin+"/metrics")
	if err != nil {
		return 0, err
	}
	n, err := readMetric(strings.NewReader(text), name)
	return int(n), err
}

// settled waits until exactly n browsers wait.
func (s *server) settled(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for last := -1; ; {
		got, err := s.waiting(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if got == n {
			return nil
		}
		if err == nil {
			last = got
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %d browsers wait, want %d", s.name, last, n)
		case <-s.done:
			return fmt.Errorf("%s has ended", s.name)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// measure says what the server takes: in use, after two forced collections; and its
// processes' share of memory, before and after whatever is free was given back.
func (s *server) measure(ctx context.Context) (now sample, err error) {
	now.files = filesOf(s.pids())
	if now.raw, err = pssOf(s.pids()); err != nil {
		return now, err
	}
	if !s.nginx {
		if err := s.collect(ctx, &now); err != nil {
			return now, err
		}
	}
	now.pss, err = pssOf(s.pids())
	return now, err
}

// collect forces two collections and has the runtime give back what is free. A server
// without /debug/free does that in its own time: then the share of memory is too high.
func (s *server) collect(ctx context.Context, now *sample) error {
	var profile string
	for range 2 {
		text, status, err := visit(ctx, http.MethodGet, s.admin+"/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("%s has no heap profile: %d", s.name, status)
		}
		profile = text
	}
	if err := now.readMemStats(strings.NewReader(profile)); err != nil {
		return err
	}
	var err error
	if now.goroutines, err = s.metric(ctx, "go_goroutines"); err != nil {
		return err
	}
	_, status, err := visit(ctx, http.MethodPost, s.admin+"/debug/free")
	if err == nil && status == http.StatusNotFound {
		return pause(ctx, 3*time.Second)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
