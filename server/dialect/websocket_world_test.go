package dialect_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/problem"
	"qrlatch/server/relay"
	"qrlatch/server/site"
)

// wsWorld is a server with the WebSocket dialect and the sites' interface, on a network
// of pipes in virtual time.
type wsWorld struct {
	*wxWorld
	relay *relay.Local
	limit func(login.Browser) bool
	stops func(over bool) // called before and after a socket stops listening; nil: nobody asks
}

// Listen makes wsWorld the relay, for a test that acts while a socket stops listening.
func (w *wsWorld) Listen(id login.SessionID, take func([]byte) bool, ring func()) (stop func()) {
	forget := w.relay.Listen(id, take, ring)
	return func() {
		if w.stops == nil {
			forget()
			return
		}
		w.stops(false)
		forget()
		w.stops(true)
	}
}

func inWS(t *testing.T, run func(*wsWorld), change ...func(*login.Config)) {
	t.Helper()
	change = append([]func(*login.Config){func(c *login.Config) {
		c.Apps[0].Secret = sha256.Sum256([]byte("secret"))
	}}, change...)
	inWXWorld(t, func(x *wxWorld) {
		w := &wsWorld{wxWorld: x, relay: new(relay.Local), limit: func(login.Browser) bool { return true }}
		w.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
		(&dialect.WebSocket{
			Service: w.service, PublicURL: "https://login.example", Messages: w, Lot: w.lot,
			Limit: func(b login.Browser) bool { return w.limit(b) },
		}).Routes(w.echo)
		(&site.API{Service: w.service, Issuer: "https://login.example", Messages: w.relay}).Routes(w.echo)
		defer w.drained() // no socket outlives its test: each is closed, or cut by the drain
		run(w)
	}, change...)
}

// drain begins to stop the server.
func (w *wsWorld) drain() { go w.drained() }

// drained returns when everybody has left.
func (w *wsWorld) drained() { w.must(w.lot.Drain(context.Background())) }

// wsClient is a socket as its client has it. Frames are read by a goroutine as fast as
// they come, until the end or until it is told to stall.
type wsClient struct {
	t      *testing.T
	conn   net.Conn
	frames chan ws.Frame // closed at the end of the connection
	hold   chan struct{} // full: reads nothing more. A mutex would stop virtual time
	pongs  atomic.Bool   // answers pings
}

// dial opens a socket, or returns the answer that refused it. fields are of the header.
func (w *wsWorld) dial(query string, fields ...string) (*wsClient, *wsRefusal) {
	w.t.Helper()
	conn, err := w.http.Transport.(*http.Transport).DialContext(w.t.Context(), "tcp", "login.example:443")
	w.must(err)
	header := http.Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		header.Add(name, value)
	}
	var refused *wsRefusal
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header), OnStatusError: func(_ int, _ []byte, resp io.Reader) {
		r, err := http.ReadResponse(bufio.NewReader(resp), nil)
		w.must(err)
		defer func() { _ = r.Body.Close() }()
		refused = &wsRefusal{StatusCode: r.StatusCode, header: r.Header}
		refused.body, err = io.ReadAll(r.Body)
		w.must(err)
	}}
	br, _, err := dialer.Upgrade(conn, &url.URL{Scheme: "ws", Host: "login.example", Path: "/v1/ws", RawQuery: query})
	if refused != nil || err != nil {
		conn.Close()
		if refused == nil {
			w.t.Fatal(err)
		}
		return nil, refused
	}
	c := &wsClient{t: w.t, conn: conn, frames: make(chan ws.Frame, 1000), hold: make(chan struct{}, 1)}
	c.pongs.Store(true)
	in := io.Reader(conn)
	if br != nil {
		in = br
	}
	go c.read(in)
	return c, nil
}

// wsRefusal is the answer to a socket that was not opened.
type wsRefusal struct {
	StatusCode int
	header     http.Header
	body       []byte
}

// opens is dial where the socket must open.
func (w *wsWorld) opens(query string, fields ...string) *wsClient {
	w.t.Helper()
	c, refused := w.dial(query, fields...)
	if refused != nil {
		w.t.Fatalf("%s: refused with %d %s", query, refused.StatusCode, refused.body)
	}
	return c
}

func (c *wsClient) read(in io.Reader) {
	defer close(c.frames)
	for {
		f, err := wsReadFrame(in)
		if err != nil {
			return
		}
		if f.Header.Masked {
			c.t.Error("the server masks its frames")
		}
		if f.Header.OpCode == ws.OpPing && c.pongs.Load() {
			_ = c.write(ws.NewPongFrame(f.Payload))
			continue
		}
		c.frames <- f
		if f.Header.OpCode == ws.OpClose {
			_ = c.write(ws.NewCloseFrame(f.Payload))
		}
		c.hold <- struct{}{}
		<-c.hold
	}
}

// write sends a frame, masked.
func (c *wsClient) write(f ws.Frame) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	return ws.WriteFrame(c.conn, ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4}))
}

func (c *wsClient) say(text string) {
	c.t.Helper()
	if err := c.write(ws.NewTextFrame([]byte(text))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wsClient) cut() { c.conn.Close() }

// stalls makes the client read at most one frame more, until it goes on.
func (c *wsClient) stalls() { c.hold <- struct{}{} }
func (c *wsClient) goesOn() { <-c.hold }

// next is the next frame; ok is false when nothing comes within patience, or nothing any
// more.
func (c *wsClient) next(patience time.Duration) (f ws.Frame, ok bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f, ok = <-c.frames:
		return f, ok
	case <-timer.C:
		return ws.Frame{}, false
	}
}

// wsHeard is a message of the server.
type wsHeard struct {
	Type        string
	ID          string
	Text        string
	Image       string
	ExpiresIn   int `json:"expires_in"`
	User        *struct{ Name, Picture string }
	Number      string
	RedirectURI string `json:"redirect_uri"`
	Resume      string
	Data        json.RawMessage

	raw string
}

// hears is the next message, which must be of one of kinds.
func (c *wsClient) hears(kinds ...string) wsHeard {
	c.t.Helper()
	f, ok := c.next(time.Minute)
	if !ok {
		c.t.Fatalf("heard nothing, want %s", kinds)
	}
	h := wsHeard{raw: string(f.Payload)}
	if err := json.Unmarshal(f.Payload, &h); f.Header.OpCode != ws.OpText || err != nil || !slices.Contains(kinds, h.Type) {
		c.t.Fatalf("heard %d %q, want %s", f.Header.OpCode, f.Payload, kinds)
	}
	return h
}

// closes is how the server parts: after nothing but what kinds says, and then the
// connection ends.
func (c *wsClient) closes() (code int, reason string) {
	c.t.Helper()
	f, ok := c.next(time.Minute)
	if !ok || f.Header.OpCode != ws.OpClose {
		c.t.Fatalf("heard %v %q, want a close frame", f.Header.OpCode, f.Payload)
	}
	if f, ok := <-c.frames; ok {
		c.t.Fatalf("after the close frame: %v %q", f.Header.OpCode, f.Payload)
	}
	status, reason := ws.ParseCloseFrameData(f.Payload)
	return int(status), reason
}

func (c *wsClient) mustClose(code int, reason string) {
	c.t.Helper()
	if got, why := c.closes(); got != code || why != reason {
		c.t.Errorf("closed with %d %q, want %d %q", got, why, code, reason)
	}
}

// quiet checks that nothing comes for a while.
func (c *wsClient) quiet(d time.Duration) {
	c.t.Helper()
	if f, ok := c.next(d); ok {
		c.t.Errorf("heard %v %q", f.Header.OpCode, f.Payload)
	}
}

// wsRefused checks why a socket was not opened.
func wsRefused(t *testing.T, r *wsRefusal, status int, kind string) {
	t.Helper()
	if r == nil {
		t.Error("the socket was opened")
		return
	}
	var p problem.Problem
	err := json.Unmarshal(r.body, &p)
	if err != nil || r.StatusCode != status || p.Type != kind || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("refused with %d %+v, %v, want %d %s", r.StatusCode, p, err, status, kind)
	}
}

// wsReadFrame reads a frame of the server.
func wsReadFrame(in io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(in); err == nil {
		f.Payload = make([]byte, f.Header.Length)
		_, err = io.ReadFull(in, f.Payload)
	}
	return f, err
}
