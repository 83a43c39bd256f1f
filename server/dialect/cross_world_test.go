package dialect_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
)

// This file is a browser that changes its dialect in the middle of a login. A dialect is
// one crossDialect: how it starts, how it waits, and its words. Whoever adds one adds it
// to crossDialects, and it is tried in every order with all others.

type crossDialect struct {
	name string
	// start begins a login; nil: by JSON, or by waiting on no login.
	start func(w *crossWorld) login.ID
	// wait says every state of the login, until ctx ends or the dialect has no more to say.
	wait func(ctx context.Context, p *crossPage)
	// says are the words of the states. No word: it says nothing of that state.
	says map[login.State]string
	// stops are the states after which its clients ask no more.
	stops []login.State
	// cursor: it does not say what the browser names as seen, on whichever dialect.
	cursor bool
	// short: it is asked every second, and not told.
	short bool
}

var crossStates = map[login.State]string{
	login.Pending: "pending", login.Scanned: "scanned", login.Approved: "approved",
	login.Redeemed: "redeemed", login.Denied: "denied", login.Expired: "expired",
}

// crossDialects returns all of them. The words here are those of the README's table.
func crossDialects() []*crossDialect {
	final := []login.State{login.Redeemed, login.Denied, login.Expired}
	with := func(state login.State, word string) map[login.State]string {
		words := map[login.State]string{state: word}
		for s, name := range crossStates {
			if s != state {
				words[s] = name
			}
		}
		return words
	}
	return []*crossDialect{
		{name: "WeChat", start: crossStartWeChat, wait: crossWeChat, stops: append(final, login.Approved), says: map[login.State]string{
			login.Scanned: "201", login.Approved: "200", login.Denied: "202", login.Redeemed: "400", login.Expired: "400",
		}},
		{name: "JSON", start: crossStartJSON, wait: crossJSON, stops: final, cursor: true, says: crossStates},
		{name: "JSONP", start: crossStartJSONP, wait: crossJSONP, stops: final, cursor: true, says: crossStates},
		{name: "Taobao", start: crossStartTaobao, wait: crossTaobao, stops: append(final, login.Approved), short: true, says: map[login.State]string{
			login.Pending: "10000", login.Scanned: "10001", login.Approved: "10006", login.Denied: "10003", login.Redeemed: "10004", login.Expired: "10004",
		}},
		{name: "SSE", start: crossStartJSON, wait: crossSSE, stops: final, cursor: true, says: with(login.Pending, "pending qr")},
		{name: "WebSocket", wait: crossWebSocket, stops: []login.State{login.Denied, login.Expired}, says: with(login.Pending, "qr")},
	}
}

// crossWorld is a server that speaks every dialect, and one browser.
type crossWorld struct {
	*wsWorld
	began time.Time
	id    login.ID

	mu   sync.Mutex
	uris []string // everything the browser was sent to, in order
}

func inCross(t *testing.T, run func(*crossWorld)) {
	t.Helper()
	inWS(t, func(v *wsWorld) {
		const public = "https://login.example"
		polls := dialect.NewPolls(60, nil)
		(&dialect.JSON{Service: v.service, PublicURL: public, Polls: polls, Lot: v.lot}).Routes(v.echo)
		(&dialect.SSE{Service: v.service, PublicURL: public, Lot: v.lot}).Routes(v.echo)
		(&dialect.Taobao{Service: v.service, PublicURL: public, Polls: polls}).Routes(v.echo)
		run(&crossWorld{wsWorld: v, began: time.Now()})
	})
}

// TestEveryDialectWaitsParked: or the mode shows nothing.
func TestEveryDialectWaitsParked(t *testing.T) {
	for _, d := range crossDialects() {
		if d.short {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			inCross(t, func(w *crossWorld) {
				w.id = crossStartJSON(w)
				p := w.open(d, "pending")
				defer p.leave()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				_, stacks := goroutines()
				handled := strings.Contains(stacks, "net/http.(*conn).serve")
				if n := w.lot.Count(); w.parked && (handled || n == 0) || !w.parked && n != 0 && d.name != "WebSocket" {
					w.t.Errorf("%d are parked, on a goroutine: %v", w.lot.Count(), handled)
				}
			})
		})
	}
}

// crossPage is a browser's page while it waits on one dialect.
type crossPage struct {
	*crossDialect
	w      *crossWorld
	id     login.ID // empty: wait starts a login
	since  string   // the cursor that it comes with
	opened time.Duration
	leave  func()
	over   bool     // as the oracle knows
	want   []string // "word@time", of the oracle

	heard []string // guarded by the world's mu until the page was left
}

// open begins to wait. since is the state that the browser knows.
func (w *crossWorld) open(d *crossDialect, since string) *crossPage {
	p := &crossPage{crossDialect: d, w: w, id: w.id, since: since, opened: time.Since(w.began)}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.wait(ctx, p)
	}()
	p.leave = func() {
		cancel()
		<-done
	}
	return p
}

// say is called with every word that the page hears.
func (p *crossPage) say(word, uri string) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if len(p.heard) == 100 {
		p.w.t.Fatalf("%s spins: %v", p.name, p.heard[90:])
	}
	p.heard = append(p.heard, fmt.Sprintf("%s@%v", word, time.Since(p.w.began)))
	if uri != "" {
		p.w.uris = append(p.w.uris, uri)
	}
}

// get asks once; ok is false when the page was left.
func (p *crossPage) get(ctx context.Context, target string) (body string, ok bool) {
	got := p.stream(ctx, target)
	if got == nil {
		return "", false
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil && ctx.Err() == nil || got.StatusCode != http.StatusOK {
		p.w.t.Errorf("%s: %d %s, %v", p.name, got.StatusCode, text, err)
		return "", false
	}
	return string(text), err == nil
}

func (p *crossPage) stream(ctx context.Context, target string, fields ...string) *http.Response {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://login.example"+target, nil)
	if err != nil {
		p.w.t.Error(err)
		return nil
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	got, err := p.w.http.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			p.w.t.Errorf("%s: %v", p.name, err)
		}
		return nil
	}
	return got
}

// finish brings the ticket of the last address that the browser was given.
func (w *crossWorld) finish() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.uris) == 0 {
		w.t.Fatal("the browser was sent nowhere")
	}
	var ticket string
	for i, uri := range w.uris {
		u, err := url.Parse(uri)
		w.must(err)
		if got := u.Query().Get("ticket"); i > 0 && got != ticket {
			w.t.Errorf("the dialects give different tickets: %v", w.uris)
		} else {
			ticket = got
		}
	}
	if page := w.get(w.uris[len(w.uris)-1]); !strings.Contains(page.body, "<ret>0</ret>") {
		w.t.Fatalf("the ticket is refused: %d %s", page.status, page.body)
	}
}
