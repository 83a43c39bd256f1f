package park_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/park"
)

// patient is a guest that waits for one word.
type patient struct {
	mu    sync.Mutex
	spot  park.Spot
	word  string
	gone  chan struct{}
	awake chan struct{} // told when it has its spot
}

func newPatient() *patient {
	return &patient{gone: make(chan struct{}), awake: make(chan struct{})}
}

func (p *patient) say(word string) {
	<-p.awake
	p.mu.Lock()
	p.word = word
	p.mu.Unlock()
	p.spot.Ring()
}

func (p *patient) Wake(s park.Spot) {
	p.mu.Lock()
	word := p.word
	first := p.spot == nil
	p.spot = s
	p.mu.Unlock()
	if first {
		s.Alarm(time.Now().Add(20 * time.Second))
		close(p.awake)
	}
	switch {
	case s.Draining():
		s.Answer(http.StatusOK, nil, []byte("draining"))
	case word != "":
		s.Answer(http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, []byte(word))
	}
}

func (p *patient) Gone() { close(p.gone) }

// place is a server whose requests wait for a word that has their path as its name.
type place struct {
	t    *testing.T
	lot  *park.Lot
	addr string
	mu   sync.Mutex
	all  map[string]*patient
}

func open(t *testing.T) *place {
	t.Helper()
	lot := park.New(park.Options{Idle: time.Minute})
	p := &place{t: t, lot: lot, all: map[string]*patient{}}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = inner.Addr().String()
	s := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = lot.Serve(s, inner) }()
	t.Cleanup(func() {
		lot.Close()
		s.Close()
		<-served
	})
	return p
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/now") {
		fmt.Fprint(w, "at once")
		return
	}
	w.Header().Set("X-Kept", "kept")
	g := p.patient(r.URL.Path)
	p.lot.Wait(w, r, g)
}

func (p *place) patient(path string) *patient {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[path] == nil {
		p.all[strings.Clone(path)] = newPatient()
	}
	return p.all[path]
}

type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (p *place) dial() *client {
	p.t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return &client{p.t, c, bufio.NewReader(c)}
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

func (c *client) expect(want string) *http.Response {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != want {
		c.t.Fatalf("%q, %v; want %q", body, err, want)
	}
	return r
}

func TestAParkedRequestIsAnsweredAndItsConnectionGoesOn(t *testing.T) {
	p := open(t)
	c := p.dial()
	for i := range 5 {
		path := fmt.Sprintf("/%d", i)
		c.get(path)
		go p.patient(path).say("word " + path)
		r := c.expect("word " + path)
		if r.Header.Get("X-Kept") != "kept" {
			t.Error("a field that was set before is lost")
		}
		c.get("/now")
		c.expect("at once")
	}
}

func TestMemory(t *testing.T) {
	p := open(t)
	const n = 5000
	mem := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	var conns []*client
	for range n {
		conns = append(conns, p.dial())
	}
	for i, c := range conns {
		c.get(fmt.Sprintf("/%d", i))
		c.in = nil
	}
	for i := range conns {
		<-p.patient(fmt.Sprintf("/%d", i)).awake
	}
	time.Sleep(time.Second)
	before := mem()
	for i, c := range conns {
		p.patient(fmt.Sprintf("/%d", i)).say("x")
		c.in = bufio.NewReader(c)
		c.expect("x")
		c.in = nil
	}
	idle := mem()
	p.lot.Close()
	t.Log("waiting", (before)/n, "idle", idle/n, "closed", mem()/n, runtime.NumGoroutine(), p.lot.Count())
	_ = context.Background()
}
