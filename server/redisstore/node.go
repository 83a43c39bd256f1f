package redisstore

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"
)

const (
	beatEvery = time.Second
	// silentBeats is how long a subscription that hears nothing is believed in.
	silentBeats = 3
	// tellFor is how long it is tried to tell a node. Until then it is known who was to be.
	tellFor = 8 * time.Second
	// A node wakes for this many messages at once; more wait in its connection.
	maxMessages = 256
	// It reads this many keys at once when it reads all of them, so that others get through.
	maxRereads = 64
)

// topics is what a node needs of a table.
type topics interface {
	message(key string) bool
	reread(part int, all bool, notify func(func()))
}

// node is this process among those that share a Redis: it hears what is told to it, and
// tells others.
type node struct {
	id      string
	store   *Store
	scripts *scripts
	tables  map[string]topics // by the letter in their keys
	relay   *Relay

	living   context.Context
	die      context.CancelFunc // gives up what persists
	tasks    sync.WaitGroup
	messages errgroup.Group
	hearing  atomic.Bool
	lost     atomic.Int64 // since when it hears nothing, in nanoseconds since 1970; 0: it does
	heard    atomic.Int64 // when, in nanoseconds since 1970
	cut      atomic.Pointer[context.CancelFunc]
	confirm  chan struct{} // a subscription has begun
	missed   chan struct{} // something may have been: read all again
	last     int64         // number of the last message; of listen alone
	stats    struct{ told, heard, needless, gaps, rereads atomic.Int64 }
}

// Stats count what a node has done since it began.
type Stats struct {
	Told     int64 // messages sent to other nodes
	Heard    int64 // messages from other nodes
	Needless int64 // of these, about what nobody here waited for any more
	Gaps     int64 // times that messages were missing
	Rereads  int64 // records read again for safety
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	c := &s.node.stats
	return Stats{c.told.Load(), c.heard.Load(), c.needless.Load(), c.gaps.Load(), c.rereads.Load()}
}

func newNode(s *Store, id string) *node {
	n := &node{
		id: id, store: s, scripts: newScripts(), tables: map[string]topics{},
		confirm: make(chan struct{}, 1), missed: make(chan struct{}, 1),
	}
	n.living, n.die = context.WithCancel(context.Background())
	n.messages.SetLimit(maxMessages)
	n.lost.Store(time.Now().UnixNano())
	return n
}

// channel is where a node is told, and the counter of that. The id in braces is the slot.
func (s *Store) channel(node string) string { return s.options.Prefix + "n:{" + node + "}" }

// tell wakes nodes for a key of a table. It does not wait: whoever changed the record has his
// answer, and the nodes would read again by themselves.
func (n *node) tell(nodes []string, letter, key string) {
	for _, to := range nodes {
		if to == n.id {
			n.tasks.Go(func() { n.tables[letter].message(key) })
			continue
		}
		n.send(to, letter+key)
	}
}

// send tells another node something, more than once if need be, and does not wait for that.
func (n *node) send(to, text string) {
	n.persist(func(ctx context.Context) error {
		err := n.store.run(ctx, n.scripts.tell, []string{n.store.channel(to)}, text, millis(channelLife)).Error()
		if err == nil {
			n.stats.told.Add(1)
		}
		return err
	})
}

// persist tries until try succeeds, or for a while, and does not wait for that.
func (n *node) persist(try func(context.Context) error) {
	n.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(n.living, tellFor)
		defer cancel()
		for wait := 100 * time.Millisecond; try(ctx) != nil && ctx.Err() == nil; wait *= 2 {
			pause(ctx, wait)
		}
	})
}

// finish waits for what persists, but not longer than patience.
func (n *node) finish(patience time.Duration) {
	timer := time.AfterFunc(patience, n.die)
	n.tasks.Wait()
	timer.Stop()
	n.die()
}

// run hears and beats until ctx ends.
func (n *node) run(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { n.listen(ctx) })
	parts.Go(func() { n.catchUp(ctx) })
	n.tick(ctx)
	parts.Wait()
	_ = n.messages.Wait() // none returns an error
}

// listen keeps a subscription, on a connection of its own: a burst of messages must not hold
// up answers, and Redis cuts off a subscriber that is slow.
func (n *node) listen(ctx context.Context) {
	client := *n.store.client.Load()
	wait, quiet := time.Duration(0), false
	for ctx.Err() == nil {
		pause(ctx, wait/2+rand.N(wait+1)) // nodes must not come back all at once
		wait = min(2*wait+50*time.Millisecond, time.Second)
		here, cancel := context.WithCancel(ctx)
		n.cut.Store(&cancel)
		n.heard.Store(time.Now().UnixNano())
		conn, release := client.Dedicate()
		err := conn.Receive(rueidis.WithOnSubscriptionHook(here, func(s rueidis.PubSubSubscription) {
			if s.Kind == "ssubscribe" {
				signal(n.confirm)
			}
		}), conn.B().Ssubscribe().Channel(n.store.channel(n.id)).Build().Pin(), n.hear)
		n.tasks.Go(release) // it asks the server, who may not answer
		cancel()
		if n.hearing.Swap(false) {
			n.lost.Store(time.Now().UnixNano())
			wait, quiet = 0, false
		}
		if !quiet && ctx.Err() == nil {
			n.store.options.Log.Warn("no subscription to redis: browsers do not hear of changes until it is back", "error", err)
			quiet = true // until then
		}
	}
}

// hear takes one message: its number and, unless it is our own beat, what has changed.
func (n *node) hear(m rueidis.PubSubMessage) {
	text, topic, told := strings.Cut(m.Message, " ")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || told && topic == "" {
		return // somebody else's
	}
	n.heard.Store(time.Now().UnixNano())
	expected := n.last
	if told {
		expected++
	}
	n.last = number
	switch {
	case !n.hearing.Load(): // the first since we are here: what was before, nobody knows
		n.hearing.Store(true)
		n.lost.Store(0)
		n.store.options.Log.Info("subscribed to redis")
		signal(n.missed)
	case number != expected:
		n.stats.gaps.Add(1)
		signal(n.missed)
	}
	if !told {
		return
	}
	n.stats.heard.Add(1)
	if n.relay.hear(topic[:1], topic[1:]) {
		return
	}
	table := n.tables[topic[:1]]
	n.messages.Go(func() error {
		if table == nil || !table.message(topic[1:]) {
			n.stats.needless.Add(1)
		}
		return nil
	})
}

// tick sends beats, drops a subscription that does not hear them, and has a part of what is
// followed read again every second.
func (n *node) tick(ctx context.Context) {
	ticker := time.NewTicker(n.store.options.beat)
	defer ticker.Stop()
	for part := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-n.confirm:
			_ = n.store.beat(ctx) // if it is lost, the next comes in a second
		case <-ticker.C:
			_ = n.store.beat(ctx)
			n.store.countLogins(ctx)
			if time.Since(time.Unix(0, n.heard.Load())) > silentBeats*n.store.options.beat {
				if cut := n.cut.Load(); cut != nil {
					(*cut)()
				}
			}
			if n.hearing.Load() {
				part = (part + 1) % followParts
				n.reread(part, false)
			}
		}
	}
}

// beat has Redis send this node the number of its last message.
func (s *Store) beat(ctx context.Context) error {
	return s.run(ctx, s.node.scripts.beat, []string{s.channel(s.node.id)}, millis(channelLife)).Error()
}

// catchUp reads everything again whenever something may have been missed.
func (n *node) catchUp(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.missed:
			for part := range followParts {
				n.reread(part, true)
			}
		}
	}
}

// reread has what is followed in one part of the tables read again, if it was not lately.
func (n *node) reread(part int, all bool) {
	var group errgroup.Group
	group.SetLimit(maxRereads)
	for _, table := range n.tables {
		table.reread(part, all, func(notify func()) {
			n.stats.rereads.Add(1)
			group.Go(func() error { notify(); return nil })
		})
	}
	n.relay.renew(part, all)
	_ = group.Wait() // none returns an error
}

// signal leaves word for whoever receives next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
