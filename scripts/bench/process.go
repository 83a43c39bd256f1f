//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// family are the processes of a run, which all end with it.
type family struct {
	dir   string // for their files
	self  string // this program
	mu    sync.Mutex
	all   []*process
	block int // the last block of source addresses that was given to a crowd
}

type process struct {
	*exec.Cmd
	name string
	log  string // what it wrote to stderr
	done chan struct{}
}

func newFamily() (*family, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "qrlatch-bench-")
	return &family{dir: dir, self: self, block: 63}, err
}

// start starts a process. It dies with us, however we do; end is the signal that its
// children, if it has any, do not outlive.
func (f *family) start(name string, end syscall.Signal, stdin io.Reader, stdout io.Writer, path string, args ...string) (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	log, err := os.Create(filepath.Join(f.dir, fmt.Sprintf("%d-%s.log", len(f.all), name)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := &process{Cmd: exec.Command(path, args...), name: name, log: log.Name(), done: make(chan struct{})}
	p.Stdin, p.Stdout, p.Stderr = stdin, stdout, log
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: end}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = p.Wait(); close(p.done) }()
	f.all = append(f.all, p)
	return p, nil
}

// stop ends a process and whatever it started.
func (p *process) stop() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// end ends everything.
func (f *family) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.all {
		p.stop()
	}
	_ = os.RemoveAll(f.dir)
}

// addresses waits until a server has logged where it listens, for the public and for
// its operator.
func (p *process) addresses(ctx context.Context) (public, admin string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if public, admin = readAddresses(p.log); public != "" && admin != "" {
			return public, admin, nil
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return "", "", fmt.Errorf("%s ended at once: %s", p.name, text)
		case <-ctx.Done():
			return "", "", fmt.Errorf("%s does not listen: %w", p.name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func readAddresses(log string) (public, admin string) {
	text, err := os.ReadFile(log)
	if err != nil {
		return "", ""
	}
	for text := range bytes.Lines(text) {
		var line struct{ Msg, Addr, URL string }
		if json.Unmarshal(text, &line) != nil {
			continue
		}
		switch line.Msg {
		case "listening":
			public = line.Addr
		case "admin listening":
			admin = line.URL
		}
	}
	return public, admin
}

// people is a crowd in a process of its own.
type people struct {
	*rpc.Client
	process *process
	block   int
}

type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// crowd starts a process of browsers.
func (f *family) crowd() (*people, error) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	f.block++
	if f.block > 250 {
		f.block = 64 // connections of the first ones are long gone
	}
	p, err := f.start("crowd", syscall.SIGKILL, theirIn, theirOut, f.self, "crowd")
	if err := errors.Join(err, theirIn.Close(), theirOut.Close()); err != nil {
		return nil, err
	}
	return &people{Client: rpc.NewClient(pipes{ourIn, ourOut}), process: p, block: f.block}, nil
}

func (p *people) call(ctx context.Context, method string, args, reply any) error {
	call := p.Go("Crowd."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *people) stop() {
	_ = p.Close() // it has ended, or is about to
	p.process.stop()
}
