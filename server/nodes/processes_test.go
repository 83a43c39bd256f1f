package nodes_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qrlatch/server/login"
)

// program is the built server, and what its nodes are told.
type program struct {
	path string
	args []string
}

// build compiles the server for an installation on a Redis, with so many phones.
func build(t *testing.T, redis string, phones int) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{path: filepath.Join(dir, "qrlatch")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", p.path, "qrlatch/server").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var config strings.Builder
	fmt.Fprintf(&config, "apps:\n  - {id: %s, name: Page, redirect_uris: ['%s']}\n", pageApp, loginPage)
	fmt.Fprintf(&config, "  - {id: %s, name: Shop, redirect_uris: ['%s'], secret_sha256: %x}\n", siteApp, sitePage, sha256.Sum256([]byte(siteSecret)))
	config.WriteString("limits: {scans_per_phone: 0, starts_per_address: 0, waiters_per_address: 0}\nphones:\n  tokens:\n")
	for i := range phones {
		fmt.Fprintf(&config, "    - {token_sha256: %x, subject: person-%d, name: Person %[2]d}\n", sha256.Sum256(fmt.Appendf(nil, "person-%d", i)), i)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p.args = []string{
		"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--public-url=" + public, "--store=" + redis,
		"--config=" + file("qrlatch.yaml", config.String()), "--key-file=" + file("keys", login.NewKeyLine()+"\n"),
	}
	return p
}

// process is a node.
type process struct {
	*exec.Cmd
	addr  string
	ended chan error
}

// start runs a node, and returns when it listens.
func (p *program) start(t *testing.T) *process {
	t.Helper()
	n := &process{Cmd: exec.Command(p.path, p.args...), ended: make(chan error, 1)}
	n.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.StderrPipe()
	if err == nil {
		err = n.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan string, 1)
	go func() {
		defer close(up)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var said struct{ Msg, Addr, Level string }
			_ = json.Unmarshal(lines.Bytes(), &said) // it is one of ours
			if said.Msg == "listening" {
				up <- said.Addr
			}
			if said.Level == "ERROR" || strings.Contains(said.Msg, "cut off") {
				t.Errorf("a node says: %s", lines.Text())
			}
		}
		n.ended <- n.Wait()
	}()
	t.Cleanup(func() {
		_ = n.Process.Kill() // it may have ended
		if err := <-n.ended; err != nil {
			t.Log("a node was killed:", err)
		}
	})
	if n.addr = <-up; n.addr == "" {
		t.Fatal("a node has ended at once")
	}
	return n
}

// stop ends a node as whoever runs it does, and returns how long that took.
func (n *process) stop(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	if err := n.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-n.ended
	n.ended <- nil
	if err != nil {
		t.Errorf("a node ended with %v", err)
	}
	return time.Since(start)
}

// balancer sends requests to nodes in turns. One that does not accept a connection is passed
// over; whatever else goes wrong, the client hears of.
type balancer struct {
	next    atomic.Uint64
	refused atomic.Int64
	mu      sync.Mutex
	addrs   []string
}

func (b *balancer) pick(string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if addr := b.addrs[b.next.Add(1)%uint64(len(b.addrs))]; addr != "" {
			return addr
		}
	}
}

func (b *balancer) again(err error) bool {
	if refused(err) {
		b.refused.Add(1)
		return true
	}
	return tooSoon(err)
}

// put gives a place to a node, or with "" to none: who runs a node takes it out as he stops
// it. Requests that have its address already go there all the same.
func (b *balancer) put(i int, addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs[i] = addr
}
