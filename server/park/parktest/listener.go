// Package parktest is a network in memory for tests of whoever waits in a park.Lot. It
// stands still in a bubble of testing/synctest, as sockets cannot, needs no descriptors,
// and its connections can be parked. Each direction holds so many bytes and no more, so
// that readers may be slow.
package parktest

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// Listener is a server's end of the network.
type Listener struct {
	buffer int
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Listen begins a network whose connections hold buffer bytes in each direction.
func Listen(buffer int) *Listener {
	return &Listener{buffer: buffer, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to the server from an address.
func (l *Listener) Dial(ctx context.Context, from string) (*Conn, error) {
	client, server := l.Pipe(from)
	if err := l.Give(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// Pipe makes a connection from an address without a listener.
func (l *Listener) Pipe(from string) (client, server *Conn) {
	addr := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 1234))
	w := newWire(l.buffer, addr, l.Addr())
	return &Conn{wire: w, side: 0}, &Conn{wire: w, side: 1}
}

// Give has the server accept c.
func (l *Listener) Give(ctx context.Context, c net.Conn) error {
	select {
	case l.conns <- c:
		return nil
	case <-l.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept is net.Listener's.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is net.Listener's.
func (*Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 80} }
