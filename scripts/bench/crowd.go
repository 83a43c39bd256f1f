//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"time"
)

// crowd is many browsers on one thread: sockets and one epoll set, so that ten thousand
// of them cost the machine less than the server that they measure.
//
// Everything happens on the goroutine of [crowd.run]: commands come through do, and turn
// the loop themselves while they wait for something.
type crowd struct {
	do       chan func()
	bell     [2]int // a pipe that ends a wait of the loop when a command comes
	epoll    int
	ready    []syscall.EpollEvent
	buffer   []byte
	to       syscall.SockaddrInet4
	host     string
	block    int // the second number of its addresses, 127.block.x.y
	speech   speech
	browsers []*browser
	pending  int // browsers that wait for an answer before they can go on
	phones   []*phone
}

// phone is a connection that wakes browsers.
type phone struct {
	browser
	refused string // what a publication was answered that failed
	busy    bool
}

const (
	bellEvent   = -1
	firstPhone  = -2 // and downward
	maxPending  = 64 // connections that are being opened
	answerLimit = 30 * time.Second
)

var errSilence = errors.New("no answer for 30 seconds")

func newCrowd() (*crowd, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &crowd{do: make(chan func(), 1), epoll: epoll, ready: make([]syscall.EpollEvent, 512), buffer: make([]byte, 256<<10)}
	if err := syscall.Pipe2(c.bell[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, err
	}
	return c, c.watch(c.bell[0], bellEvent)
}

func (c *crowd) watch(fd, number int) error {
	return syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, fd,
		&syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(number)})
}

// run serves commands and sockets until do is closed.
func (c *crowd) run() {
	runtime.LockOSThread()
	for {
		select {
		case command, ok := <-c.do:
			if !ok {
				return
			}
			command()
		default:
			if c.turn(time.Second) != nil {
				return
			}
		}
	}
}

// end ends the loop, and closes what it has.
func (c *crowd) end() {
	_ = c.command(func() error {
		c.dismiss()
		return nil
	})
	close(c.do)
}

func (c *crowd) dismiss() {
	for _, b := range c.browsers {
		b.close()
	}
	for _, p := range c.phones {
		p.close()
	}
	c.browsers, c.phones, c.pending = nil, nil, 0
}

// command runs f on the loop.
func (c *crowd) command(f func() error) error {
	done := make(chan error, 1)
	c.do <- func() { done <- f() }
	_, _ = syscall.Write(c.bell[1], []byte{0}) // a full pipe has rung already
	return <-done
}

// turn waits for sockets, at most so long, and serves those that have something.
func (c *crowd) turn(most time.Duration) error {
	n, err := syscall.EpollWait(c.epoll, c.ready, int(most.Milliseconds()))
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, event := range c.ready[:n] {
		switch number := int(event.Fd); {
		case number == bellEvent:
			_, _ = syscall.Read(c.bell[0], c.buffer)
		case number <= firstPhone:
			c.phones[firstPhone-number].read(c)
		default:
			c.browsers[number].read(c)
		}
	}
	return nil
}

// until turns the loop until done, which every answer brings nearer.
func (c *crowd) until(done func() bool) error {
	for last := time.Now(); !done(); {
		if err := c.turn(time.Second); err != nil {
			return err
		}
		if time.Since(last) > answerLimit {
			return errSilence
		}
	}
	return nil
}

// read reads what a browser's socket has.
func (b *browser) read(c *crowd) {
	n, err := syscall.Read(b.fd, c.buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return
	case err == nil && n == 0:
		err = errors.New("the server closed the connection")
	case err == nil:
		err = b.take(c, c.buffer[:n])
	}
	if err != nil {
		b.fail(c, err)
	}
}

func (b *browser) fail(c *crowd, err error) {
	if b.stage == starting || b.stage == asked {
		c.pending--
	}
	b.lost = b.stage == waiting || b.stage == asked
	if b.err = err; b.stage != started {
		b.stage = over
	}
	b.close()
}

func (b *browser) close() {
	if b.fd > 0 {
		_ = syscall.Close(b.fd)
	}
	b.fd = -1
}

func (p *phone) read(c *crowd) {
	n, err := syscall.Read(p.fd, c.buffer)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return
	}
	if err == nil && n == 0 {
		if !p.busy {
			p.close() // it was idle for long
			return
		}
		err = errors.New("the server closed the publisher's connection")
	}
	if err == nil {
		p.in = append(p.in, c.buffer[:n]...)
		var h head
		var body []byte
		var size int
		if h, body, size, err = readResponse(p.in); err == nil && size == 0 {
			return
		}
		if err == nil && (h.status < 200 || h.status > 299) {
			p.refused = fmt.Sprintf("publishing was answered %d: %.100s", h.status, body)
		}
	}
	if err != nil {
		p.err = err
		p.close()
	}
	p.in, p.busy = p.in[:0], false
}

// publish wakes b through the phone p.
func (p *phone) publish(c *crowd, b *browser) error {
	p.busy, b.told = true, true
	return p.send(c.speech.publish(b, c.host))
}

// wantPhones opens connections until there are n that wake browsers. A server may have
// closed earlier ones that were idle.
func (c *crowd) wantPhones(n int) error {
	for i := range n {
		if i == len(c.phones) {
			c.phones = append(c.phones, &phone{browser: browser{fd: -1}})
		}
		if c.phones[i].fd > 0 {
			continue
		}
		p := &phone{}
		if err := p.connect(&c.to, [4]byte{127, byte(c.block), 255, 254}); err != nil {
			return err
		}
		c.phones[i] = p
		if err := c.watch(p.fd, firstPhone-i); err != nil {
			return err
		}
	}
	return nil
}

// target aims the crowd at a server.
func (c *crowd) target(addr, name string, block int) error {
	a, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return err
	}
	speech, ok := speeches()[name]
	if !ok {
		return fmt.Errorf("nobody speaks %q", name)
	}
	c.to = syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
	c.host, c.speech, c.block = addr, speech, block
	return nil
}
