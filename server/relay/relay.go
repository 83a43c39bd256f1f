// Package relay carries what a site sends to one of its sessions to the connections
// that this session's browser holds open.
package relay

import (
	"context"
	"slices"
	"sync"

	"qrlatch/server/login"
)

// Local is a relay within one node. The zero Local is ready; it is safe for concurrent
// use.
type Local struct {
	mu        sync.Mutex
	listeners map[login.SessionID][]*listener // no entry without a listener
}

type listener struct {
	take func([]byte) bool
	ring func()
}

// Listen gives take every message for the session from now on, one at a time and in
// order, until stop has returned. take reports whether it could keep the message. It
// must not block and must not call stop: whoever sends is waiting. So he is when he calls
// ring after it, kept or not and perhaps just after stop; but ring may call stop.
func (r *Local) Listen(id login.SessionID, take func(message []byte) (kept bool), ring func()) (stop func()) {
	l := &listener{take, ring}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listeners == nil {
		r.listeners = make(map[login.SessionID][]*listener)
	}
	r.listeners[id] = append(r.listeners[id], l)
	return func() { r.remove(id, l) }
}

func (r *Local) remove(id login.SessionID, l *listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := slices.DeleteFunc(r.listeners[id], func(other *listener) bool { return other == l })
	if len(left) == 0 {
		delete(r.listeners, id)
		return
	}
	r.listeners[id] = left
}

// Send hands message to everybody who listens to the session, and reports whether
// anybody kept it. Nobody may change message afterwards.
func (r *Local) Send(_ context.Context, id login.SessionID, message []byte) (delivered bool, err error) {
	var room [4]*listener
	told, delivered := r.give(room[:0], id, message)
	for _, l := range told {
		l.ring()
	}
	return delivered, nil
}

// give appends whom it has given the message.
func (r *Local) give(told []*listener, id login.SessionID, message []byte) (all []*listener, kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.listeners[id] {
		kept = l.take(message) || kept
		told = append(told, l)
	}
	return told, kept
}
