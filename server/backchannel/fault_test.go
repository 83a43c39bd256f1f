package backchannel_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/backchannel"
)

// echoes are answers with which a site gives back what it was sent, where net/http quotes it.
var echoes = map[string]string{
	"a status line":     "%\r\n\r\n",
	"a version":         "HTTP/% 200 OK\r\n\r\n",
	"a status":          "HTTP/1.1 % OK\r\n\r\n",
	"a header":          "HTTP/1.1 200 OK\r\n%\r\n\r\n",
	"a header's name":   "HTTP/1.1 200 OK\r\n%\x01: x\r\n\r\n",
	"a length":          "HTTP/1.1 200 OK\r\nContent-Length: %\r\n\r\n",
	"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: %\r\n\r\n",
	"a coding":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: %\r\n\r\n",
	"a refusal's words": "HTTP/1.1 500 %\r\n\r\n",
}

// giveBack reads a request of c and answers it. It returns the token.
func giveBack(c net.Conn, form string) (token string) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return ""
	}
	token = r.PostFormValue("logout_token")
	_, _ = io.WriteString(c, strings.ReplaceAll(form, "%", token)) // who hears no more has read enough
	return token
}

// quoted is the part of a token that a log has.
func quoted(log string, tokens []string) string {
	for _, token := range tokens {
		for _, part := range append(strings.Split(token, "."), token) {
			if len(part) < 10 || strings.Contains(log, part[:10]) {
				return part
			}
		}
	}
	return ""
}

func TestASiteThatEchoesItsNoticeIsNotQuoted(t *testing.T) {
	for name, form := range echoes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				tokens := make(chan string, 100)
				w.Transport = &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
					ours, its := net.Pipe()
					go func() { tokens <- giveBack(its, form) }()
					return ours, nil
				}}
				w.ended("shop", "session1")
				time.Sleep(2 * time.Hour)
				var sent []string
				for len(tokens) > 0 {
					sent = append(sent, <-tokens)
				}
				log := w.log.String()
				if part := quoted(log, sent); len(sent) != 7 || part != "" || !strings.Contains(log, "session=session1") {
					t.Errorf("of %d tokens %q is in the log: %s", len(sent), part, log)
				}
				w.expect(map[string]int{backchannel.Failed: 6, backchannel.GivenUp: 1})
			})
		})
	}
}

// overTCP is a world whose shop is at address. Its way there is the server's own.
func overTCP(t *testing.T, address string) *world {
	w := newWorld(t, nil)
	w.Notifier = backchannel.New(backchannel.Options{Issuer: issuer, Log: w.Log, Observe: w.Observe})
	w.config.Apps[0].LogoutURL, w.config.Audit = address, nil
	w.Serve(&w.config)
	return w
}

// The same over TCP, as the server is set up.
func TestARawSiteThatEchoesItsNoticeIsNotQuoted(t *testing.T) {
	site, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	tokens := make(chan string, 100)
	go func() {
		for {
			c, err := site.Accept()
			if err != nil {
				return
			}
			tokens <- giveBack(c, echoes["a status line"])
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := overTCP(t, "http://"+site.Addr().String())
		w.ended("shop", "session1")
		time.Sleep(2 * time.Hour)
		var sent []string
		for range 7 {
			sent = append(sent, <-tokens)
		}
		log := w.log.String()
		if part := quoted(log, sent); part != "" || !strings.Contains(log, "malformed") {
			t.Errorf("%q is in the log: %s", part, log)
		}
	})
}

func TestTheLogSaysWhyASiteWasNotReached(t *testing.T) {
	silent := slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server := func(begin func(*httptest.Server), handler http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(handler)
		s.Config.ErrorLog = silent
		begin(s)
		t.Cleanup(s.Close)
		return s
	}
	secure := server((*httptest.Server).StartTLS, http.NotFoundHandler())
	plain := server((*httptest.Server).Start, http.NotFoundHandler())
	mute := server((*httptest.Server).Start, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	gone := server((*httptest.Server).Start, http.NotFoundHandler())
	gone.Close()
	for address, want := range map[string]string{
		secure.URL: "signed its certificate",
		"https" + strings.TrimPrefix(plain.URL, "http"): "no TLS",
		mute.URL: "hangs up",
		gone.URL: "connection refused",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := overTCP(t, address)
			w.ended("shop", "session1")
			time.Sleep(2 * time.Hour)
			if log := w.log.String(); !strings.Contains(log, want) || strings.Contains(log, "127.0.0.1") {
				t.Errorf("%s: want %q, and no address: %s", address, want, log)
			}
		})
	}
	for err, want := range map[error]string{
		&net.DNSError{Err: "no such host", Name: "x"}: "name is not found",
		&tls.CertificateVerificationError{}:           "certificate is not good",
		tls.AlertError(40):                            "no TLS",
		errors.New("something"):                       "malformed",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(*http.Request, int) (int, error) { return 0, err })
			w.ended("shop", "session1")
			time.Sleep(2 * time.Hour)
			if log := w.log.String(); !strings.Contains(log, want) {
				t.Errorf("%v: want %q: %s", err, want, log)
			}
		})
	}
}
