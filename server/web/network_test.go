package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// This file is what the tests of slow and of many clients stand on: a server, and pipes to
// it that have addresses, in virtual time.

const (
	homeAddr = "192.0.2.1"
	evilAddr = "203.0.113.9"
)

// network is a server of f, and its clients' pipes to it.
type network struct {
	*fixture
	t     *testing.T
	conns chan net.Conn // to be accepted
	open  []net.Conn    // of clients
}

// serve runs test within a bubble with a server in it. Nothing may be left after it.
func serve(t *testing.T, change func(*Options), test func(*testing.T, *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var sockets sync.WaitGroup
		f := newFixture(t, func(o *Options) {
			o.PollHold, o.Limits, o.Sockets = 25*time.Second, DefaultLimits(), &sockets
			if change != nil {
				change(o)
			}
		})
		n := &network{fixture: f, t: t, conns: make(chan net.Conn)}
		server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(pipeListener{n.conns}) }()
		defer func() {
			close(n.conns)
			_ = server.Close()
			for _, conn := range n.open { // sockets, which the server has lost sight of
				conn.Close()
			}
			sockets.Wait()
		}()
		test(t, n)
	})
}

// addressed is a pipe that says where it leads.
type addressed struct {
	net.Conn
	addr netip.Addr
}

func (a addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.addr, 1234))
}

// dial connects to the server from an address.
func (n *network) dial(addr string) net.Conn {
	client, conn := net.Pipe()
	n.conns <- addressed{conn, netip.MustParseAddr(addr)}
	n.open = append(n.open, client)
	return client
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
