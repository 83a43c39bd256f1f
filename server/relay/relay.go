// Package relay carries what a site sends to one of its sessions to the connections
// that this session's browser holds open.
package relay

import (
	"context"
	"runtime"
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

type listener struct{ take func([]byte) bool }

// Listen gives take every message for the session from now on, one at a time and in
// order, until stop has returned. take reports whether it could keep the message. It
// must not block and must not call stop: whoever sends is waiting.
func (r *Local) Listen(id login.SessionID, take func(message []byte) (kept bool)) (stop func()) {
	l := &listener{take}
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
	delivered = r.send(id, message)
	runtime.Gosched() // the browser's message goes first, and then the answer to the site
	return delivered, nil
}

func (r *Local) send(id login.SessionID, message []byte) (delivered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.listeners[id] {
		if l.take(message) {
			delivered = true
		}
	}
	return delivered
}
