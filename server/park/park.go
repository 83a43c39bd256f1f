// Package park lets connections wait without a goroutine, without buffers and without a
// timer of their own: thousands of browsers wait here for minutes, and one that waits in
// net/http costs 17 kB. A parked connection is a descriptor, the record of it, and a place
// in one timing wheel; so is one that idles between two requests. Where a connection
// cannot be parked (HTTP/2, TLS, another system than Linux), the same Guest waits on the
// goroutine of its request, and nobody can tell the difference.
//
// Invariants:
//
//   - A Guest's methods are called one at a time. Gone is the last, and is called once,
//     whatever the reason.
//   - Nothing that happens between Wait and the first Wake, or during a Wake, is lost: it
//     leads to one more Wake.
//   - A parked connection is in the wheel exactly as long as it is parked, so Drain finds
//     all of them there.
//   - Bytes that came with, or behind, the request that is being answered belong to the
//     next one: they go back to the server with the connection. Behind a proxy, a request
//     that gets lost gives the next person somebody else's answer.
//   - A descriptor is written, read and closed by the goroutine that runs its connection
//     at that moment; an event that epoll reports of an earlier life of the number is
//     recognised by its generation.
//   - Nobody is held up by a reader who is slow: a write never blocks anybody but the
//     goroutine that was begun for that one connection.
package park

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idleGrace is how long a connection stays with net/http between two requests that are
	// not plain: one that is used at once need not be parked and resumed.
	idleGrace = time.Second
	// writeTime is how long a peer may take to accept what did not fit into the socket,
	// if nobody has said.
	writeTime = 10 * time.Second
	// hurry is what is left of a patience when the server stops.
	hurry = time.Second
	// drainBatch is how many are woken at once when the server stops.
	drainBatch = 500
	// farAway is the alarm of a guest that has set none.
	farAway = time.Hour
)

// Guest is somebody who waits. Its methods may block, for example on a store; but one whose
// first Wake takes long keeps others waiting for up to a tenth of a second, unless its handler
// has said so (see [Slow]) or asked when its request ends.
type Guest interface {
	// Wake is called when the guest has got its Spot, after each Ring, at its Alarm, and
	// when draining has begun: it looks what there is to do, and does it.
	Wake(Spot)
	// Gone is called when the guest has answered or ended, or its peer has gone.
	Gone()
}

// Hearer is a Guest whose peer may go on sending: a WebSocket.
type Hearer interface {
	Guest
	// Hear gets the next bytes, of any number. They are the caller's again afterwards.
	Hear(Spot, []byte)
}

// Spot is where a guest waits. Ring may be called by anybody, at any time from the first
// Wake on, under any lock: it only makes a note. Everything else is for the guest's own
// methods; once the connection has failed, it does nothing.
type Spot interface {
	Ring()
	// RingNow is Ring for a caller who holds no lock and needs the guest to be quick: he may
	// be woken on this goroutine before it returns. Nobody waits here for his peer.
	RingNow()
	// Alarm makes Wake be called at t, or a little later. It replaces the alarm before.
	Alarm(t time.Time)
	// Draining tells that the server is about to stop: who waits should say goodbye.
	Draining() bool
	// Answer gives the whole answer. The connection goes on to its next request.
	Answer(status int, header http.Header, body []byte)
	// Begin begins an answer of unknown length with status 200, Send sends a part of it,
	// and End ends it. On a WebSocket, Send sends bytes as they are, and End hangs up.
	Begin(header http.Header)
	Send(b []byte)
	End()
}

// Socket is a connection that nobody reads or writes in the background. Read and Write
// never block; where they cannot go on they return ErrAgain, and a short count with it.
type Socket interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
	// Watch asks to be told each time that something has come, or that the peer has gone: at
	// once of what is there, and of what is left unread not again. Another bell takes the
	// place of the one before.
	Watch(tell Bell) error
	// Peer is the address at the other end; empty: it has gone.
	Peer() string
	// Attach makes it a connection for goroutines again, which is told of nothing. The
	// Socket must not be used any more.
	Attach() (net.Conn, error)
	// Close hangs up. What was armed is not told of any more.
	Close()
}

// Bell is told by a Socket, on any goroutine. It does not block.
type Bell interface{ Ready(hungUp bool) }

// Lot is where connections are parked. nil is a Lot in which there is no room: everybody
// waits on a goroutine. It is safe for concurrent use.
type Lot struct {
	options  Options
	mu       sync.Mutex
	poll     atomic.Pointer[poller] // nil until the first descriptor is to be parked
	pushes   map[net.Conn]struct{}  // connections to peers that read slowly
	debts    map[*parked][]byte
	indebted atomic.Int64 // len(debts)
	wheel    wheel
	count    atomic.Int64
	draining chan struct{}
	drain    sync.Once
	life     context.Context // until Close; every exchange is a part of it
	closed   <-chan struct{} // its end
	end      context.CancelFunc
	close    sync.Once
	empty    chan struct{} // has room for one; told whenever the last has left
	resumed  chan net.Conn

	server  *http.Server // whose handler plain requests are for; nil: nobody is served
	largest int          // such a request
	rooms   sync.Pool
	workers workers
}

// Options say how long a Lot waits for a peer.
type Options struct {
	Idle  time.Duration // a connection may be so long without a request
	Write time.Duration // it may take so long to accept a part of an answer; 0: 10 s
	// Trouble is told of what is an operator's business: a guest that panicked, a
	// connection that could not be accepted. nil: nobody.
	Trouble func(error)
}

// New returns an empty Lot.
func New(o Options) *Lot {
	l := &Lot{
		options: o, draining: make(chan struct{}),
		empty: make(chan struct{}, 1), resumed: make(chan net.Conn),
		largest: roomForPlain,
	}
	l.life, l.end = context.WithCancel(context.Background())
	l.closed = l.life.Done()
	l.workers.keep = workersPerCPU * runtime.GOMAXPROCS(0)
	l.wheel.start(l.tick, l.closed)
	return l
}

// writeTime is short for a server that is about to stop.
func (l *Lot) writeTime() time.Duration {
	if l == nil {
		return writeTime
	}
	patience := cmp.Or(l.options.Write, writeTime)
	if l.Draining() || l.isClosed() {
		return min(patience, hurry)
	}
	return patience
}

func (l *Lot) trouble(err error) {
	if l.options.Trouble != nil {
		l.options.Trouble(err)
	}
}

// Count is how many connections are here: those that are parked, idle ones among them,
// and WebSockets that could not be.
func (l *Lot) Count() int {
	if l == nil {
		return 0
	}
	return int(l.count.Load())
}

// Wait makes g wait on the connection of r, whose answer w is. It returns when g is gone,
// or at once if the connection could be parked; either way it has been answered, or will
// be, and the handler must return without touching w. Header fields that are set in w are
// part of every answer; g must not set them again.
func (l *Lot) Wait(w http.ResponseWriter, r *http.Request, g Guest) {
	if !l.CanPark(r) {
		l.hold(w, r, g)
		return
	}
	if e, ok := r.Context().Value(contextKey{}).(*exchange); ok {
		e.wait(g)
		return
	}
	ours, _ := r.Context().Value(contextKey{}).(*conn)
	socket, err := l.copyOf(ours)
	if err != nil {
		l.hold(w, r, g) // there are no descriptors left: it needs none but its own
		return
	}
	p := &parked{lot: l, place: l.arrived(), guest: g, keepAlive: r.ProtoAtLeast(1, 1) && !r.Close && w.Header().Get("Connection") != "close", http11: r.ProtoAtLeast(1, 1)}
	p.fields = fieldsOf(w.Header())
	_, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		if socket != nil {
			socket.Close() // a copy
		}
		l.left()
		l.hold(w, r, g) // as if it could not be parked: nothing has happened yet
		return
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		rest, _ := buffered.Peek(n) // it is there
		p.keep(rest)
	}
	ours.take()
	p.socket = release(ours.Conn, socket)
	p.begin()
}

// CanPark tells whether the connection of r can leave net/http. Only that of a GET without
// a body can: the answer to a HEAD has none, and where a body ends only net/http knows.
func (l *Lot) CanPark(r *http.Request) bool {
	ours := r.Context().Value(contextKey{})
	return l != nil && ours != nil && r.ProtoMajor == 1 && r.Method == http.MethodGet && r.ContentLength == 0 && len(r.TransferEncoding) == 0
}

// Drain wakes every guest once more, hangs up on idle connections, and does so with those
// who come later. It returns when nobody is left, or ctx has ended.
func (l *Lot) Drain(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.drain.Do(func() {
		close(l.draining)
		l.hurryUp(func(c net.Conn) { _ = c.SetWriteDeadline(time.Now().Add(hurry)) })
		for i, p := range l.wheel.all() {
			if p.post(drained); i%drainBatch == drainBatch-1 {
				time.Sleep(time.Millisecond) // a store may be asked for each of them
			}
		}
	})
	return l.emptied(ctx)
}

// emptied returns when nobody is left, or ctx has ended. Several may wait for it.
func (l *Lot) emptied(ctx context.Context) error {
	for l.count.Load() > 0 {
		select {
		case <-l.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.tellEmpty() // the others
	return nil
}

func (l *Lot) tellEmpty() {
	select {
	case l.empty <- struct{}{}:
	default:
	}
}

func (l *Lot) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Draining tells whether Drain was called.
func (l *Lot) Draining() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.draining:
		return true
	default:
		return false
	}
}

// Close hangs up on everybody who is still there, and returns when the last guest is gone,
// or, at the latest, after a moment.
func (l *Lot) Close() {
	if l == nil {
		return
	}
	l.close.Do(func() {
		l.end()
		l.workers.close()
		l.hurryUp(func(c net.Conn) { c.Close() })
		for _, p := range l.wheel.all() {
			p.post(hungUp)
		}
		end, cancel := context.WithTimeout(context.Background(), 2*hurry)
		defer cancel()
		err := l.emptied(end)
		l.mu.Lock()
		defer l.mu.Unlock()
		if poll := l.poll.Load(); err == nil && poll != nil { // else somebody may still use its number
			poll.close()
		}
	})
}

// pushing notes that a write to c may take long, until the returned function is called, and
// sets how long. [Lot.hurryUp] may make it less.
func (l *Lot) pushing(c net.Conn) (done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(l.writeTime())) // it fails where a write will, too
	if l.pushes == nil {
		l.pushes = make(map[net.Conn]struct{})
	}
	l.pushes[c] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.pushes, c)
	}
}

func (l *Lot) hurryUp(each func(net.Conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.pushes {
		each(c)
	}
}

// tick is called as long as anybody is here.
func (l *Lot) tick() {
	if poll := l.poll.Load(); poll != nil {
		poll.tick()
	}
}

// Slow is called by a handler that is about to compute for long: nobody else's request should
// wait for that.
func Slow(ctx context.Context) {
	if e, ok := ctx.Value(contextKey{}).(*exchange); ok {
		e.parked.handOver()
	}
}

// poller watches descriptors. Where one cannot be had now, it may be had later.
func (l *Lot) poller() (*poller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if poll := l.poll.Load(); poll != nil {
		return poll, nil
	}
	poll, err := newPoller(&l.workers)
	if err == nil {
		l.poll.Store(poll)
	}
	return poll, err
}

// arrived counts one more, and gives it a place in the wheel.
func (l *Lot) arrived() (place uint8) {
	if l == nil {
		return 0
	}
	return uint8(l.count.Add(1) % wheelShards)
}

func (l *Lot) left() {
	if l != nil && l.count.Add(-1) == 0 {
		l.tellEmpty()
	}
}
