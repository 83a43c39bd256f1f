package dialect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
	"qrlatch/server/problem"
	"qrlatch/server/relay"
)

// allWorld is a modelWorld that speaks every dialect, on a network in memory. Only
// WeChat's polls do without it.
type allWorld struct {
	*modelWorld
	network *parktest.Listener
	server  *http.Server
	served  chan error
	lot     *park.Lot
	late    time.Duration // so much later than it is due may an answer come

	pages  []*allPage // guarded by mu, as what follows: where each browser is now
	calls  map[*allCall]bool
	bucket allBucket
	voided time.Time
	resume string // the secret, once a socket was told it
}

func newAllWorld(t *testing.T, mode string) *allWorld {
	const public = "https://login.example"
	w := &allWorld{modelWorld: newModelWorld(t), calls: map[*allCall]bool{}, served: make(chan error)}
	w.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
	w.lot = park.New(park.Options{Idle: time.Minute})
	(&dialect.JSON{Service: w.service, PublicURL: public, Polls: dialect.NewPolls(60, nil), Lot: w.lot}).Routes(w.echo)
	(&dialect.Taobao{Service: w.service, PublicURL: public}).Routes(w.echo)
	(&dialect.SSE{Service: w.service, PublicURL: public, Lot: w.lot}).Routes(w.echo)
	(&dialect.WebSocket{Service: w.service, PublicURL: public, Messages: new(relay.Local), Lot: w.lot}).Routes(w.echo)
	w.bucket = allBucket{tokens: allBurst, at: w.started}
	w.network = parktest.Listen(wxBuffer)
	w.server = &http.Server{Handler: w.echo, ReadHeaderTimeout: time.Minute}
	if mode == "parked" {
		w.late = park.Tick
	}
	go func() { w.served <- wxServe(mode, w.server, w.lot, w.network) }()
	return w
}

// close ends all that waits. That nothing is left behind, synctest checks.
func (w *allWorld) close() error {
	err := w.modelWorld.close()
	_ = w.server.Close()
	if served := <-w.served; served == nil {
		err = errors.Join(err, errors.New("the server ended by itself"))
	}
	for w.lot.Count() > 0 { // each socket ends by itself, and each idle connection
		time.Sleep(time.Second)
	}
	w.lot.Close()
	return err
}

// quiet is called when everybody waits: whoever does must have a reason.
func (w *allWorld) quiet() {
	w.modelWorld.quiet()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.watch(now)
	if w.late > 0 && w.lot.Count() > 0 {
		w.said["parked"]++
	}
	for c := range w.calls {
		if err := c.mayWait(now); w.failed == nil && !c.lost && err != nil {
			w.fail(fmt.Errorf("%s: a browser on %s since %v: %w", w.oracle.at(now), c.page.name, c.start.Sub(w.started), err))
		}
	}
}

// inTime tells whether something that is due is not early, nor later than it may be.
func (w *allWorld) inTime(now, due time.Time) bool {
	return !now.Before(due) && !now.After(due.Add(w.late))
}

// times are so many as there have been of every period since start, or one less, where the
// last may be late.
func (w *allWorld) times(n int, every time.Duration, start, now time.Time) bool {
	return n == int(now.Sub(start)/every) || n == int((now.Sub(start)-w.late)/every)
}

// watch notes what the oracle does not date. Call it with mu held.
func (w *allWorld) watch(now time.Time) {
	if w.oracle.void && w.voided.IsZero() {
		w.voided = now
	}
}

// allPage is a browser's page on one dialect.
type allPage struct {
	allDialect
	*modelBrowser
	w      *allWorld
	n      int // drawn; whatever differs between pages of a dialect comes of it
	number int // of the browser
	ctx    context.Context
	leave  context.CancelFunc
	done   chan struct{}

	// Guarded by the world's mu.
	call   *allCall    // the one under way
	since  login.State // what the browser knows
	cursor bool        // the dialect tells it every state
	resume string
	over   bool // the dialect has nothing more to say
}

// opens lets a new browser come.
func (w *allWorld) opens(s step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &modelBrowser{world: w.modelWorld, addr: fmt.Sprintf("192.0.2.%d", len(w.browsers)+1), jar: s.n%3 == 0}
	w.browsers = append(w.browsers, b)
	w.pages = append(w.pages, nil)
	w.turn(len(w.pages)-1, s.n/3, &allPage{modelBrowser: b}, nil)
}

// moves lets a browser go to another dialect, perhaps with a pause, and perhaps without
// knowing there what it has heard here, or with the cursor of another login.
func (w *allWorld) moves(s step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pages) == 0 || w.failed != nil {
		return
	}
	i := s.n % len(w.pages)
	old := w.pages[i]
	old.leave()
	old.cut()
	next := &allPage{modelBrowser: old.modelBrowser, since: old.since, resume: old.resume}
	if s.n%5 == 0 {
		next.since = login.State(s.n / 5 % 7)
	}
	w.turn(i, s.n/11, next, old.done)
}

// turn begins p as the page of browser i, once the one before is done.
func (w *allWorld) turn(i, n int, p *allPage, before <-chan struct{}) {
	w.pages[i] = p
	p.w, p.number, p.n, p.done = w, i+1, n, make(chan struct{})
	p.allDialect = allDialects[n%len(allDialects)]
	p.ctx, p.leave = context.WithCancel(w.ctx)
	pause := time.Duration(n%4/2*(n%3000)) * time.Millisecond // mostly none
	w.clients.Go(func() {
		defer close(p.done)
		if before != nil {
			<-before
		}
		if p.rests(pause) {
			p.wait(p)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		p.over = true
	})
}

// cuts takes a browser's connection away.
func (w *allWorld) cuts(s step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pages) > 0 {
		w.pages[s.n%len(w.pages)].cut()
	}
}

// cut loses the connection, as the browser does not know yet. Call it with mu held.
func (p *allPage) cut() {
	if p.call != nil {
		p.w.said["cut by us"]++
		p.call.lose()
	}
	if poll := p.current; poll != nil && p.w.open[poll] {
		poll.lost = true
		poll.cancel()
	}
}

// rests is a pause; it reports false when the page was left. Every browser has a
// nanosecond of its own: no two requests, and no request and deed, fall on one moment.
func (p *allPage) rests(d time.Duration) bool {
	at := time.Since(p.w.started) + d
	own := (time.Duration(p.number)*7 - at%time.Microsecond + 2*time.Microsecond) % time.Microsecond
	if own == 0 && d == 0 {
		own = time.Microsecond
	}
	select {
	case <-time.After(d + own):
		return p.ctx.Err() == nil
	case <-p.ctx.Done():
		return false
	}
}

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
