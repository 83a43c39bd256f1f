package park

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"
)

// wire is a connection that says what it was given, and the listener that accepts it.
type wire struct {
	net.Conn // has no deadlines, and nobody needs them
	in       *bytes.Reader
	once     sync.Once
	closed   chan struct{}
}

func (w *wire) Accept() (c net.Conn, err error) {
	err = net.ErrClosed
	w.once.Do(func() { c, err = w, nil })
	if err != nil {
		<-w.closed
	}
	return c, err
}

func (w *wire) Read(b []byte) (int, error)     { return w.in.Read(b) }
func (*wire) Write(b []byte) (int, error)      { return len(b), nil }
func (*wire) Addr() net.Addr                   { return &net.TCPAddr{} }
func (*wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) Close() error                   { w.once.Do(func() {}); closeOnce(w.closed); return nil }

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// seen is a request as a handler sees it.
func seen(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	return fmt.Sprintf("%s %q %q %v %d %v %v %q %v", r.Method, r.RequestURI, r.Host, r.Header, r.ContentLength, r.TransferEncoding, r.Close, body, err)
}

// asServed is every request that net/http's own server finds in b.
func asServed(b []byte) (all []string) {
	w := &wire{in: bytes.NewReader(b), closed: make(chan struct{})}
	done := make(chan struct{})
	s := &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { all = append(all, seen(r)) }),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(done)
			}
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	_ = s.Serve(w)
	<-done
	return all
}

func FuzzWhatIsPlainIsOneRequestForEverybody(f *testing.F) {
	for _, seed := range plainSeeds {
		f.Add([]byte(seed.text))
	}
	h := new(plainHeader)
	f.Fuzz(func(t *testing.T, b []byte) {
		h.forget()
		if len(b) > roomForPlain {
			return
		}
		r, body, ok := readPlain(b, h)
		if !ok {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		here := seen(&r)
		if served := asServed(b); len(served) != 1 || served[0] != here {
			t.Fatalf("%q\nis here   %s\nis served %q", b, here, served)
		}
		same, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		same.Body, r.Body = nil, nil
		if !reflect.DeepEqual(&r, same) {
			t.Fatalf("%q\nis here   %+v\nis parsed %+v", b, &r, same)
		}
	})
}
