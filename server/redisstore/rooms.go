package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
)

// This file notes this node beside the sessions for which somebody listens here.

// room is a session for which somebody listens here, or has until now. It is guarded by
// Relay.mu.
type room struct {
	listeners int
	busy      bool // what is noted is being changed
	there     bool // this node is noted
	mates     bool // others may be as well
	met       int  // how often others have said so
}

const (
	// roomLife is how long a node stays noted beside a session, and roomBeats when, in
	// seconds, it says so again.
	roomLife  = 10 * time.Minute
	roomBeats = 240
)

// nodes is the set of those that are noted beside a session.
func (r *Relay) nodes(id login.SessionID) string {
	return r.store.options.Prefix + "s:{" + string(id) + "}:m"
}

// Listen is [relay.Local.Listen]. What is sent on other nodes is heard from when they can know,
// which is mostly a millisecond later. Whoever is rung may ask Redis, so that whoever tells
// does not ring himself: all changes of this node come by his hands.
func (r *Relay) Listen(id login.SessionID, take func(message []byte) (kept bool), ring func()) (stop func()) {
	end := r.local.Listen(id, take, func() { r.store.node.tasks.Go(ring) })
	r.count(id, 1)
	return sync.OnceFunc(func() {
		end()
		r.count(id, -1)
	})
}

// count counts who listens.
func (r *Relay) count(id login.SessionID, more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.rooms[id]
	if in == nil {
		in = &room{}
		r.rooms[id] = in
	}
	was := in.listeners
	in.listeners += more
	switch {
	case was == 0:
		r.noted.add(id)
	case in.listeners == 0:
		r.noted.drop(id)
	}
	r.settle(id, in)
}

// settle has Redis know whether somebody listens here, one change at a time, in a locked relay.
func (r *Relay) settle(id login.SessionID, in *room) {
	if !in.busy {
		in.busy = true
		r.store.node.tasks.Go(func() {
			for r.correct(id, in) {
			}
		})
	}
}

// correct changes what Redis knows if it is wrong, and reports whether it has. If that fails, it
// is tried again when notes are renewed; one that is too many ends by itself.
func (r *Relay) correct(id login.SessionID, in *room) (again bool) {
	r.mu.Lock()
	note, enter := r.noted.toNote(id)
	leave := in.listeners == 0
	met := in.met
	if !enter && (!leave || !in.there) {
		in.busy = false
		if leave {
			delete(r.rooms, id)
		}
		r.mu.Unlock()
		return false
	}
	r.mu.Unlock()

	if leave {
		r.strike(id, r.store.node.id)
		r.mu.Lock()
		defer r.mu.Unlock()
		in.there = false
		return true
	}
	nodes, err := r.store.run(context.Background(), r.store.node.scripts.join, []string{r.nodes(id)}, r.store.node.id, millis(roomLife)).AsStrSlice()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		in.busy = false
		return false
	}
	note.kept()
	mates := r.others(nodes)
	in.there, in.mates = true, len(mates) > 0 || in.met != met
	for _, node := range mates {
		r.store.node.send(node, toldMate+string(id))
	}
	return true
}

// strike takes a node off a session. If it fails, the note ends by itself.
func (r *Relay) strike(id login.SessionID, node string) {
	_ = r.store.do(context.Background(), "leave", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		return c.Do(ctx, safe(c.B().Srem().Key(r.nodes(id)).Member(node).Build()))
	})
}

// others are all nodes but this one.
func (r *Relay) others(nodes []string) (others []string) {
	for _, node := range nodes {
		if node != r.store.node.id {
			others = append(others, node)
		}
	}
	return others
}

// renew notes this node again beside the sessions of one part, if that was not done lately.
func (r *Relay) renew(part int, all bool) {
	for _, id := range r.noted.stale(part, all) {
		r.mu.Lock()
		if in := r.rooms[id]; in != nil {
			r.settle(id, in)
		}
		r.mu.Unlock()
	}
}
