//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// stage is how far a browser has come.
type stage uint8

const (
	starting stage = iota // has asked for its start
	started               // was answered, and keeps its connection idle
	asked                 // has asked to wait for a stream whose begin has not come
	waiting
	over // was woken, or lost its connection
)

// browser is one connection of the crowd.
type browser struct {
	number  int // in its crowd
	fd      int
	stage   stage
	id      string // of its login, or channel
	code    string // in its picture
	session string // once it is signed in
	in      []byte // what has come of a message that is not complete
	opened  bool   // the head of its stream has come
	told    bool   // somebody was asked to wake it
	news    int    // how often it was woken
	heard   time.Time
	answer  string // what it was woken with
	err     error
	lost    bool // it was waiting when its connection went
}

// connect opens b's connection from an address of its own: browsers rarely share one.
func (b *browser) connect(to *syscall.SockaddrInet4, from [4]byte) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	b.fd = fd
	if from != ([4]byte{}) {
		if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: from}); err != nil {
			return fmt.Errorf("bind to %v: %w", from, err)
		}
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	for {
		if err = syscall.Connect(fd, to); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return syscall.SetNonblock(fd, true)
}

// send writes a request. Ours are short, and a browser sends one at a time: what does not
// fit into the socket's buffer is a server that does not read.
func (b *browser) send(request []byte) error {
	n, err := syscall.Write(b.fd, request)
	if err == nil && n < len(request) {
		err = errors.New("the server does not read")
	}
	return err
}

// take feeds b what has come, message by message.
func (b *browser) take(c *crowd, data []byte) error {
	if len(b.in) > 0 {
		b.in = append(b.in, data...)
		data = b.in
	}
	for len(data) > 0 {
		size, err := b.message(c, data)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		data = data[size:]
	}
	if len(data) == 0 {
		b.in = nil
		return nil
	}
	b.in = append([]byte(nil), data...)
	return nil
}

// message takes the message that data begins with, and returns its size, 0 if it is not
// complete.
func (b *browser) message(c *crowd, data []byte) (size int, err error) {
	if b.stage >= asked && c.speech.framing != responses {
		return b.streamed(c, data)
	}
	h, body, size, err := readResponse(data)
	if err != nil || size == 0 {
		return size, err
	}
	switch b.stage {
	case starting:
		if h.status != 200 && h.status != 201 {
			return 0, fmt.Errorf("the start was answered %d: %s", h.status, bytes.TrimSpace(body))
		}
		if err := b.began(body); err != nil {
			return 0, err
		}
		b.stage = started
		c.pending--
	case waiting, over:
		if !bytes.Contains(body, []byte(c.speech.news)) {
			if h.status != 200 || b.stage == over {
				return 0, fmt.Errorf("the wait was answered %d: %.80s", h.status, body)
			}
			return size, b.send(c.speech.wait(b, c.host)) // nothing yet: it asks again
		}
		b.hear(body)
	case started, asked:
		return 0, errors.New("an answer that nobody asked for")
	}
	return size, nil
}

// streamed takes a message of a stream or a socket.
func (b *browser) streamed(c *crowd, data []byte) (size int, err error) {
	if !b.opened {
		h, err := readHead(data)
		if err != nil || h.size == 0 {
			return 0, err
		}
		if h.status != 200 && h.status != 101 {
			return 0, fmt.Errorf("the stream was answered %d", h.status)
		}
		b.opened, b.stage = true, waiting
		c.pending--
		return h.size, nil
	}
	var text []byte
	if c.speech.framing == frames {
		var opcode byte
		opcode, text, size = readFrame(data)
		switch {
		case size == 0:
			return 0, nil
		case opcode == framePing:
			return size, b.send(clientFrame(framePong, text))
		case opcode == frameEnd:
			return 0, fmt.Errorf("the socket was closed: %q", text)
		}
	} else if text, size = readEvent(data); size == 0 {
		return 0, nil
	}
	if bytes.Contains(text, []byte(c.speech.news)) {
		b.hear(text)
	}
	return size, nil
}

func (b *browser) hear(text []byte) {
	b.heard = time.Now()
	b.news++
	b.stage = over
	b.answer = string(text)
}
