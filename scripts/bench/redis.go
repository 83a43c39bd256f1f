//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// redis is a Redis, or Valkey, that keeps nothing on disk.
type redis struct {
	*process
	addr string
	conn net.Conn
	in   *bufio.Reader
}

// redis starts one. It cannot be told to take any port, so one is looked for.
func (f *family) redis(ctx context.Context) (*redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if path, err = exec.LookPath("valkey-server"); err != nil {
			return nil, errors.New("neither redis-server nor valkey-server is here")
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(addr)
	p, err := f.start("redis", syscall.SIGKILL, nil, nil, path, "--port", port, "--bind", "127.0.0.1", "--dir", f.dir, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, err
	}
	for range 200 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			r := &redis{process: p, addr: addr, conn: conn, in: bufio.NewReader(conn)}
			_, err = r.info("server")
			return r, err
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return nil, fmt.Errorf("redis ended at once: %s", text)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, errors.New("redis does not listen")
}

// info asks for a section of INFO.
func (r *redis) info(section string) (string, error) { return r.ask("INFO " + section) }

// ask sends a command that is answered with a text.
func (r *redis) ask(command string) (string, error) {
	_ = r.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(r.conn, "%s\r\n", command); err != nil {
		return "", err
	}
	head, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "$")))
	if err != nil {
		return "", fmt.Errorf("redis said %q", head)
	}
	text := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(r.in, text)
	return string(text), err
}

// readInfo reads a number of INFO.
func readInfo(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("INFO has no %s", name)
}
