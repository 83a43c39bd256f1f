package dialect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
	nodes := 1
	if mode == "on nodes" {
		nodes = 3
	}
	w := &allWorld{modelWorld: newModelWorld(t, nodes), calls: map[*allCall]bool{}, served: make(chan error)}
	w.lot = park.New(park.Options{Idle: time.Minute})
	polls := dialect.NewPolls(60, nil) // each node has its own, and the oracle has one
	for _, n := range w.nodes {
		n.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
		(&dialect.JSON{Service: n.service, PublicURL: public, Polls: polls, Lot: w.lot}).Routes(n.echo)
		(&dialect.Taobao{Service: n.service, PublicURL: public}).Routes(n.echo)
		(&dialect.SSE{Service: n.service, PublicURL: public, Lot: w.lot}).Routes(n.echo)
		(&dialect.WebSocket{Service: n.service, PublicURL: public, Messages: new(relay.Local), Lot: w.lot}).Routes(n.echo)
	}
	w.bucket = allBucket{tokens: allBurst, at: w.started}
	w.network = parktest.Listen(wxBuffer)
	w.server = &http.Server{Handler: w.echo, ReadHeaderTimeout: time.Minute}
	if mode != "blocking" {
		w.late = park.Tick
		mode = "parked"
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
