package dialect_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// This file tests sockets against what pages, clients and networks do to them.

func TestNothingIsCompressedWhateverTheClientOffers(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app="+wxApp, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
		c.hears("qr")
		_ = c.write(ws.Frame{Header: ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false), OpCode: ws.OpText}})
		if code, _ := c.closes(); code != 1002 {
			t.Errorf("closed with %d", code)
		}
	})
}

func TestWhoBreaksTheRulesIsToldWhich(t *testing.T) {
	for name, tt := range map[string]struct {
		frame  ws.Frame
		code   int
		reason string
	}{
		"binary":    {ws.NewBinaryFrame([]byte("x")), 1003, "messages are text"},
		"oversize":  {ws.NewTextFrame(make([]byte, 5000)), 1009, "a message has 4096 bytes at most"},
		"not UTF-8": {ws.NewTextFrame([]byte{0xff}), 1007, "text is not UTF-8"},
		"goodbye":   {ws.NewCloseFrame(ws.NewCloseFrameBody(1001, "")), 1001, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				c := w.opens("app=" + wxApp)
				c.hears("qr")
				go func() { _ = c.write(tt.frame) }() // a pipe: the server may stop reading
				c.mustClose(tt.code, tt.reason)
			})
		})
	}
	t.Run("a flood", func(t *testing.T) {
		inWS(t, func(w *wsWorld) {
			c := w.opens("app=" + wxApp)
			c.hears("qr")
			go func() {
				// Not for ever: virtual time stands still while anybody is busy.
				for range 200 {
					if c.write(ws.NewTextFrame([]byte(`{}`))) != nil {
						return
					}
				}
			}()
			c.mustClose(1008, "too many frames")
		})
	})
}

func TestPingsKeepASocket(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c, _, _ := w.signedIn()
		if err := c.write(ws.NewPingFrame([]byte("x"))); err != nil {
			t.Fatal(err)
		}
		if f, ok := c.next(time.Second); !ok || f.Header.OpCode != ws.OpPong || !bytes.Equal(f.Payload, []byte("x")) {
			t.Errorf("a ping is answered by %v", f)
		}
		c.quiet(time.Hour) // but for pings, which the client answers
	})
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp)
		w.scans(c.hears("qr").Text)
		c.hears("scanned")
		c.pongs.Store(false)
		began := time.Now()
		f, ok := c.next(time.Minute)
		if at := time.Since(began); !ok || f.Header.OpCode != ws.OpPing || at != 25*time.Second {
			t.Errorf("%v after %v", f, at)
		}
		if f, ok := c.next(time.Minute); ok || time.Since(began) != 35*time.Second {
			t.Errorf("a client that is silent: %v after %v", f, time.Since(began))
		}
	})
}

func TestASlowReaderIsCutAndHoldsUpNobody(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		slow := w.opens("app=" + wxApp)
		q := slow.hears("qr")
		good := w.opens("id=" + q.ID)
		good.hears("qr")
		slow.stalls() // takes one more frame from the pipe
		l := w.scans(q.Text)
		good.hears("scanned")
		synctest.Wait()
		w.approves(l)
		began := time.Now()
		a := good.hears("approved")
		synctest.Wait() // the slow one is being told
		v := w.redeems(a.RedirectURI)
		good.hears("redeemed")
		for i := range 10 {
			w.sends(v.ID, fmt.Sprintf(`{"data":%d}`, i))
			good.hears("message")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the others were held up for %v", took)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		slow.goesOn()
		for f := range slow.frames { // what had arrived before
			if f.Header.OpCode == ws.OpClose {
				t.Error("a close frame got through")
			}
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("cut after %v", took)
		}
	})
}

func TestWhoLetsMessagesPileUpIsCut(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c, v, _ := w.signedIn()
		c.stalls()
		status := 0
		for range 200 { // some are on their way, as many may be about to be, and as many wait
			status = w.sends(v.ID, `{"data":1}`)
		}
		if status != http.StatusNotFound {
			t.Errorf("a message that nobody can take is answered %d", status)
		}
		c.goesOn()
		for range 2 {
			c.hears("message")
		}
	})
}

func TestDrainingSendsEverybodyAway(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp)
		c.hears("qr")
		in, _, _ := w.signedIn()
		began := time.Now()
		w.drain()
		for _, c := range []*wsClient{c, in} {
			code, reason := c.closes()
			var retry int
			if _, err := fmt.Sscanf(reason, "going away, retry in %d s", &retry); err != nil || code != 1001 || retry < 1 || retry > 5 {
				t.Errorf("closed with %d %q", code, reason)
			}
		}
		w.drained()
		if took := time.Since(began); took > 9*time.Second {
			t.Errorf("drained after %v", took)
		}
		_, refused := w.dial("app=" + wxApp)
		wsRefused(t, refused, http.StatusServiceUnavailable, "/problems/unavailable")
	})
}

// A client may speak before it has our answer.
func TestFramesSentWithTheHandshakeAreHeard(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		conn, err := w.http.Transport.(*http.Transport).DialContext(w.t.Context(), "tcp", "")
		w.must(err)
		request := "GET /v1/ws?app=" + wxApp + " HTTP/1.1\r\nHost: login.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		early := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"picture"}`))))
		go func() { _, _ = conn.Write(append([]byte(request), early...)) }()
		head := make([]byte, 0, 200)
		for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one...) {
			_, err := conn.Read(one)
			w.must(err)
		}
		for _, want := range []string{`{"type":"qr"`, `{"type":"picture"`} {
			f, err := wsReadFrame(conn)
			if err != nil || !bytes.HasPrefix(f.Payload, []byte(want)) {
				t.Errorf("heard %q, %v, want %s", f.Payload, err, want)
			}
		}
		conn.Close()
	})
}

func TestSocketsThatAreCutLeaveNothing(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		random := rand.New(rand.NewPCG(1, 2))
		before := runtime.NumGoroutine()
		for range 10 {
			var open []*wsClient
			stalled := map[*wsClient]bool{}
			for range 100 {
				c := w.opens("app=" + wxApp)
				open = append(open, c)
				switch random.IntN(6) {
				case 0:
					c.cut()
				case 1:
					w.scans(c.hears("qr").Text)
				case 2:
					w.approves(w.scans(c.hears("qr").Text))
				case 3:
					w.redeems(w.approvedURI(c))
				case 4:
					_ = c.write(ws.NewCloseFrame(nil))
				case 5:
					stalled[c] = true
					c.stalls()
				}
			}
			time.Sleep(time.Duration(random.IntN(30)) * time.Second)
			for _, i := range random.Perm(len(open)) {
				open[i].cut()
				if stalled[open[i]] {
					open[i].goesOn()
				}
			}
			for _, c := range open {
				for f := range c.frames {
					_ = f
				}
			}
		}
		for w.lot.Count() > 0 { // each ends by itself
			time.Sleep(time.Second)
		}
		w.http.CloseIdleConnections()
		time.Sleep(2 * time.Second) // virtual: goroutines without work stay for a while
		synctest.Wait()
		if now := runtime.NumGoroutine(); now > before+5 {
			t.Errorf("%d goroutines more than before", now-before)
		}
	})
}

// approvedURI takes a socket to the approval. It may miss the scan, if that is past.
func (w *wsWorld) approvedURI(c *wsClient) string {
	w.t.Helper()
	w.approves(w.scans(c.hears("qr").Text))
	h := c.hears("scanned", "approved")
	if h.Type == "scanned" {
		h = c.hears("approved")
	}
	return h.RedirectURI
}
