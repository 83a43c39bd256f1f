package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
	"qrlatch/server/relay"
)

// Relay carries what a site sends to a session to the sockets of its browser, on whichever
// nodes they are. It is a [relay.Local] that also knows of the other nodes'.
//
// A node notes itself beside a session for which somebody listens, and those who are there
// already hear of that: so it knows when it is alone, and then sending costs no call. Else the
// sender reads who is noted, and sends one message to each, who says whether it was kept. None
// is sent twice: when a connection breaks over it, the caller gets an error.
type Relay struct {
	store *Store
	local relay.Local
	noted *following[login.SessionID]

	mu      sync.Mutex
	rooms   map[login.SessionID]*room
	asked   map[uint64]chan<- bool // by the number of the question
	numbers uint64
}

// The letters of what nodes tell each other about messages. Those of tables are others.
const (
	toldMessage = "m" // session, asking node, number, message
	toldAnswer  = "a" // number, whether it was kept
	toldMate    = "j" // session, for which the sender listens as well
)

var errSilent = errors.New("redis: a node did not say whether it has kept a message")

func newRelay(s *Store) *Relay {
	return &Relay{
		store: s, noted: newFollowing[login.SessionID](roomBeats * s.options.beat),
		rooms: map[login.SessionID]*room{}, asked: map[uint64]chan<- bool{},
	}
}

// Relay returns the node's relay.
func (s *Store) Relay() *Relay { return s.node.relay }

// Send is [relay.Local.Send], to all nodes. An error means that it is not known whether
// somebody has kept the message, or else that nobody could be asked.
func (r *Relay) Send(ctx context.Context, id login.SessionID, message []byte) (delivered bool, err error) {
	delivered, err = r.local.Send(ctx, id, message)
	if err != nil || r.alone(id) {
		return delivered, err
	}
	nodes, err := r.store.do(ctx, "sockets", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		return c.Do(ctx, safe(c.B().Smembers().Key(r.nodes(id)).Build()))
	}).AsStrSlice()
	if err != nil {
		return r.outcome(delivered, fmt.Errorf("redis: %w", err))
	}
	elsewhere, err := r.ask(ctx, id, r.others(nodes), message)
	return r.outcome(delivered || elsewhere, err)
}

// outcome leaves an error away if the message has come to somebody.
func (r *Relay) outcome(delivered bool, err error) (bool, error) {
	if delivered {
		return true, nil
	}
	return false, err
}

// alone tells whether all who listen to the session are here.
func (r *Relay) alone(id login.SessionID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.rooms[id]
	return in != nil && in.listeners > 0 && in.there && !in.mates
}

// ask sends a message to nodes and waits until all have answered: what is sent next, on
// whichever node, comes after it.
func (r *Relay) ask(ctx context.Context, id login.SessionID, nodes []string, message []byte) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.store.options.Timeout)
	defer cancel()
	answers, open := make(chan bool, len(nodes)), 0
	for _, node := range nodes {
		number := r.expect(answers)
		defer r.forget(number)
		text := strings.Join([]string{toldMessage + string(id), r.store.node.id, strconv.FormatUint(number, 36), string(message)}, " ")
		heard, failed := r.store.runOnce(ctx, r.store.node.scripts.tell, []string{r.store.channel(node)}, text, millis(channelLife)).AsInt64()
		switch {
		case failed != nil:
			err = fmt.Errorf("redis: %w", failed)
		case heard == 0: // it is gone, or will note itself when it is back
			r.store.node.tasks.Go(func() { r.strike(id, node) })
		default:
			r.store.node.stats.told.Add(1)
			open++
		}
	}
	for ; open > 0; open-- {
		select {
		case yes := <-answers:
			kept = kept || yes
		case <-ctx.Done():
			return kept, errSilent
		}
	}
	return kept, err
}

// expect numbers a question.
func (r *Relay) expect(answers chan<- bool) (number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numbers++
	r.asked[r.numbers] = answers
	return r.numbers
}

func (r *Relay) forget(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.asked, number)
}

// hear takes what another node has told, if it is about messages. It is called for one after
// the other, and does not block: so they stay in order.
func (r *Relay) hear(letter, text string) bool {
	switch letter {
	case toldMessage:
		if words := strings.SplitN(text, " ", 4); len(words) == 4 {
			r.deliver(login.SessionID(words[0]), words[1], words[2], words[3])
		}
	case toldAnswer:
		text, kept, _ := strings.Cut(text, " ")
		number, _ := strconv.ParseUint(text, 36, 64)
		r.mu.Lock()
		defer r.mu.Unlock()
		if answers := r.asked[number]; answers != nil {
			answers <- kept == "1" // there is room for one of each
			delete(r.asked, number)
		}
	case toldMate:
		r.mu.Lock()
		defer r.mu.Unlock()
		if in := r.rooms[login.SessionID(text)]; in != nil {
			in.mates, in.met = true, in.met+1
		}
	default:
		return false
	}
	return true
}

// deliver hands a message to who listens here, and tells who has asked.
func (r *Relay) deliver(id login.SessionID, asker, number, message string) {
	answer := " 0"
	if kept, _ := r.local.Send(context.Background(), id, []byte(message)); kept {
		answer = " 1"
	}
	r.store.node.send(asker, toldAnswer+number+answer)
	r.mu.Lock()
	gone := r.rooms[id] == nil
	r.mu.Unlock()
	if gone { // the note was too many
		r.store.node.tasks.Go(func() { r.strike(id, r.store.node.id) })
	}
}
