package park

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"
)

// descriptor is a Socket.
type descriptor struct {
	poll    *poller
	fd      int32
	watched bool
}

func (d *descriptor) Read(b []byte) (int, error) {
	return briefly(syscall.SYS_READ, uintptr(d.fd), unsafe.Pointer(unsafe.SliceData(b)), len(b))
}

func (d *descriptor) Write(b []byte) (int, error) {
	n, err := briefly(syscall.SYS_WRITE, uintptr(d.fd), unsafe.Pointer(unsafe.SliceData(b)), len(b))
	if err == nil && n < len(b) {
		err = ErrAgain
	}
	return n, err
}

// Watch is edge-triggered: the kernel is asked once, and not anew with each request.
func (d *descriptor) Watch(tell Bell) error {
	p := d.poll
	p.mu.Lock()
	b := &p.bells[d.fd]
	if !d.watched {
		b.generation++
	}
	b.tell = tell
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edge, Fd: d.fd, Pad: int32(b.generation)}
	p.mu.Unlock()
	op := syscall.EPOLL_CTL_ADD
	if d.watched {
		op = syscall.EPOLL_CTL_MOD
	}
	d.watched = true
	return syscall.EpollCtl(p.set, op, int(d.fd), &e)
}

// unwatch makes sure that nobody is told of the descriptor any more.
func (d *descriptor) unwatch() {
	if !d.watched {
		return
	}
	d.watched = false
	p := d.poll
	p.mu.Lock()
	p.bells[d.fd].tell = nil
	p.bells[d.fd].generation++
	p.mu.Unlock()
	_ = syscall.EpollCtl(p.set, syscall.EPOLL_CTL_DEL, int(d.fd), nil) // it is there
}

// Peer is who was there when it was parked.
func (d *descriptor) Peer() string {
	d.poll.mu.RLock()
	b := d.poll.bells[d.fd]
	d.poll.mu.RUnlock()
	if b.addr != [4]byte{} {
		return netip.AddrPortFrom(netip.AddrFrom4(b.addr), b.port).String()
	}
	peer, err := syscall.Getpeername(int(d.fd))
	if err != nil {
		return "" // gone
	}
	return addressOf(peer).String()
}

func (d *descriptor) Attach() (net.Conn, error) {
	d.unwatch()
	peer, err := syscall.Getpeername(int(d.fd))
	if err != nil {
		return nil, err // gone
	}
	c := &fileConn{File: os.NewFile(uintptr(d.fd), "tcp"), peer: addressOf(peer)}
	return c, nil
}

func (d *descriptor) Close() {
	d.unwatch()
	syscall.Close(int(d.fd))
}

// fileConn is a connection that was parked before. It is what net.FileConn makes, without
// the second copy of the descriptor.
type fileConn struct {
	*os.File
	peer net.Addr
}

func (c *fileConn) RemoteAddr() net.Addr { return c.peer }

func (c *fileConn) LocalAddr() net.Addr {
	var addr net.Addr = &net.TCPAddr{}
	raw, err := c.SyscallConn()
	if err != nil {
		return addr
	}
	_ = raw.Control(func(fd uintptr) { // a closed connection has none
		if own, err := syscall.Getsockname(int(fd)); err == nil {
			addr = addressOf(own)
		}
	})
	return addr
}

// CloseWrite ends the sending half.
func (c *fileConn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	return errors.Join(err, failed)
}

// Read makes of a reset what net/http expects: an error, and of an end the end.
func (c *fileConn) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	return n, plain(err)
}

func (c *fileConn) Write(b []byte) (int, error) {
	n, err := c.File.Write(b)
	return n, plain(err)
}

// plain makes of a file's error a connection's. net/http tells the deadline by which it
// stops its own reader from the end of the connection by net.Error, and would end every
// further request.
func plain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return &net.OpError{Op: path.Op, Net: "tcp", Err: path.Err}
	}
	return err
}

func addressOf(a syscall.Sockaddr) net.Addr {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *syscall.SockaddrInet6:
		addr := &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
		if a.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				addr.Zone = i.Name
			}
		}
		return addr
	}
	return &net.UnixAddr{Net: "unix"}
}
