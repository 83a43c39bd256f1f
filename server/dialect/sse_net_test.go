package dialect_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/park/parktest"
)

// This file tests streams against what networks, clients and stores do to them.

// A handler's return is the proof that it holds nothing any more.
func watchReturns(w *sseWorld) (returned *atomic.Int64) {
	returned = new(atomic.Int64)
	w.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			defer returned.Add(1)
			return next(c)
		}
	})
	return returned
}

func TestWhoReadsNothingIsCutAndHoldsUpNobody(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		returned := watchReturns(w)
		a := w.pending(wxApp)
		conn, err := w.http.Transport.(*http.Transport).DialContext(w.t.Context(), "tcp", "login.example:443")
		w.must(err)
		_, err = conn.Write([]byte("GET /v1/logins/" + string(a.id) + "/events HTTP/1.1\r\nHost: login.example\r\n\r\n"))
		w.must(err)
		_, err = bufio.NewReaderSize(conn, 16).ReadString('\n') // and not one byte more
		w.must(err)
		began := time.Now()
		good := w.opens(eventsOf(a.id))
		time.Sleep(time.Second) // virtual
		w.must(sseDeeds["scan"](w, &a))
		if got := good.names(t); got != "pending qr scanned" {
			t.Errorf("the other reader heard %s", got)
		}
		for returned.Load() == 0 && time.Since(began) < time.Minute {
			time.Sleep(time.Second) // virtual
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("cut after %v", took)
		}
		w.must(sseDeeds["deny"](w, &a))
		if got := good.names(t); got != "pending qr scanned denied" {
			t.Errorf("the other reader heard %s", got)
		}
	})
}

// What a stream sets on its connection, deadlines above all, ends with the stream.
func TestAConnectionOutlivesItsStream(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		dials := 0
		transport := w.http.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return dial(ctx, network, addr)
		}
		a := w.denied(wxApp)
		for range 3 {
			s := w.opens(eventsOf(a.id))
			if got := s.names(t); got != "denied" || !errors.Is(s.ended, io.EOF) {
				t.Errorf("heard %s, %v", got, s.ended)
			}
			time.Sleep(30 * time.Second) // virtual
			w.get(eventsOf("unknown"))
		}
		if dials != 1 {
			t.Errorf("%d connections, want 1", dials)
		}
	})
}

// With HTTP/2 a deadline that passes resets the stream although nothing is being written.
func TestEventsOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWX(t)
		(&dialect.SSE{Service: s.service, PublicURL: "https://login.example"}).Routes(s.echo)
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		network := parktest.Listen(wxBuffer)
		server := &http.Server{Handler: s.echo, Protocols: &protocols}
		served := make(chan error)
		go func() { served <- server.Serve(network) }()
		transport := &http.Transport{Protocols: &protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return network.Dial(ctx, wxAddr) }}
		w := &sseWorld{&wxWorld{wxServer: s, http: &http.Client{Transport: transport}}}

		a := s.pending(wxApp)
		to := strings.Replace(eventsOf(a.id), "https", "http", 1)
		first, gone := w.opens(to), w.opens(to)
		if first.ProtoMajor != 2 {
			t.Fatalf("this is %s", first.Proto)
		}
		time.Sleep(33 * time.Second) // virtual
		_ = gone.Body.Close()
		for _, deed := range []string{"scan", "approve", "redeem"} {
			w.must(sseDeeds[deed](w, &a))
			time.Sleep(12 * time.Second) // virtual
		}
		if got := first.names(t); got != "pending qr qr scanned approved redeemed" || !errors.Is(first.ended, io.EOF) {
			t.Errorf("heard %s, %v", got, first.ended)
		}
		transport.CloseIdleConnections()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestDrainingEndsStreamsWithARetryHint(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		s := w.opens(eventsOf(w.scanned(wxApp).id))
		time.Sleep(time.Second) // virtual
		go func() { _ = w.lot.Drain(w.t.Context()) }()
		all := s.events(t)
		if !errors.Is(s.ended, io.EOF) || s.over != time.Second {
			t.Fatalf("ended with %v after %v", s.ended, s.over)
		}
		hint, err := strconv.Atoi(all[len(all)-1].field("retry"))
		if err != nil || hint < 2000 || hint >= 6000 {
			t.Errorf("retry: %d, %v", hint, err)
		}
	})
}

// followed is a table that counts whose changes somebody waits for.
type followed struct {
	loginTable
	n *atomic.Int64
}

func (f followed) Follow(key login.Handle) {
	f.n.Add(1)
	f.loginTable.Follow(key)
}

func (f followed) Unfollow(key login.Handle) {
	f.n.Add(-1)
	f.loginTable.Unfollow(key)
}

// failing is a connection that breaks, behind a server that does not tell its handlers.
type failing struct {
	*httptest.ResponseRecorder
	left int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return f.ResponseRecorder.Write(b)
}

func TestAFailedWriteEndsAStreamAndItsWatch(t *testing.T) {
	for writes := range 4 {
		n := new(atomic.Int64)
		inSSEOver(t, func(t loginTable) loginTable { return followed{t, n} }, func(w *sseWorld) {
			a := w.pending(wxApp)
			r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, eventsOf(a.id), nil)
			began := time.Now()
			w.echo.ServeHTTP(&failing{httptest.NewRecorder(), writes}, r)
			if took := time.Since(began); took > 15*time.Second || n.Load() != 0 {
				t.Errorf("%d writes: it ended after %v, %d watches are left", writes, took, n.Load())
			}
		})
	}
}

// outage is a table that answers so many more reads and then none; below 0, all.
type outage struct {
	loginTable
	left *atomic.Int64
}

func (o outage) Get(ctx context.Context, key login.Handle) (login.Login, error) {
	if o.left.Load() >= 0 && o.left.Add(-1) < 0 {
		o.left.Store(0)
		return login.Login{}, errOutage
	}
	return o.loginTable.Get(ctx, key)
}

// EventSource takes a 503 for the end, so a stream that has begun goes on, and one that
// comes back, or begins, is told to come again. The scan is
// read twice: by the phone's request and by whoever wakes the stream, which then wants
// to wait for the next state and cannot.
func TestAnOutageOfTheStoreDoesNotEndAStream(t *testing.T) {
	for reads := range int64(3) {
		left := new(atomic.Int64)
		left.Store(-1)
		over := func(t loginTable) loginTable { return outage{t, left} }
		inSSEOver(t, over, func(w *sseWorld) {
			a := w.pending(wxApp)
			s := w.opens(eventsOf(a.id))
			s.events(t)
			left.Store(reads)
			before := a
			err := sseDeeds["scan"](w, &a)
			if done := err == nil; done != (reads > 0) {
				t.Fatalf("%d reads: %v", reads, err)
			}
			for _, known := range []string{"", "pending"} {
				got := w.send("GET", eventsOf(a.id), "", "Last-Event-ID: "+known, "Origin: https://shop.example")
				if got.status != 200 || got.header.Get("Content-Type") != "text/event-stream" || got.header.Get("Access-Control-Allow-Origin") == "" ||
					!strings.Contains(got.body, "retry: ") || strings.Contains(got.body, "data:") {
					t.Errorf("a stream that begins: %d %v %q", got.status, got.header, got.body)
				}
			}
			time.Sleep(3 * time.Second) // virtual
			left.Store(-1)
			if reads == 0 {
				a = before
				w.must(sseDeeds["scan"](w, &a))
			}
			time.Sleep(3 * time.Second) // virtual
			w.must(sseDeeds["deny"](w, &a))
			if got := s.names(t); got != "pending qr scanned denied" {
				t.Errorf("%d reads: heard %s", reads, got)
			}
		})
	}
}

// A login that cannot be read is not one that is over: the picture may be had in a moment.
func TestAnOutageOfTheStoreIsNotTheEndOfAPicture(t *testing.T) {
	left := new(atomic.Int64)
	left.Store(-1)
	inSSEOver(t, func(t loginTable) loginTable { return outage{t, left} }, func(w *sseWorld) {
		(&dialect.Picture{Service: w.service, PublicURL: "https://login.example", PerMinute: 120}).Routes(w.echo)
		a := w.pending(wxApp)
		left.Store(0)
		for _, kind := range []string{"", ".png", ".svg", ".gif"} {
			if got := w.get("https://login.example/qrcode/" + string(a.id) + kind); got.status != 503 {
				t.Errorf("%s: %d", kind, got.status)
			}
		}
	})
}

// A client that shows the login id itself is not its only holder any more.
func TestAStreamEndsWhenItsIDIsNoProofAnyMore(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		a := w.pending(wxApp)
		s := w.opens(eventsOf(a.id))
		s.events(t)
		_, err := w.service.Scan(w.t.Context(), alice(), string(a.id), time.Time{})
		w.must(err)
		if got := s.names(t); got != "pending qr" || !errors.Is(s.ended, io.EOF) {
			t.Errorf("heard %s, %v", got, s.ended)
		}
		if got := w.get(eventsOf(a.id)); got.status != 404 {
			t.Errorf("it may come back: %d", got.status)
		}
	})
}
