package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// program is a running server.
type program struct {
	url, admin string
	shop       string // the demo's site
	stop       context.CancelFunc
	ended      chan error
	reload     chan os.Signal
	log        chan string // what it said after it was up
}

// start runs the program with args on free ports and waits until it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	p := &program{stop: cancel, ended: make(chan error, 1), reload: make(chan os.Signal), log: make(chan string, 1000)}
	args = append([]string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json"}, args...)
	go func() {
		err := run(ctx, args, environment{
			lookup: func(string) (string, bool) { return "", false }, stdout: io.Discard, stderr: in, reload: p.reload,
		})
		_ = in.CloseWithError(err) // a pipe takes any
		p.ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	for p.admin == "" && lines.Scan() {
		var said struct{ Msg, URL string }
		_ = json.Unmarshal(lines.Bytes(), &said) // some lines are for people
		switch said.Msg {
		case "demo site listening":
			p.shop = said.URL
		case "listening":
			p.url = said.URL
		case "admin listening":
			p.admin = said.URL
		}
	}
	if p.admin == "" {
		t.Fatalf("it did not start: %v", lines.Err())
	}
	go func() {
		defer close(p.log)
		for lines.Scan() {
			p.log <- lines.Text()
		}
	}()
	return p
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	return get(t, http.DefaultClient, url)
}

func (p *program) startLogin(t *testing.T, app string) string {
	t.Helper()
	_, body := fetch(t, p.url+"/jslogin?fun=new&appid="+app)
	id := regexp.MustCompile(`uuid = "(\S+?)";$`).FindStringSubmatch(body)
	if id == nil {
		t.Fatalf("no login: %s", body)
	}
	return id[1]
}

func TestAStoppedServerAnswersWhoeverWaitsAndExits(t *testing.T) {
	p := start(t, "--demo")
	id := p.startLogin(t, "demo")
	answer := make(chan string)
	go func() {
		_, body := fetch(t, p.url+"/cgi-bin/mmwebwx-bin/login?tip=1&uuid="+id)
		answer <- body
	}()
	// The poll is on its way or waiting: either way it must be answered, not cut off.
	waitForPoll(t, p)
	p.stop()
	if got := <-answer; got != "window.code=408;" {
		t.Errorf("the waiting poll got %q", got)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
		p.ended <- nil
	case <-time.After(10 * time.Second):
		t.Error("still there after 10 s")
	}
}

// waitForPoll returns when the server has somebody who waits.
func waitForPoll(t *testing.T, p *program) {
	t.Helper()
	for range 1000 {
		if _, body := fetch(t, p.admin+"/metrics"); strings.Contains(body, `qrlatch_waiters{dialect="wechat"} 1`) {
			return
		}
	}
	t.Fatal("the poll never arrived")
}

func TestTheAdminListenerIsApart(t *testing.T) {
	p := start(t, "--demo")
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/"} {
		if status, _ := fetch(t, p.admin+path); status != http.StatusOK {
			t.Errorf("admin %s: %d", path, status)
		}
		if status, _ := fetch(t, p.url+path); status != http.StatusNotFound {
			t.Errorf("public %s: %d, want 404", path, status)
		}
	}
	fetch(t, p.url+"/cgi-bin/mmwebwx-bin/webwxstatreport?funkey=indexdemo")
	if _, body := fetch(t, p.admin+"/metrics"); !strings.Contains(body, "qrlatch_wechat_stat_reports_total 1") {
		t.Error("a statistics report was not counted")
	}
}

func TestReloadTakesNewKeysAndAppsAndKeepsLoginsUnderWay(t *testing.T) {
	first, second := login.NewKeyLine(), login.NewKeyLine()
	keys, file := write(t, "keys", first+"\n"), write(t, "q.yaml", goodFile)
	p := start(t, "--key-file", keys, "--config", file, "--poll-hold", "10ms")
	id := p.startLogin(t, "shop")

	rewrite(t, keys, second+"\n"+first+"\n")
	rewrite(t, file, strings.Replace(goodFile, "id: shop", "id: store", 1)+"host: login.example\n")
	p.reload <- os.Interrupt // any signal: main sends only SIGHUP here
	p.startLoginEventually(t, "store")

	// Its app is gone, but nothing else happened to it: keys go on to verify.
	if _, body := fetch(t, p.url+"/cgi-bin/mmwebwx-bin/login?uuid="+id); body != "window.code=408;" {
		t.Errorf("the login under way got %q", body)
	}
	if status, _ := fetch(t, p.url+"/qrcode/"+id); status != http.StatusOK {
		t.Errorf("its picture: %d", status)
	}

	rewrite(t, file, "apps: nonsense")
	p.reload <- os.Interrupt
	for line := range p.log {
		if strings.Contains(line, "reload refused") {
			break
		}
	}
	p.startLogin(t, "store")
}

func (p *program) startLoginEventually(t *testing.T, app string) {
	t.Helper()
	for line := range p.log {
		if strings.Contains(line, `"reloaded"`) {
			p.startLogin(t, app)
			return
		}
	}
	t.Fatal("never reloaded")
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string // expression
		bad  bool
	}{
		{"version", `^qrlatch dev\n$`, false},
		{"keys new", `^k[0-9a-f]{8} [A-Za-z0-9+/]{43}=\n$`, false},
		{"keys", ``, true},
		{"config check --demo", `^warning: no --key-file: .+\nconfiguration is good\n$`, false},
		{"config check --demo --poll-hold=1h", ``, true},
		{"config", ``, true},
		{"--help", `^$`, false},
	} {
		var out strings.Builder
		err := run(t.Context(), strings.Fields(tt.args), environment{
			lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: io.Discard,
		})
		if (err != nil) != tt.bad || !regexp.MustCompile(tt.want).MatchString(out.String()) {
			t.Errorf("qrlatch %s: %q, %v", tt.args, out.String(), err)
		}
	}
}

func TestANewKeyIsAKey(t *testing.T) {
	if _, err := login.ParseKeys(strings.NewReader(login.NewKeyLine())); err != nil {
		t.Error(err)
	}
}
