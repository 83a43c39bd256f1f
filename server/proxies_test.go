package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"
)

// proxy is a program of docs/proxies.md. Its file is run as it stands, but for addresses
// and certificates.
type proxy struct {
	program, file string
	must          bool // be here where CI is
	replace       func(dir string, listen, server string) []string
	before        string // what the program wants around the file; %s is the file
	args          func(path, dir string) []string
}

var proxies = map[string]proxy{
	"nginx": {
		program: "nginx", file: "nginx.conf", must: true,
		replace: func(dir, listen, server string) []string {
			return []string{
				"listen 443 ssl", "listen " + listen + " ssl", "127.0.0.1:8080", server, "/etc/ssl/login.example.crt", dir + "/cert.pem",
				"/etc/ssl/login.example.key", dir + "/key.pem", "/var/log/nginx/qrlatch.log", dir + "/access.log",
			}
		},
		before: "daemon off; master_process off; pid nginx.pid; error_log stderr; events {}\n" +
			"http { client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n%s}",
		args: func(path, dir string) []string { return []string{"-e", "stderr", "-p", dir, "-c", path} },
	},
	"caddy": {
		program: "caddy", file: "Caddyfile",
		replace: func(dir, listen, server string) []string {
			_, port, _ := net.SplitHostPort(listen)
			return []string{
				"\nlogin.example {", "\nlogin.example:" + port + " {\n\tbind 127.0.0.1\n\ttls " + dir + "/cert.pem " + dir + "/key.pem",
				"127.0.0.1:8080", server,
			}
		},
		before: "{\n\tadmin off\n\tauto_https disable_redirects\n}\n%s",
		args:   func(path, _ string) []string { return []string{"run", "--adapter", "caddyfile", "--config", path} },
	},
	"haproxy": {
		program: "haproxy", file: "haproxy.cfg",
		replace: func(dir, listen, server string) []string {
			return []string{"bind :443", "bind " + listen, "/etc/haproxy/login.example.pem", dir + "/both.pem", "127.0.0.1:8080", server}
		},
		before: "%s",
		args:   func(path, _ string) []string { return []string{"-db", "-f", path} },
	},
}

// TestProxiesLetEveryDialectThrough has a browser behind each proxy wait in every way.
func TestProxiesLetEveryDialectThrough(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a second loopback address")
	}
	for name, px := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(px.program)
			if err != nil && px.must && os.Getenv("CI") != "" {
				t.Fatalf("%s is not installed", px.program)
			}
			if err != nil {
				t.Skipf("%s is not installed", px.program)
			}
			listen, server := freeAddress(t), freeAddress(t)
			p := start(t, "--config", write(t, "q.yaml", sites), "--listen", server, "--public-url=https://login.example", "--trusted-proxies=127.0.0.1/32")
			roots := px.run(t, program, listen, server)
			browse(t, p, listen, roots)
		})
	}
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts the proxy and returns who has signed its certificate.
func (px proxy) run(t *testing.T, program, listen, server string) *x509.CertPool {
	t.Helper()
	cert, key := certificate(t)
	dir := t.TempDir()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	config := read(filepath.Join("../docs/examples/proxies", px.file))
	pairs := px.replace(dir, listen, server)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(config, pairs[i]) {
			t.Fatalf("%s has no %q", px.file, pairs[i])
		}
	}
	config = fmt.Sprintf(px.before, strings.NewReplacer(pairs...).Replace(config))
	for name, text := range map[string]string{
		px.file: config, "cert.pem": read(cert), "key.pem": read(key), "both.pem": read(cert) + read(key),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, px.args(filepath.Join(dir, px.file), dir)...)
	command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	for {
		if c, err := net.Dial("tcp", listen); err == nil {
			c.Close()
			break
		}
		select {
		case <-ended:
			t.Fatalf("%s did not start: %s", program, said.String())
		case <-t.Context().Done():
			t.Fatal("it never listens")
		case <-time.After(10 * time.Millisecond): // a refused call costs nothing: not so many
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(cert)))
	return roots
}

// browser is at 127.0.0.2, behind a proxy.
type browser struct {
	client
	t     *testing.T
	admin *program
}

func browse(t *testing.T, p *program, listen string, roots *x509.CertPool) {
	transport := func(protocols ...string) *http.Transport {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		via := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: protocols}, ForceAttemptHTTP2: len(protocols) > 1,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return from.DialContext(ctx, "tcp", listen) },
		}
		t.Cleanup(via.CloseIdleConnections)
		return via
	}
	b := browser{client{"https://login.example", forger{transport("h2", "http/1.1")}}, t, p}
	b.polls("/cgi-bin/mmwebwx-bin/login?tip=1&uuid=%s", "wechat", "window.code=201;")
	b.polls("/v1/logins/%s.js?since=pending&wait=60&callback=cb", "jsonp", `"state":"scanned"`)
	b.stream()
	b.via = forger{transport("http/1.1")}
	b.socket()
}

// forger writes into each request what only a proxy may.
type forger struct{ http.RoundTripper }

func (f forger) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", "203.0.113.66")
	r.Header.Set("X-Forwarded-Host", "evil.example")
	return f.RoundTripper.RoundTrip(r)
}

func (b browser) begin() (id, code string) {
	var l struct {
		ID string
		QR struct{ Text string }
	}
	b.post(b.t, "/v1/logins", map[string]string{"app": "shop"}, &l)
	return l.ID, l.QR.Text
}

// scan has alice's phone scan, and tell where it believes the browser to be.
func (b browser) scan(code string) {
	b.t.Helper()
	var s struct{ Browser struct{ IP string } }
	b.post(b.t, "/v1/scans", map[string]string{"code": code}, &s)
	if s.Browser.IP != "127.0.0.2" {
		b.t.Errorf("the browser is taken to be at %s", s.Browser.IP)
	}
}

func (b browser) open(ctx context.Context, path string, headers ...string) *http.Response {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w, err := b.via.RoundTrip(r)
	if err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
	return w
}

// polls holds a request until the scan.
func (b browser) polls(path, dialect, want string) {
	b.t.Helper()
	id, code := b.begin()
	answer := make(chan string)
	go func() {
		defer close(answer)
		r, _ := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+fmt.Sprintf(path, id), nil)
		if w, err := b.via.RoundTrip(r); err == nil {
			defer w.Body.Close()
			body, _ := io.ReadAll(w.Body)
			answer <- string(body)
		}
	}()
	held := false
	for i := 0; i < 1000 && !held; i++ {
		_, body := fetch(b.t, b.admin.admin+"/metrics")
		held = strings.Contains(body, `qrlatch_waiters{dialect="`+dialect+`"} 1`)
	}
	if !held {
		b.t.Fatalf("%s: the poll never arrived", dialect)
	}
	b.scan(code)
	if got := <-answer; !strings.Contains(got, want) {
		b.t.Errorf("%s: %q", dialect, got)
	}
}

// stream hears of the scan while its answer goes on: nobody gathers it.
func (b browser) stream() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second) // less than the next comment
	defer cancel()
	id, code := b.begin()
	w := b.open(ctx, "/v1/logins/"+id+"/events", "Accept: text/event-stream", "Accept-Encoding: gzip")
	defer w.Body.Close()
	lines := bufio.NewScanner(w.Body)
	for _, event := range []string{"qr", "scanned"} {
		heard := false
		for !heard && lines.Scan() {
			heard = lines.Text() == "event: "+event
		}
		if !heard {
			b.t.Fatalf("no event %s: %v", event, lines.Err())
		}
		if event == "qr" {
			b.scan(code)
		}
	}
}

// socket hears of the scan on a WebSocket.
func (b browser) socket() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	id, code := b.begin()
	w := b.open(ctx, "/v1/ws?id="+id, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: https://shop.example")
	defer w.Body.Close()
	if w.StatusCode != http.StatusSwitchingProtocols {
		b.t.Fatalf("no socket: %s", w.Status)
	}
	defer context.AfterFunc(ctx, func() { w.Body.Close() })()
	for _, kind := range []string{"qr", "scanned"} {
		text, err := wsutil.ReadServerText(w.Body.(io.ReadWriter))
		if err != nil || !strings.Contains(string(text), `"type":"`+kind+`"`) {
			b.t.Fatalf("%s: %s %v", kind, text, err)
		}
		if kind == "qr" {
			b.scan(code)
		}
	}
}
