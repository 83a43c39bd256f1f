package park_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// This file is about many at once, and what each of them costs.

// TestWaitersCostNoGoroutines also answers all of them.
func TestWaitersCostNoGoroutines(t *testing.T) {
	const many = 5000
	network := parktest.Listen(4 << 10)
	open(t, park.Options{}, network, func(p *place) {
		p.slow = true
		p.dial = func() net.Conn {
			c, err := network.Dial(t.Context(), "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		before := runtime.NumGoroutine()
		clients := make([]*client, many)
		for i := range clients {
			clients[i] = p.client()
			clients[i].get(fmt.Sprintf("/%d", i))
		}
		p.left(many)
		p.until("as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before+5 })
		for i, c := range clients {
			name := fmt.Sprintf("/%d", i)
			p.guest(name).say(name)
			c.hears(name)
		}
		p.until("as many goroutines as before, when all idle", func() bool {
			return p.lot.Count() == many && runtime.NumGoroutine() <= before+5
		})
		for _, c := range clients {
			c.Close()
		}
		p.left(0)
	})
}

// TestDescriptorsAreUsedAnew opens and closes connections as fast as it can, beside some
// that wait: an event of a number's earlier life must not be told to its next.
func TestDescriptorsAreUsedAnew(t *testing.T) {
	descriptors := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system does not tell")
		}
		return len(all)
	}
	before := descriptors()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open(t, park.Options{}, inner, func(p *place) {
		dialled := func() *client {
			c, err := net.Dial("tcp", inner.Addr().String())
			if err != nil {
				t.Error(err)
				runtime.Goexit()
			}
			return (&place{t: t, dial: func() net.Conn { return c }}).client()
		}
		var steady []*client
		for i := range 50 {
			c := dialled()
			c.get(fmt.Sprintf("/steady%d", i))
			<-p.guest(fmt.Sprintf("/steady%d", i)).came
			steady = append(steady, c)
		}
		var storm sync.WaitGroup
		for i := range 8 {
			storm.Go(func() {
				for n := range 150 {
					path := fmt.Sprintf("/storm%d-%d", i, n)
					c := dialled()
					c.get(path)
					g := p.guest(path)
					<-g.came
					switch n % 3 {
					case 0:
						g.say(path)
						c.hears(path)
					case 1:
						g.say(path)
					}
					c.Close()
					<-g.gone
				}
			})
		}
		storm.Wait()
		p.left(50)
		for i, c := range steady {
			path := fmt.Sprintf("/steady%d", i)
			select {
			case <-p.guest(path).gone:
				t.Errorf("%s was lost", path)
			default:
				p.guest(path).say(path)
				c.hears(path)
				c.Close()
			}
		}
		p.left(0)
	})
	for began := time.Now(); descriptors() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%d descriptors are left of %d", descriptors(), before)
		}
	}
}

// asking is the server's side of a connection on which one request comes, and nothing more.
// Once it is parked nothing is left of it, so that all that is counted is the Lot's.
type asking struct {
	net.Conn // nil
	text     string
	stopped  chan struct{}
	once     sync.Once
}

func (a *asking) Read(b []byte) (int, error) {
	if a.text != "" {
		n := copy(b, a.text)
		a.text = a.text[n:]
		return n, nil
	}
	<-a.stopped
	return 0, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
}

func (a *asking) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && time.Until(t) <= 0 {
		a.once.Do(func() { close(a.stopped) })
	}
	return nil
}

func (*asking) SetWriteDeadline(time.Time) error { return nil }
func (*asking) SetDeadline(time.Time) error      { return nil }
func (*asking) Close() error                     { return nil }
func (*asking) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*asking) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// Detach is park.Detacher's.
func (*asking) Detach() (park.Socket, error) { return asleep{}, nil }

// asleep is a socket of no size on which nothing happens.
type asleep struct{}

func (asleep) Read([]byte) (int, error)    { return 0, park.ErrAgain }
func (asleep) Peer() string                { return "192.0.2.1:1" }
func (asleep) Write(b []byte) (int, error) { return len(b), nil }
func (asleep) Watch(park.Bell) error       { return nil }
func (asleep) Attach() (net.Conn, error)   { return nil, net.ErrClosed }
func (asleep) Close()                      {}

// dreamer is a guest of no size.
type dreamer struct{}

func (dreamer) Wake(park.Spot) {}
func (dreamer) Gone()          {}

// bytesPerWaiter parks n connections and returns what each has of the heap.
func bytesPerWaiter(tb testing.TB, n int) float64 {
	tb.Helper()
	const header = "X-Request-Id: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nCookie: qrb=0123456789abcdef\r\n"
	lot := park.New(park.Options{Idle: time.Minute})
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store, private")
		w.Header().Set("Vary", "Origin")
		lot.Wait(w, r, dreamer{})
	})}
	network := parktest.Listen(1)
	served := make(chan struct{})
	go func() { defer close(served); _ = lot.Serve(s, network) }()
	give := func(n int) {
		want := lot.Count() + n
		for range n {
			request := &asking{text: "GET /w HTTP/1.1\r\nHost: x\r\n" + header + "\r\n", stopped: make(chan struct{})}
			if err := network.Give(tb.Context(), request); err != nil {
				tb.Fatal(err)
			}
		}
		for began := time.Now(); lot.Count() < want; time.Sleep(time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				tb.Fatalf("%d are parked", lot.Count())
			}
		}
	}
	inUse := func() uint64 {
		time.Sleep(50 * time.Millisecond) // net/http's goroutines end
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	give(100) // warm
	before := inUse()
	give(n)
	after := inUse()
	lot.Close()
	_ = s.Close()
	<-served
	return (float64(after) - float64(before)) / float64(n)
}

func TestAParkedConnectionIsSmall(t *testing.T) {
	if got := bytesPerWaiter(t, 2_000); got > 300 || got < 50 {
		t.Errorf("%.0f bytes each", got)
	}
}

// BenchmarkParked prints what a parked connection costs, without guest and descriptor.
func BenchmarkParked(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(bytesPerWaiter(b, 50_000), "B/waiter")
	}
}
