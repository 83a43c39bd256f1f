package dialect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// hold has the world's state judged and changed by f, unless the connection is lost
// already. Whatever f finds wrong ends the world.
func (c *allCall) hold(f func(now time.Time) error) error {
	w := c.page.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.lost {
		return errLost
	}
	now := time.Now()
	w.watch(now)
	if err := f(now); err != nil {
		w.fail(fmt.Errorf("%s: a browser on %s since %v: %w", w.oracle.at(now), c.page.name, c.start.Sub(w.started), err))
	}
	if w.failed != nil {
		runtime.Goexit()
	}
	return nil
}

// allCall is one connection with one request.
type allCall struct {
	page    *allPage
	start   time.Time
	mayWait func(now time.Time) error // whether all is said that there is
	net.Conn
	in *bufio.Reader

	lost bool // guarded by the world's mu
	left int  // so many bytes it still reads; negative: all
}

var errCutHere = errors.New("the connection is cut here")

func (c *allCall) Read(b []byte) (int, error) {
	if c.left >= 0 && len(b) > c.left {
		b = b[:c.left]
	}
	if c.left == 0 {
		c.page.w.mu.Lock()
		defer c.page.w.mu.Unlock()
		c.page.w.said["cut at a byte"]++
		c.lose()
		return 0, errCutHere
	}
	n, err := c.Conn.Read(b)
	if c.left > 0 {
		c.left -= n
	}
	return n, err
}

// lose cuts the connection. Call it with mu held.
func (c *allCall) lose() {
	c.lost = true
	if c.Conn != nil {
		c.Close()
	}
}

// request sends a GET on a connection of its own and returns the head of the answer.
// begin runs at the moment when the server gets it, with mu held, and sets mayWait. Of
// every three connections one is cut within most bytes.
func (p *allPage) request(target string, most int, begin func(c *allCall), fields ...string) (*allCall, *http.Response, error) {
	w := p.w
	c := &allCall{page: p, start: time.Now(), left: -1}
	near, far := w.network.Pipe(wxAddr)
	c.Conn, c.in = near, bufio.NewReader(c)
	w.mu.Lock()
	if p.n += 7919; p.n%3 == 0 {
		c.left = p.n / 3 % most
	}
	p.call, w.calls[c] = c, true
	begin(c)
	w.mu.Unlock()
	if w.network.Give(w.ctx, far) != nil {
		runtime.Goexit()
	}
	context.AfterFunc(p.ctx, func() { _ = near.Close() })
	head := "GET " + target + " HTTP/1.1\r\nHost: login.example\r\n" + strings.Join(append(fields, "", ""), "\r\n")
	_, err := near.Write([]byte(head))
	var r *http.Response
	if err == nil {
		r, err = http.ReadResponse(c.in, &http.Request{Method: http.MethodGet})
	}
	return c, r, c.trouble(err)
}

// trouble says whether an error is one that we made.
func (c *allCall) trouble(err error) error {
	if err == nil {
		return nil
	}
	if c.page.ctx.Err() != nil {
		return errLost
	}
	return c.hold(func(time.Time) error { return err })
}

// end is called when the client has done with it.
func (c *allCall) end() {
	c.Close()
	c.page.w.mu.Lock()
	defer c.page.w.mu.Unlock()
	delete(c.page.w.calls, c)
	c.page.call = nil
}
