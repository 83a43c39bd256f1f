package park

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
	"unique"
)

// news is what has happened to a parked connection.
type news uint8

const (
	rung     news = 1 << iota
	timeUp        // the alarm went off
	readable      // something has come
	hungUp        // the peer has gone
	drained       // the server is about to stop

	unread // no news: something came while a guest waited, which is told of only once
)

// parked is a connection without a goroutine. Whoever has news for it posts them; if
// nobody runs it at that moment, a goroutine is begun, which ends as soon as there are no
// more. Without a guest it is idle: it waits for its next request.
type parked struct {
	lot    *Lot
	socket Socket
	guest  Guest
	fields unique.Handle[string] // of the header, for every answer
	behind *[]byte               // what came behind the request; nil: nothing

	next, prev *parked // in the wheel, which guards them, as is due
	due        int64

	mu    sync.Mutex // guards the line below
	news  news
	state state

	place             uint8 // its shard of the wheel
	keepAlive, http11 bool
	isSocket          bool // Send sends bytes as they are
	done              bool // the guest has answered or ended
	failed            bool
}

// state is who runs a connection.
type state uint8

const (
	asleep  state = iota // nobody: who has news begins
	running              // a goroutine, which will see all news
	lent                 // a goroutine that has other things to do than to wait for the peer
	over                 // nobody ever again
)

// keep remembers bytes of a next request.
func (p *parked) keep(b []byte) {
	if len(b) > 0 {
		behind := bytes.Clone(b)
		p.behind = &behind
	}
}

// begin lets the guest in on the goroutine that brought it, which is a handler's: what happens
// afterwards is not its business.
func (p *parked) begin() {
	p.safely(func() {
		p.state = running
		p.lot.wheel.set(p, time.Now().Add(farAway)) // before it is watched: Close looks for it there
		p.watch()
		p.enter()
		p.sleep()
	})
}

// enter lets the guest in.
func (p *parked) enter() {
	p.lot.wheel.set(p, time.Now().Add(farAway))
	if p.behind != nil && p.isSocket && !p.failed {
		p.guest.(Hearer).Hear(p, *p.behind)
		p.behind = nil
	}
	if !p.done && !p.failed {
		p.guest.Wake(p)
	}
	p.settle()
}

// beginIdle is begin for a connection between two requests.
func (p *parked) beginIdle() {
	p.keepAlive, p.http11 = true, true
	p.state = running
	p.lot.wheel.set(p, time.Now().Add(p.lot.options.Idle))
	if p.watch(); p.failed || p.lot.Draining() {
		p.hangUp()
		return
	}
	p.sleep()
}

// sleep ends the work of a goroutine that must not run the connection any longer.
func (p *parked) sleep() {
	p.mu.Lock()
	if p.state != over {
		p.state = asleep
	}
	p.mu.Unlock()
	p.post(0)
}

// watch asks to be told of the peer.
func (p *parked) watch() {
	if p.lot.isClosed() || p.socket.Watch(p) != nil {
		p.failed = true
	}
}

// Ready is the Socket's. Of a WebSocket, the last words are read first.
func (p *parked) Ready(gone bool) {
	if gone && !p.isSocket {
		p.post(hungUp)
		return
	}
	p.post(readable)
}

func (p *parked) post(n news) {
	if p.note(n, running) {
		p.lot.workers.run(p)
	}
}

// note is post for a caller who runs p himself, if he has to, as what he says.
func (p *parked) note(n news, as state) (start bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.news |= n
	start = p.state == asleep && p.news&^unread != 0
	if start {
		p.state = as
	}
	return start
}

// handOver is called before whoever runs p waits for anything: he may be who polls.
func (p *parked) handOver() {
	if poll := p.lot.poll.Load(); poll != nil {
		poll.handOver(p)
	}
}

// run deals with the news until there are no more.
func (p *parked) run() { p.safely(p.deal) }

func (p *parked) deal() {
	for {
		p.mu.Lock()
		n := p.news &^ unread
		if n == 0 || p.state == over {
			if p.state != over {
				p.state = asleep
			}
			p.mu.Unlock()
			return
		}
		if p.state == lent && (n != rung || p.guest == nil || p.behind != nil) { // what is more may take long
			p.state = running
			p.mu.Unlock()
			p.lot.workers.run(p)
			return
		}
		p.news &= unread
		p.mu.Unlock()
		if p.guest == nil {
			p.idle(n)
			continue
		}
		switch {
		case n&hungUp != 0:
			p.failed = true
		case n&readable != 0:
			p.hear()
		}
		if n&(rung|timeUp|drained) != 0 && !p.failed && !p.done {
			p.guest.Wake(p)
		}
		if p.lot.owes(p) {
			p.lot.workers.run(debt{p})
			return
		}
		p.settle()
	}
}

// settle draws the consequences of what the guest has done.
func (p *parked) settle() {
	if p.guest == nil || !p.done && !p.failed {
		return
	}
	p.leave()
	if p.failed || !p.keepAlive || p.lot.Draining() {
		p.hangUp()
		return
	}
	if p.behind != nil {
		p.resume()
		return
	}
	p.rest()
}

// rest waits for the next request.
func (p *parked) rest() {
	p.lot.wheel.set(p, time.Now().Add(p.lot.options.Idle))
	p.mu.Lock()
	p.news &^= timeUp // it was of what is over
	if p.news&unread != 0 {
		p.news = p.news&^unread | readable
	}
	p.mu.Unlock()
	if p.failed {
		p.hangUp()
	}
}

// leave lets the guest go, once.
func (p *parked) leave() {
	g := p.guest
	p.guest = nil
	g.Gone()
}

// safely ends the connection if its guest, or a handler, panics or ends its goroutine: it is of
// one browser, and all others go on.
func (p *parked) safely(do func()) {
	returned := false
	defer func() {
		if value := recover(); !returned {
			p.rescue(value)
		}
	}()
	do()
	returned = true
}

func (p *parked) rescue(value any) {
	p.handOver() // a goroutine that ends does not poll any more
	defer p.hangUp()
	defer func() { _ = recover() }()                   // from Gone
	if value != nil && value != http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
		p.lot.trouble(panicked(value))
	}
	if p.guest != nil {
		p.leave()
	}
}

// panicked tells where, and not of what: the value may hold a request.
func panicked(value any) error { return fmt.Errorf("panic of a guest: %T\n%s", value, debug.Stack()) }

// idle is what happens between two requests. A peer that has sent its last request and
// closed its half still gets the answer.
func (p *parked) idle(n news) {
	if n&(hungUp|timeUp) != 0 && n&readable == 0 {
		b := make([]byte, 512)
		if got, _ := p.socket.Read(b); got > 0 { // at its end, or cut off: nothing
			p.keep(b[:got])
			n |= readable
		}
	}
	if n&(hungUp|timeUp|drained) != 0 && n&readable == 0 {
		p.hangUp()
		return
	}
	switch {
	case n&readable == 0:
	case p.behind != nil || p.lot.server == nil:
		p.resume()
	default:
		p.post(n & hungUp) // it is told of once, and this request is answered before
		p.serve()
	}
}

// resume gives the connection back to the server.
func (p *parked) resume() {
	p.handOver()
	p.retire()
	c, err := p.socket.Attach()
	if err != nil {
		p.socket.Close()
	}
	p.socket = gone{}
	p.lot.left() // the poller knows nothing of it any more
	if err != nil {
		return
	}
	p.lot.deliver(&conn{Conn: c, lot: p.lot, first: p.takeBehind(), odd: true})
}

func (p *parked) takeBehind() []byte {
	if p.behind == nil {
		return nil
	}
	return *p.behind
}

func (p *parked) hangUp() {
	p.retire()
	p.socket.Close()
	p.socket = gone{} // the number of its descriptor will be somebody else's
	p.lot.left()
}

// retire ends it as a parked connection: nothing that is posted afterwards counts.
func (p *parked) retire() {
	p.mu.Lock()
	p.state = over
	p.mu.Unlock()
	p.lot.wheel.remove(p)
	p.lot.pay(p)
}

// hear gives the guest what its peer has sent. Of somebody who waits for an answer that is
// its next request, and stays where it is.
func (p *parked) hear() {
	g, ok := p.guest.(Hearer)
	if !ok {
		p.post(unread)
		return
	}
	// One piece at a time: who never stops sending must not keep the guest from its alarm.
	b := make([]byte, 4<<10)
	n, err := p.socket.Read(b)
	switch {
	case n > 0:
		g.Hear(p, b[:n])
		p.post(readable) // there may be more
	case !errors.Is(err, ErrAgain):
		p.failed = true
	}
}
