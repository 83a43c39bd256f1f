package park_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// This file is what the tests stand on: guests that do as they are told, and a server
// where each request waits for one that has its path as a name.

// guest does what it is told, each thing in a Wake of its own. It holds the Lot to what it
// promises.
type guest struct {
	came, gone chan struct{}
	inside     atomic.Bool // one of its methods
	wakes      atomic.Int64

	mu       sync.Mutex
	spot     park.Spot
	todo     []func(park.Spot)
	heard    strings.Builder
	stubborn bool // does nothing when draining
	trouble  error
}

func newGuest() *guest { return &guest{came: make(chan struct{}), gone: make(chan struct{})} }

func (g *guest) enter() (leave func()) {
	if !g.inside.CompareAndSwap(false, true) {
		g.fail(errors.New("two of its methods run at once"))
	}
	select {
	case <-g.gone:
		g.fail(errors.New("it is called after Gone"))
	default:
	}
	return func() { g.inside.Store(false) }
}

func (g *guest) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trouble = errors.Join(g.trouble, err)
}

// Wake is the Lot's.
func (g *guest) Wake(s park.Spot) {
	defer g.enter()()
	g.wakes.Add(1)
	draining := s.Draining() // before it says that it is here, or it might be so after that
	g.mu.Lock()
	first := g.spot == nil
	g.spot = s
	todo := g.todo
	g.todo = nil
	stubborn := g.stubborn
	g.mu.Unlock()
	if first {
		close(g.came)
	}
	for _, f := range todo {
		f(s)
	}
	if draining && !stubborn {
		s.Answer(http.StatusOK, nil, []byte("draining"))
	}
}

// Gone is the Lot's.
func (g *guest) Gone() {
	defer g.enter()()
	close(g.gone)
}

// do has the guest do something in a Wake.
func (g *guest) do(f func(park.Spot)) {
	<-g.came
	g.mu.Lock()
	g.todo = append(g.todo, f)
	spot := g.spot
	g.mu.Unlock()
	spot.Ring()
}

func (g *guest) say(word string) {
	g.do(func(s park.Spot) { s.Answer(http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, []byte(word)) })
}

// hearer is a guest on a socket: it says back what it hears, and ends at a full stop.
type hearer struct{ *guest }

// Hear is the Lot's.
func (h hearer) Hear(s park.Spot, b []byte) {
	defer h.enter()()
	h.mu.Lock()
	h.heard.Write(b)
	h.mu.Unlock()
	s.Send(b)
	if strings.HasSuffix(string(b), ".") {
		s.End()
	}
}

// place is a server. A request for /now is answered at once, one for /socket is a socket,
// and any other waits for the guest of its path.
type place struct {
	t    *testing.T
	lot  *park.Lot
	dial func() net.Conn
	slow bool // in real time, on real sockets

	server *http.Server
	mu     sync.Mutex
	guests map[string]*guest
	odd    http.HandlerFunc // for /odd, which must be asked for on a parked connection
}

// each runs a test over real sockets, and over a network in memory in virtual time.
func each(t *testing.T, o park.Options, run func(*place)) {
	t.Helper()
	t.Run("sockets", func(t *testing.T) {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := inner.Addr().String()
		open(t, o, inner, func(p *place) {
			p.slow = true
			p.dial = func() net.Conn {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return nil
				}
				t.Cleanup(func() { c.Close() })
				return c
			}
			run(p)
		})
	})
	t.Run("memory", func(t *testing.T) { inMemory(t, o, 64<<10, run) })
}

// inMemory runs a test in virtual time only, over connections that hold buffer bytes.
func inMemory(t *testing.T, o park.Options, buffer int, run func(*place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { //nolint:thelper // it is the test
		network := parktest.Listen(buffer)
		open(t, o, network, func(p *place) {
			p.dial = func() net.Conn {
				c, err := network.Dial(context.Background(), "192.0.2.1")
				if err != nil {
					t.Error(err)
					return nil
				}
				return c
			}
			run(p)
		})
	})
}

func open(t *testing.T, o park.Options, inner net.Listener, run func(*place)) {
	t.Helper()
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	p := &place{t: t, lot: park.New(o), guests: map[string]*guest{}}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = p.lot.Serve(p.server, inner) }()
	defer func() {
		p.lot.Close()
		_ = p.server.Close()
		<-served
		p.left(0) // somebody may just be on the way out
		p.mu.Lock()
		defer p.mu.Unlock()
		for name, g := range p.guests {
			select {
			case <-g.gone:
			default:
				select {
				case <-g.came:
					t.Errorf("%s was not told that it is gone", name)
				default: // it never came
				}
			}
			if g.trouble != nil {
				t.Errorf("%s: %v", name, g.trouble)
			}
		}
	}()
	run(p)
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Kept", "kept")
	switch path := r.URL.Path; path {
	case "/odd":
		if kind := fmt.Sprintf("%T", w); kind != "*park.exchange" {
			p.t.Errorf("it is served by a %s", kind)
		}
		p.mu.Lock()
		odd := p.odd
		p.mu.Unlock()
		odd(w, r)
	case "/now":
		body, _ := io.ReadAll(r.Body) // none is as good as half of one
		if r.Context().Err() != nil {
			fmt.Fprint(w, "its context is over: ")
		}
		fmt.Fprint(w, r.Method, " ", r.URL.RawQuery, string(body))
	case "/socket":
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			p.t.Error(err)
			return
		}
		early, _ := rw.Peek(rw.Reader.Buffered())
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n") // the peer may have gone
		p.lot.Adopt(c, early, hearer{p.guest(r.URL.RawQuery)})
	default:
		p.lot.Wait(w, r, p.guest(path))
	}
}

func (p *place) guest(name string) *guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guests[name] == nil {
		p.guests[strings.Clone(name)] = newGuest()
	}
	return p.guests[name]
}

// does is what /odd does.
func (p *place) does(odd http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.odd = odd
}

// until waits for something to become true.
func (p *place) until(what string, is func() bool) {
	p.t.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			p.t.Fatalf("never: %s", what)
		}
	}
}

// left waits until so many are in the lot.
func (p *place) left(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf("%d are parked", n), func() bool { return p.lot.Count() == n })
}

func (p *place) isGone(name string) {
	p.t.Helper()
	select {
	case <-p.guest(name).gone:
	case <-time.After(20 * time.Second):
		p.t.Fatalf("%s is never gone", name)
	}
}

// client is a peer that writes its requests itself.
type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (p *place) client() *client {
	c := p.dial()
	return &client{p.t, c, bufio.NewReaderSize(c, 16)}
}

// idler is a client whose connection is parked.
func (p *place) idler() *client {
	p.t.Helper()
	n := p.lot.Count()
	c := p.client()
	c.get("/now")
	c.hears("GET ")
	p.left(n + 1)
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) get(path string) {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
}

// hears is the next answer, which must be want.
func (c *client) hears(want string) *http.Response {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("%v; want %q", err, want)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != want {
		c.t.Fatalf("%q, %v; want %q", body, err, want)
	}
	return r
}

// ends checks that the server has nothing more to say, and has hung up.
func (c *client) ends() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	rest, err := io.ReadAll(c.in)
	if errors.Is(err, context.DeadlineExceeded) || len(rest) > 0 {
		c.t.Fatalf("%q, %v; want the end", rest, err)
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		c.t.Fatal("the server has not hung up")
	}
}

// closeWrite ends what the client sends; it still listens.
func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// pipe is a connection that cannot be parked through a Lot that did not accept it.
func pipe() (near, far *parktest.Conn) { return parktest.Listen(1 << 10).Pipe("192.0.2.1") }

func reads(c net.Conn, b []byte) bool {
	_, err := io.ReadFull(c, b)
	return err == nil
}

// recorder is a ResponseWriter that can do nothing else.
type recorder struct {
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
