package web

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// TestTheSlowHoldUpNobody has a thousand clients that are slow in one way or another,
// and asks what a quick one gets beside them, in virtual time: any wait for one of them
// would be seen.
func TestTheSlowHoldUpNobody(t *testing.T) {
	const many = 1000
	off := func(o *Options) { o.Limits = Limits{} }
	for _, tt := range []struct {
		name  string
		begin func(*network, login.ID) // one of them
	}{
		{"half-open connections", func(n *network, _ login.ID) {
			fmt.Fprint(n.dial(evilAddr), "GET /jslogin?appid=shop HTTP/1.1\r\nHost: login.exa")
		}},
		{"connections that say nothing", func(n *network, _ login.ID) { n.dial(evilAddr) }},
		{"bodies that do not come", func(n *network, _ login.ID) {
			fmt.Fprint(n.dial(evilAddr), "POST /v1/logins HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
		}},
		{"polls that nobody reads", func(n *network, id login.ID) {
			fmt.Fprintf(n.dial(evilAddr), "GET /cgi-bin/mmwebwx-bin/login?tip=1&uuid=%s HTTP/1.1\r\nHost: login.example\r\n\r\n", id)
		}},
		{"streams that nobody reads", func(n *network, id login.ID) {
			fmt.Fprintf(n.dial(evilAddr), "GET /v1/logins/%s/events HTTP/1.1\r\nHost: login.example\r\n\r\n", id)
		}},
		{"sockets that nobody reads", func(n *network, id login.ID) {
			fmt.Fprintf(n.dial(evilAddr), "GET /v1/ws?id=%s HTTP/1.1\r\nHost: login.example\r\n%s\r\n\r\n", id,
				strings.Join(fieldsOf(waits[len(waits)-1].fields), "\r\n"))
		}},
		{"pictures that nobody reads", func(n *network, id login.ID) {
			fmt.Fprintf(n.dial(evilAddr), "GET /qrcode/%s HTTP/1.1\r\nHost: login.example\r\n\r\n", id)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, off, func(t *testing.T, n *network) {
				id, l := n.begin("")
				for range many {
					tt.begin(n, id)
				}
				synctest.Wait()
				began := time.Now()
				if text, _ := n.says(homeAddr, "/jslogin?appid=shop", "Connection: close").all(); !strings.Contains(text, "code = 200") {
					t.Fatalf("a start: %q", text)
				}
				mine := n.says(homeAddr, "/v1/logins/"+string(id)+"/events", "Connection: close")
				n.scanAndDeny(l)
				if text, ended := mine.all(); !strings.Contains(text, "event: denied") || ended > 100*time.Millisecond {
					t.Errorf("a stream: %q after %v", text, ended)
				}
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("all that took %v", took)
				}
			})
		})
	}
}

// TestNobodyHoldsAConnectionByDoingNothing gives every slow client its time, and no more:
// after that the server has closed.
func TestNobodyHoldsAConnectionByDoingNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		send string // %s is a login's id
		drip string // sent once a second after that, for ever
		want time.Duration
	}{
		{"headers that trickle", "GET / HTTP/1.1\r\nHost: login.example\r\n", "X-A: b\r\n", 10 * time.Second},
		{"a connection that says nothing", "", "", 10 * time.Second},
		{"a body that trickles", "POST /v1/logins HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n", " ",
			20 * time.Second}, // and nobody reads the answer
		{"a poll whose answer nobody reads", "GET /cgi-bin/mmwebwx-bin/login?tip=1&uuid=%s HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 35 * time.Second},
		{"a picture that nobody reads", "GET /qrcode/%s.gif?size=1024 HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 10 * time.Second},
		{"a stream that nobody reads", "GET /v1/logins/%s/events HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 10 * time.Second},
		{"a page of ours that nobody reads", "GET /qrlatch.js HTTP/1.1\r\nHost: login.example\r\n\r\n", "", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(_ *testing.T, n *network) {
				id, _ := n.begin("")
				client := n.dial(homeAddr)
				began := time.Now()
				done := make(chan struct{})
				defer func() { _ = client.Close(); <-done }()
				go func() {
					defer close(done)
					fmt.Fprint(client, strings.Replace(tt.send, "%s", string(id), 1))
					for tt.drip != "" {
						if _, err := fmt.Fprint(client, tt.drip); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				n.cuts(client, began, tt.want)
			})
		})
	}
}

// TestASlowReaderOfOneAnswerHasItsTimeForTheNext reads late, on one connection, and asks
// before it sends a body, as clients written in .NET do.
func TestASlowReaderOfOneAnswerHasItsTimeForTheNext(t *testing.T) {
	serve(t, nil, func(t *testing.T, n *network) {
		conn := n.dial(homeAddr)
		in := bufio.NewReader(conn)
		reads := func(want int) {
			t.Helper()
			time.Sleep(9 * time.Second)
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != want {
				t.Fatalf("%s, %v", answer.Status, err)
			}
		}
		for range 3 {
			fmt.Fprint(conn, "POST /v1/logins HTTP/1.1\r\nHost: login.example\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n")
			reads(http.StatusContinue)
			go fmt.Fprint(conn, `{"app":"shop"}`)
			reads(http.StatusCreated)
			time.Sleep(time.Minute) // longer than an answer may take
		}
	})
}

// TestASlowAndSteadyReaderGetsAll reads 4 kB a second of an answer that takes longer than
// any one piece of it may.
func TestASlowAndSteadyReaderGetsAll(t *testing.T) {
	serve(t, nil, func(t *testing.T, n *network) {
		id, _ := n.begin("")
		conn := n.dial(homeAddr)
		fmt.Fprintf(conn, "GET /qrcode/%s.gif?size=1024 HTTP/1.1\r\nHost: login.example\r\nConnection: close\r\n\r\n", id)
		began, all, last := time.Now(), 0, ""
		for piece := make([]byte, 4<<10); ; {
			read, err := io.ReadFull(conn, piece)
			all, last = all+read, string(piece[:read])
			if err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < 15*time.Second || !strings.HasSuffix(last, ";\r\n0\r\n\r\n") { // a GIF's end, and HTTP's
			t.Errorf("%d bytes in %v, and at last %q", all, took, last)
		}
	})
}

// TestLargeBodiesAreRefused sends bodies to whatever reads one.
func TestLargeBodiesAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	for _, tt := range []struct{ target, contentType string }{
		{"/v1/logins", "application/json"},
		{"/v1/scans", "application/json"},
		{"/jslogin", "application/x-www-form-urlencoded"},
		{"/phone/sign-in", "application/x-www-form-urlencoded"},
		{"/cgi-bin/mmwebwx-bin/webwxinit", "application/json"},
	} {
		body := &endless{most: 4 << 20}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.example"+tt.target, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tt.contentType)
		r.Header.Set("Authorization", "Bearer alice")
		r.ContentLength, r.RemoteAddr, r.RequestURI = 4<<20, homeAddr+":1", tt.target
		f.ServeHTTP(&recorder{header: http.Header{}}, r)
		if body.read > 512<<10 {
			t.Errorf("%s read %d bytes", tt.target, body.read)
		}
	}
}

type endless struct{ read, most int }

func (e *endless) Read(b []byte) (int, error) {
	if e.read >= e.most {
		return 0, fmt.Errorf("all %d bytes were read", e.most)
	}
	for i := range b {
		b[i] = 'a'
	}
	e.read += len(b)
	return len(b), nil
}
