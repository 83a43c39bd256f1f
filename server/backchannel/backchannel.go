// Package backchannel tells sites that sessions of theirs are over, as OpenID Connect
// Back-Channel Logout 1.0 has it: a signed token is sent to the app's logout_url, for
// every end that the site did not ask for itself.
//
// Notices are kept in memory and tried again for about 45 minutes. A crash loses them,
// so they spare a site waiting and never asking: what the service says of a session is
// the truth.
package backchannel

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"qrlatch/server/login"
)

const (
	atOnce     = 4    // notices that one app is sent at the same time
	maxPending = 1000 // notices of one app that wait for their answer, or for their next try
)

// The results that Options.Observe is told of.
const (
	Sent    = "sent"     // the site has taken a notice
	Failed  = "failed"   // one try came to nothing, and there will be another
	Refused = "refused"  // the site says that a notice is wrong
	GivenUp = "given_up" // a site was never told
)

// Options are what a Notifier works by.
type Options struct {
	Issuer    string // the public URL of this server, as id_tokens name it
	Log       *slog.Logger
	Transport http.RoundTripper   // nil: the network, through the proxy that the environment names
	Observe   func(result string) // counts; nil: nobody does
}

// Notifier sends the notices. Each app has a queue of its own: a site that is dead holds
// up no other.
type Notifier struct {
	Options
	known atomic.Pointer[known]
	hurry chan struct{} // closed: no more waiting between tries

	mu     sync.Mutex
	queues map[string]*queue // by app
	lost   int               // given up because the server stops
	closed bool
	tasks  sync.WaitGroup // one of each notice
}

// known is what the configuration says at present.
type known struct {
	apps []login.App
	keys login.Keyring
}

func (k *known) logoutURL(app string) string {
	i := slices.IndexFunc(k.apps, func(a login.App) bool { return a.ID == app })
	if i < 0 {
		return ""
	}
	return k.apps[i].LogoutURL
}

type queue struct {
	turns   chan struct{} // holds whoever is being sent
	pending []*notice     // the oldest first
}

// notice is that one session is over.
type notice struct {
	id      string // its jti
	app     string
	session login.SessionID
	subject string
	drop    context.CancelCauseFunc
}

// New returns a Notifier that waits for Serve.
func New(o Options) *Notifier {
	n := &Notifier{Options: o, hurry: make(chan struct{}), queues: map[string]*queue{}}
	if n.Transport == nil {
		n.Transport = network()
	}
	n.known.Store(new(known))
	return n
}

// Serve has a service that is made or changed by c tell n of its events, after whoever
// is told already, and takes over its apps and keys.
func (n *Notifier) Serve(c *login.Config) {
	n.known.Store(&known{apps: c.Apps, keys: c.Keys})
	before := c.Audit
	c.Audit = func(e login.Event) {
		if before != nil {
			before(e)
		}
		n.Tell(e)
	}
}

// Tell sends a notice of an event, if its site has to know of it. It does not wait.
func (n *Notifier) Tell(e login.Event) {
	if e.Name != login.EventSignOut && e.Name != login.EventNotMe || e.BySite || n.known.Load().logoutURL(e.App) == "" {
		return
	}
	ctx, drop := context.WithCancelCause(context.Background())
	x := &notice{id: rand.Text(), app: e.App, session: e.Session, subject: e.Phone.Subject, drop: drop}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed { // a request that was cut off has ended it all the same
		drop(nil)
		n.gaveUp(x, errStopped)
		return
	}
	q := n.queues[x.app]
	if q == nil {
		q = &queue{turns: make(chan struct{}, atOnce)}
		n.queues[x.app] = q
	}
	if len(q.pending) >= maxPending {
		q.pending[0].drop(errFull)
		q.pending = q.pending[1:]
	}
	q.pending = append(q.pending, x)
	n.tasks.Go(func() { n.deliver(ctx, q, x) })
}

// Why a notice is given up before its tries are used up.
var (
	errFull    = errors.New("too many others wait")
	errStopped = errors.New("the server stops")
	errNowhere = errors.New("its logout_url was taken out of the configuration")
)

// deliver sees a notice through to its end.
func (n *Notifier) deliver(ctx context.Context, q *queue, x *notice) {
	err := n.insist(ctx, q, x)
	x.drop(nil)
	stopped := errors.Is(err, errStopped)
	n.mu.Lock()
	q.pending = slices.DeleteFunc(q.pending, func(other *notice) bool { return other == x })
	if stopped {
		n.lost++
	}
	n.mu.Unlock()
	switch {
	case err == nil:
		n.observe(Sent)
	case errors.Is(err, errRefused):
		n.observe(Refused)
		n.Log.Warn("a site refuses the notice of a sign-out", "app", x.app, "session", x.session, "error", err)
	case stopped:
		n.observe(GivenUp) // Close says how many
	default:
		n.gaveUp(x, err)
	}
}

func (n *Notifier) gaveUp(x *notice, err error) {
	n.observe(GivenUp)
	n.Log.Warn("a site was not told of a sign-out", "app", x.app, "session", x.session, "error", err)
}

func (n *Notifier) observe(result string) {
	if n.Observe != nil {
		n.Observe(result)
	}
}

// Hurry begins the end: every notice that waits is tried once more at once, and then no
// more.
func (n *Notifier) Hurry() { close(n.hurry) }

// Close waits until nothing is pending or ctx ends, and says how many notices are lost.
// It comes after Hurry, when no request is served any more.
func (n *Notifier) Close(ctx context.Context) {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		n.tasks.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		n.mu.Lock()
		for _, q := range n.queues {
			for _, x := range q.pending {
				x.drop(errStopped)
			}
		}
		n.mu.Unlock()
		<-idle
	}
	if n.lost > 0 {
		n.Log.Warn("sites were not told of sign-outs, as the server stops", "lost", n.lost)
	}
}
