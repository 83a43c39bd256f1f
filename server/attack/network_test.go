package attack

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// pipes are connections without a network, whose deadlines run in virtual time.
type pipes struct {
	conns chan net.Conn
	done  context.Context
	end   context.CancelFunc
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error { p.end(); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// from gives the server's end of a pipe the address of the other.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.addr), Port: 4711} }

// serve runs handler until the end of the test, and returns the way to it from an address.
func serve(t *testing.T, handler http.Handler) func(addr string) *http.Transport {
	t.Helper()
	done, end := context.WithCancel(context.Background())
	listener := pipes{make(chan net.Conn), done, end}
	server := &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	go func() { _ = server.Serve(listener) }()
	var mu sync.Mutex
	open := map[string]*http.Transport{}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, transport := range open {
			transport.CloseIdleConnections()
		}
		_ = server.Close()
	})
	return func(addr string) *http.Transport {
		mu.Lock()
		defer mu.Unlock()
		if open[addr] != nil {
			return open[addr]
		}
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			client, conn := net.Pipe()
			select {
			case listener.conns <- from{conn, addr}:
				return client, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-done.Done():
				return nil, net.ErrClosed
			}
		}
		open[addr] = &http.Transport{DialContext: dial, DialTLSContext: dial}
		return open[addr]
	}
}
