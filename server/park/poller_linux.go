package park

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// canPoll tells whether descriptors can be parked on this system.
const canPoll = true

// poller watches the descriptors of all parked connections by one epoll set. The set's own
// descriptor is in the runtime's poller: waiting for it takes a goroutine and no thread.
//
// Whoever polls leads: of the requests that have come he gives all but one to the workers, and
// serves the last himself, since to wake another goroutine, and with it perhaps a processor
// that sleeps, takes longer than many an answer. Before he waits for anything he hands over:
// another polls from then on, and he is a worker. Whoever keeps the others waiting without is
// relieved by the wheel.
type poller struct {
	file    *os.File
	set     int
	conn    syscall.RawConn
	workers *workers
	events  [256]syscall.EpollEvent // whoever polls has them
	leading atomic.Pointer[parked]  // whom he serves; nil: nobody, or he has handed over
	before  *parked                 // whom he served at the tick before; the wheel's

	mu    sync.RWMutex
	bells []bell // by descriptor
}

// bell is who is told of a descriptor, and who is at its other end. The generation tells an
// event of the present connection from one of an earlier, whose number it has.
type bell struct {
	tell       Bell
	generation uint16
	port       uint16
	addr       [4]byte // zero: it has more bytes than that, or is not known
}

// ErrAgain is returned by a Socket that cannot go on now.
var ErrAgain error = syscall.EAGAIN

func newPoller(w *workers) (*poller, error) {
	set, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := syscall.SetNonblock(set, true); err != nil {
		syscall.Close(set)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(set), "epoll"), set: set, workers: w}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	w.run(p)
	return p, nil
}

func (p *poller) close() { p.file.Close() }

// run polls until the poller is closed, or another does.
func (p *poller) run() {
	for {
		n := 0
		err := p.conn.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), p.events[:], 0)
			return n > 0 // else wait until there is something; EINTR comes to the same
		})
		if err != nil {
			return // closed
		}
		if last := p.tell(n); last != nil && !p.lead(last) {
			return
		}
	}
}

// tell tells of n events, and returns the last of those whose next request may have come.
func (p *poller) tell(n int) (last *parked) {
	for _, e := range p.events[:n] {
		p.mu.RLock()
		b := p.bells[e.Fd]
		p.mu.RUnlock()
		if b.tell == nil || int32(b.generation) != e.Pad {
			continue
		}
		gone := e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0
		next, ok := b.tell.(*parked)
		switch {
		case !ok || gone:
			b.tell.Ready(gone)
		case next.note(readable, running):
			if last != nil {
				p.workers.run(last)
			}
			last = next
		}
	}
	if last != nil && last.guest != nil { // who waits may do anything
		p.workers.run(last)
		return nil
	}
	return last
}

// lead runs q, and tells whether it polls still.
func (p *poller) lead(q *parked) bool {
	p.leading.Store(q)
	q.run()
	return p.leading.CompareAndSwap(q, nil)
}

// handOver lets another poll, if it is who runs q that does.
func (p *poller) handOver(q *parked) {
	if p.leading.CompareAndSwap(q, nil) {
		p.workers.run(p)
	}
}

// tick relieves whoever has served the same since the tick before.
func (p *poller) tick() {
	q := p.leading.Load()
	if q != nil && q == p.before {
		p.handOver(q)
		q = nil
	}
	p.before = q
}

// edge is EPOLLET, which package syscall has with a sign.
const edge = 1 << 31

// descriptor is a Socket.
type descriptor struct {
	poll    *poller
	fd      int32
	watched bool
}

// copyOf copies the descriptor of c: net.Conn has no way to give it away, and a TCPConn is
// three times as large as what remains.
func (p *poller) copyOf(c net.Conn) (Socket, error) {
	var fd uintptr
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var errno syscall.Errno
	if err := raw.Control(func(old uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if errno != 0 {
		return nil, errno
	}
	p.remember(int(fd), c.RemoteAddr())
	return &descriptor{poll: p, fd: int32(fd)}, nil
}

// remember keeps who is at the other end of fd: to ask the kernel with each request would be
// dear. There is room for the addresses of nearly all.
func (p *poller) remember(fd int, peer net.Addr) {
	tcp, _ := peer.(*net.TCPAddr)
	p.mu.Lock()
	defer p.mu.Unlock()
	for fd >= len(p.bells) {
		p.bells = append(p.bells, make([]bell, max(1024, len(p.bells)/4))...)
	}
	b := &p.bells[fd]
	b.addr, b.port = [4]byte{}, 0
	if tcp != nil && tcp.IP.To4() != nil {
		b.addr, b.port = [4]byte(tcp.IP.To4()), uint16(tcp.Port)
	}
}

func (d *descriptor) Read(b []byte) (int, error) {
	n, err := syscall.Read(int(d.fd), b)
	return max(n, 0), err
}

func (d *descriptor) Write(b []byte) (int, error) {
	n, err := syscall.Write(int(d.fd), b)
	if err == nil && n < len(b) {
		err = ErrAgain
	}
	return max(n, 0), err
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

// disarm makes sure that nobody is told of the descriptor any more.
func (d *descriptor) disarm() {
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
	d.disarm()
	peer, err := syscall.Getpeername(int(d.fd))
	if err != nil {
		return nil, err // gone
	}
	c := &fileConn{File: os.NewFile(uintptr(d.fd), "tcp"), peer: addressOf(peer)}
	return c, nil
}

func (d *descriptor) Close() {
	d.disarm()
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
