package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener hands out the server's ends of pipes, whose deadlines run in virtual time.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (pipeListener) Close() error   { return nil }
func (pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestABodyThatNeverComesHoldsNobody sends headers that announce a body, and no body.
func TestABodyThatNeverComesHoldsNobody(t *testing.T) {
	for _, target := range []string{"/jslogin", "/v1/scans", "/phone/sign-in", "/cgi-bin/mmwebwx-bin/webwxinit"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, nil)
				listener := pipeListener{make(chan net.Conn, 1)}
				server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
				go func() { _ = server.Serve(listener) }()
				client, conn := net.Pipe()
				listener.conns <- conn
				began := time.Now()
				fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nappid=", target)
				_, _ = io.Copy(io.Discard, client) // until the server is done with us
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("it was held for %v", took)
				}
				client.Close()
				close(listener.conns)
				_ = server.Close()
			})
		})
	}
}

// TestABodyThatCameDoesNotLimitTheWait holds a poll far longer than a body may take.
func TestABodyThatCameDoesNotLimitTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.PollHold = 25 * time.Second })
		listener := pipeListener{make(chan net.Conn, 1)}
		server := &http.Server{Handler: f}
		go func() { _ = server.Serve(listener) }()
		client, conn := net.Pipe()
		listener.conns <- conn
		_, id, _ := strings.Cut(f.ask("GET", "/jslogin?appid=shop", "").Body.String(), `uuid = "`)
		began := time.Now()
		go fmt.Fprintf(client, "GET /cgi-bin/mmwebwx-bin/login?uuid=%s HTTP/1.1\r\nHost: login.example\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", id[:36])
		answer, _ := io.ReadAll(client)
		if !strings.HasSuffix(string(answer), "window.code=408;") || time.Since(began) != 25*time.Second {
			t.Errorf("%s after %v", answer, time.Since(began))
		}
		close(listener.conns)
		_ = server.Close()
	})
}
