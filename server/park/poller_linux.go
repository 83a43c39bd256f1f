package park

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
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
			n, _ = briefly(syscall.SYS_EPOLL_PWAIT, fd, unsafe.Pointer(&p.events), len(p.events))
			return n > 0 // else wait until there is something
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

// edge is EPOLLET, which package syscall has with a sign.
const edge = 1 << 31
