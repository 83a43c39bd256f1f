package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// This file is what the tests of slow and of many clients stand on: a server, and
// connections to it that hold little, in virtual time.

const (
	homeAddr = "192.0.2.1"
	evilAddr = "203.0.113.9"
)

// network is a server of f, and its clients' connections to it.
type network struct {
	*fixture
	t    *testing.T
	net  *parktest.Listener
	lot  *park.Lot
	mode string     // parked, or blocking
	open []net.Conn // of clients
}

// serve runs test within a bubble with a server in it, whose clients wait parked, and once
// more where they wait on goroutines. Nothing may be left after it.
func serve(t *testing.T, change func(*Options), test func(*testing.T, *network)) {
	t.Helper()
	for _, mode := range []string{"blocking", "parked"} {
		t.Run(mode, func(t *testing.T) { serveOf(t, mode, change, test) })
	}
}

func serveOf(t *testing.T, mode string, change func(*Options), test func(*testing.T, *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var lot *park.Lot
		f := newFixture(t, func(o *Options) {
			o.PollHold, o.Limits = 25*time.Second, DefaultLimits()
			if change != nil {
				change(o)
			}
			lot = park.New(park.Options{Idle: 2 * time.Minute, Write: o.Limits.WriteTimeout})
			o.Lot = lot
		})
		n := &network{fixture: f, t: t, net: parktest.Listen(64), lot: lot, mode: mode}
		server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
		if mode == "parked" {
			go func() { _ = lot.Serve(server, n.net) }()
		} else {
			go func() { _ = server.Serve(n.net) }()
		}
		defer func() {
			_ = server.Close()
			lot.Close()
			for _, conn := range n.open { // in the middle of a handshake nobody else knows of them
				conn.Close()
			}
		}()
		test(t, n)
	})
}

// dial connects to the server from an address.
func (n *network) dial(addr string) *parktest.Conn {
	n.t.Helper()
	client, err := n.net.Dial(n.t.Context(), addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.open = append(n.open, client)
	return client
}

// TestWhoWaitsIsParked: or the mode shows nothing.
func TestWhoWaitsIsParked(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(t *testing.T, n *network) {
				id, _ := n.begin("")
				n.says(homeAddr, strings.Replace(tt.target, "%s", string(id), 1), fieldsOf(tt.fields)...)
				stacks := make([]byte, 1<<20)
				handled := strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "net/http.(*conn).serve")
				if parked := n.mode == "parked"; parked && (handled || n.lot.Count() != 1) || !parked && !handled && tt.name != "websocket" {
					t.Errorf("%d are parked, on a goroutine: %v", n.lot.Count(), handled)
				}
			})
		})
	}
}

// cuts waits for the server to close a connection, which it must when it is time.
func (n *network) cuts(client *parktest.Conn, began time.Time, want time.Duration) {
	n.t.Helper()
	for !client.IsHungUp() {
		if time.Since(began) > 10*time.Minute {
			n.t.Error("it is held for ever")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	// net/http takes up to half a second more to close.
	if took := time.Since(began); took < want || took > want+time.Second {
		n.t.Errorf("closed after %v, want %v", took, want)
	}
}

// heard is all that a client gets, and when the last of it.
type heard struct {
	mu    sync.Mutex
	conn  net.Conn
	text  []byte
	ended time.Duration // 0: not yet
}

// says sends a GET with "Name: value" fields from an address, and listens.
func (n *network) says(addr, target string, fields ...string) *heard {
	n.t.Helper()
	conn := n.dial(addr)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: login.example\r\n%s\r\n\r\n", target, strings.Join(fields, "\r\n"))
	h := &heard{conn: conn}
	began := time.Now()
	go func() {
		for b := make([]byte, 8<<10); ; {
			read, err := conn.Read(b)
			h.mu.Lock()
			h.text = append(h.text, b[:read]...)
			if err != nil {
				h.ended = max(1, time.Since(began))
				h.mu.Unlock()
				return
			}
			h.mu.Unlock()
		}
	}()
	synctest.Wait()
	return h
}

func (h *heard) all() (text string, ended time.Duration) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text), h.ended
}

// begin starts a login at home.
func (n *network) begin(binding string) (login.ID, login.Login) {
	n.t.Helper()
	id, l, err := n.service.Start(n.t.Context(), login.Request{
		App: "shop", Browser: login.Browser{Addr: netip.MustParseAddr(homeAddr)}, Binding: binding,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return id, l
}

// scanAndDeny makes two changes, so that every dialect has something to say to everybody.
func (n *network) scanAndDeny(l login.Login) {
	n.t.Helper()
	code, _, _ := n.service.Code(l, time.Now())
	who := login.Identity{Phone: login.Phone{Issuer: "x", Subject: "alice"}}
	if _, err := n.service.Scan(n.t.Context(), who, code, time.Time{}); err != nil {
		n.t.Fatal(err)
	}
	synctest.Wait()
	if _, err := n.service.Deny(n.t.Context(), who.Phone, string(l.Handle)); err != nil {
		n.t.Fatal(err)
	}
}

// signIn begins a session.
func (n *network) signIn() login.Credentials {
	n.t.Helper()
	id, l := n.begin("")
	code, _, _ := n.service.Code(l, time.Now())
	who := login.Identity{Phone: login.Phone{Issuer: "x", Subject: "alice"}}
	ctx := n.t.Context()
	if _, err := n.service.Scan(ctx, who, code, time.Time{}); err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.service.Approve(ctx, who.Phone, string(l.Handle), ""); err != nil {
		n.t.Fatal(err)
	}
	l, err := n.service.Get(ctx, login.Holder{ID: string(id)})
	if err != nil {
		n.t.Fatal(err)
	}
	uri, _ := n.service.RedirectURI(l)
	_, ticket, _ := strings.Cut(uri, "ticket=")
	ticket, _, _ = strings.Cut(ticket, "&")
	v, err := n.service.RedeemTicket(ctx, "shop", ticket)
	if err != nil {
		n.t.Fatal(err)
	}
	c, err := n.service.Credentials(v)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}
