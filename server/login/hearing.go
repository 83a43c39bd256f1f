package login

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Audience is what nodes that share a store tell one another of the browsers that ask for a
// login, or wait for it.
type Audience interface {
	// Hear tells the others all that this node knows of a login's browsers, in place of what
	// it told before. They forget it with the login.
	Hear(ctx context.Context, h Handle, all []Hearing) error
	// Heard returns what the other nodes have told.
	Heard(ctx context.Context, h Handle) ([]Hearing, error)
}

// Hearing is of one browser, and of all like it.
type Hearing struct {
	At          time.Time // to the millisecond
	Waiting     bool      // at that time it waited; else it asked, or had waited until then
	Network     NetworkKey
	ShowsNumber bool // it can show people the number of the login
	Binding     bool // it has the login's binding cookie
}

const (
	// believed is how long it is believed that a browser waits: a node that dies says no word
	// of those that have waited there. It spares a number then, and no more.
	believed = 2 * time.Minute
	// reassured is when a node says it again, as soon as it reads the login for safety,
	// which a store whose notifications may be lost has it do more often than that.
	reassured = time.Minute
	// repeated is when a node says again that a browser asks now and then: before the others
	// forget, and not each time.
	repeated = absence / 2

	// A browser that asks often waits in the next moment: both are told at once.
	tellSoon = 10 * time.Millisecond
	// One that has left is mostly back in the next moment.
	tellLeft = time.Second

	// maxHearings is more than one network can fill: of two networks none is left out.
	maxHearings = 8
)

// lately tells whether a hearing says anything about now.
func (b Hearing) lately(now time.Time) bool {
	if b.Waiting {
		return now.Sub(b.At) <= believed
	}
	return now.Sub(b.At) <= absence
}

func (b Hearing) watcher() watcher { return watcher{b.Network, b.ShowsNumber, b.Binding} }

func hearingOf(by watcher, at time.Time, waiting bool) Hearing {
	return Hearing{At: at, Waiting: waiting, Network: by.network, ShowsNumber: by.showsNumber, Binding: by.binding}
}

// crier tells the other nodes whom this one hears: soon, and not before a browser has its
// answer; only what is news, and one thing at a time for each login. What could not be told
// is told with what comes next. nil: there are no others.
type crier struct {
	audience Audience
	waiting  func(Handle) []watcher
	wards    [64]ward
}

// ward is some logins. As in audience, two maps take turns to forget them.
type ward struct {
	mu        sync.Mutex
	since     time.Time
	now, then map[packedHandle]*telling
}

// telling is what is told of one login. It is guarded by its ward.
type telling struct {
	asked  []Hearing // each watcher once, the latest last
	told   []Hearing // as the others have it
	quiet  bool      // the login has come so far that nobody needs to know
	number bool      // it has come so far that only those matter who show its number
	busy   bool      // it is being told
	due    time.Time // when it will be; zero: not
}

func newCrier(audience Audience, waiting func(Handle) []watcher) *crier {
	if audience == nil {
		return nil
	}
	return &crier{audience: audience, waiting: waiting}
}

func (c *crier) ward(key packedHandle) *ward { return &c.wards[key[0]%byte(len(c.wards))] }

// of returns what is told of a login, in a locked ward.
func (w *ward) of(key packedHandle, now time.Time) *telling {
	if w.now == nil || now.Sub(w.since) > believed {
		w.since, w.then, w.now = now, w.now, make(map[packedHandle]*telling)
	}
	t := w.now[key]
	if t == nil {
		if t = w.then[key]; t == nil {
			t = &telling{}
		}
		w.now[key] = t
	}
	return t
}

// asks is told of a browser that asks for a login, or has waited for it until now.
func (c *crier) asks(h Handle, by watcher) {
	if c == nil {
		return
	}
	c.review(h, func(t *telling, now time.Time) {
		t.asked = slices.DeleteFunc(t.asked, func(b Hearing) bool { return b.watcher() == by || !b.lately(now) })
		t.asked = append(t.asked, hearingOf(by, now, false))
	})
}

// consider is told of a login whenever a browser asks for it, whenever one has begun to wait
// and whenever it is read again.
func (c *crier) consider(l *Login) {
	if c == nil || l.Handle == "" {
		return
	}
	c.review(l.Handle, func(t *telling, _ time.Time) {
		t.number = l.State == Scanned && l.NumberRequired
		t.quiet = l.State != Pending && !t.number
	})
}

// review has the login told if there is anything new to say after change.
func (c *crier) review(h Handle, change func(t *telling, now time.Time)) {
	key, now := h.pack(), time.Now()
	waits := c.waiting(h)
	w := c.ward(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.of(key, now)
	change(t, now)
	c.plan(h, t, waits, now)
}

// plan sets the time at which news are told, if there are any, in a locked ward.
func (c *crier) plan(h Handle, t *telling, waits []watcher, now time.Time) {
	due := t.news(t.all(waits, now), now)
	if !due.IsZero() && !t.busy && (t.due.IsZero() || due.Before(t.due)) {
		t.due = due
		time.AfterFunc(due.Sub(now), func() { c.tell(h) })
	}
}

// tell tells what is new, if it still is.
func (c *crier) tell(h Handle) {
	key, now := h.pack(), time.Now()
	waits := c.waiting(h)
	w := c.ward(key)
	w.mu.Lock()
	t := w.of(key, now)
	if t.busy || t.due.IsZero() || t.due.After(now) {
		w.mu.Unlock()
		return // another time was set
	}
	all := t.all(waits, now)
	news := !t.news(all, now).IsZero()
	t.due, t.busy = time.Time{}, news
	w.mu.Unlock()
	if !news {
		return
	}
	err := c.audience.Hear(context.Background(), h, all)

	waits, now = c.waiting(h), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.busy = false; err == nil {
		t.told = all
		c.plan(h, t, waits, now)
	}
}

// all is whom this node has heard: those who wait, and then the others, the latest first.
func (t *telling) all(waits []watcher, now time.Time) []Hearing {
	var all []Hearing
	add := func(b Hearing) {
		same := func(other Hearing) bool { return other.watcher() == b.watcher() }
		idle := b.watcher() == watcher{} // somebody, of whom nothing is known
		if t.number && !b.ShowsNumber || idle && len(all) > 0 || len(all) == maxHearings || slices.ContainsFunc(all, same) {
			return
		}
		all = append(all, b)
	}
	for _, by := range waits {
		add(hearingOf(by, now, true))
	}
	for _, b := range slices.Backward(t.asked) {
		if b.lately(now) {
			add(b)
		}
	}
	return all
}

// news returns when the others need to be told of all; the zero Time if they know it.
func (t *telling) news(all []Hearing, now time.Time) (due time.Time) {
	if t.quiet {
		return due
	}
	at := func(when time.Time) {
		if due.IsZero() || when.Before(due) {
			due = when
		}
	}
	for _, b := range all {
		i := slices.IndexFunc(t.told, func(told Hearing) bool { return told.watcher() == b.watcher() })
		switch {
		case i < 0, b.Waiting && !t.told[i].Waiting, b.Waiting && now.Sub(t.told[i].At) > reassured:
			at(now.Add(tellSoon))
		case !b.Waiting && t.told[i].Waiting:
			at(now.Add(tellLeft))
		case !b.Waiting && b.At.After(t.told[i].At):
			at(latest(now.Add(tellSoon), t.told[i].At.Add(repeated)))
		}
	}
	return due
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
