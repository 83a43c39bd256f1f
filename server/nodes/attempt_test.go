package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// patience is after what a login is taken for hung.
const patience = 45 * time.Second

// errHung is of whoever got in and was told nothing.
var errHung = errors.New("neither in nor told")

// attempt is one login.
type attempt struct {
	*way
	door   door
	person string

	id     string // of the login, as its browser knows it
	handle string // as the phone does
	code   string // of its picture
	number bool   // it must be given

	mu     sync.Mutex // guards what follows
	state  string     // what the browser has heard last
	heard  []string
	uri    string
	resume string                   // for a socket
	on     string                   // the node where it waits
	news   map[string]chan struct{} // closed when the state was heard, or a later one
	over   bool
	wrong  error

	presented atomic.Bool  // the ticket, to a node
	cuts      atomic.Int64 // connections that ended without a word
	failures  atomic.Int64 // of any request
}

// order is that of states. Who has been told that the login is over has heard everything.
var order = []string{"pending", "scanned", "approved", "redeemed", "over"}

func newAttempt(w *way, d door, person string) *attempt {
	a := &attempt{way: w, door: d, person: person, state: "pending", news: map[string]chan struct{}{}}
	for _, state := range order {
		a.news[state] = make(chan struct{})
	}
	return a
}

// hear is called with every state that the browser is told, in any order of its words.
func (a *attempt) hear(state, uri, resume string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains([]string{"expired", "denied", "gone"}, state) {
		state = "over"
	}
	was, is := slices.Index(order, a.state), slices.Index(order, state)
	switch {
	case is < 0 || is < was:
		a.wrong = errors.Join(a.wrong, fmt.Errorf("heard %q after %q", state, a.state))
	case is == was && a.cursor && !a.over:
		a.wrong = errors.Join(a.wrong, fmt.Errorf("heard %q twice", state))
	}
	if is > was {
		a.heard, a.state = append(a.heard, state), state
		for _, passed := range order[was+1 : is+1] {
			close(a.news[passed])
		}
	}
	if uri != "" {
		a.uri = uri
	}
	if resume != "" {
		a.resume = resume
	}
	a.over = a.over || is >= slices.Index(order, a.last)
}

// knows is what the browser knows.
func (a *attempt) knows() (state, resume string, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state, a.resume, a.over
}

// told tells whether the browser has heard that nothing comes of its login.
func (a *attempt) told() bool { state, _, _ := a.knows(); return state == "over" }

// browse waits for news, over as many connections as that takes.
func (a *attempt) browse(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, _, over := a.knows(); over {
			return nil
		}
		if err := a.persist(ctx, func() error { return a.watch(ctx, a) }); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	return ctx.Err()
}

// until waits until the browser has heard state, or the end.
func (a *attempt) until(ctx context.Context, state string) error {
	select {
	case <-a.news[state]:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: waits for %q", errHung, state)
	}
}

// The steps, by which a door tells nodes apart.
const (
	toStart  = "start"
	toWatch  = "watch"
	toLook   = "look" // the picture, and the number
	toScan   = "scan"
	toRedeem = "redeem"
)

// run goes all the way. It calls at when the browser waits in a state. It reports whether the
// browser got in; if not, it was told.
func (a *attempt) run(ctx context.Context, at func(state string)) (in bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errHung)
	defer cancel()
	if err := a.persist(ctx, func() error { return a.start(ctx, a) }); err != nil {
		return false, fmt.Errorf("start: %w", err)
	}
	var browser, phone sync.WaitGroup
	var lost, undone error
	browser.Go(func() {
		if lost = a.browse(ctx); lost != nil {
			cancel()
		}
	})
	defer func() {
		if err != nil {
			cancel() // of two who wait for each other, none would end
		}
		browser.Wait()
		phone.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		err = errors.Join(err, lost, undone, a.wrong)
		if err != nil {
			err = fmt.Errorf("%s: %w; heard %q, %d cuts, %d failures", a.name, err, a.heard, a.cuts.Load(), a.failures.Load())
		}
	}()
	for _, step := range []struct {
		from, to string
		do       func(context.Context) error
	}{{"pending", "scanned", a.scan}, {"scanned", "approved", a.approve}} {
		at(step.from)
		if err := step.do(ctx); err != nil {
			return false, fmt.Errorf("%s: %w", step.to, err)
		}
		if err := a.until(ctx, step.to); err != nil {
			return false, err
		}
		if a.told() {
			return false, nil
		}
	}
	at("approved")
	phone.Go(func() { undone = a.done(ctx) })
	if in, err = a.redeem(ctx); err != nil {
		return false, fmt.Errorf("redeem: %w", err)
	}
	if !in {
		a.hear("over", "", "") // the page says so
	}
	return in, nil
}

// persist tries until something works, as people and their programs do.
func (a *attempt) persist(ctx context.Context, try func() error) error {
	var last error
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
		err := try()
		if err == nil || !a.door.again(err) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(last, err)
		}
		last = err
		a.failures.Add(1)
		rest(ctx, pause)
	}
}

// rest is a client's pause. Nothing else waits for it.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
