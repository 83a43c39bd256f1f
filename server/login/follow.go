package login

import (
	"context"
	"time"
)

// Watch is one browser's wait for news of a login. The zero Watch waits for nothing. It
// is meant to be part of what waits, which thousands do at once: it costs no goroutine,
// no timer and no memory but its own.
type Watch struct {
	watch   watch[Login]
	service *Service
	handle  packedHandle
	since   State
	secret  bool // whoever watches holds more than a login id
}

// accepted is what a watch has taken. From then on it has nobody to ask, so this takes the
// place of whom it asked, guarded by watch.mu. nil: it is known already.
type accepted struct{ login *Login }

// Offer is not called: the watch is over.
func (accepted) Offer(Login) (accepted bool) { return true }

// Watcher is whoever has a Watch as a part, which he is told of by Offer, to ask the Watch
// itself with Accept: pointers from the part to the whole would be another 16 bytes. When it
// has accepted he is rung, on whichever goroutine made the change: by RingNow if the store is
// in this process, so that whatever he does at once waits for nobody.
type Watcher interface {
	Offer(now Login) (accepted bool)
	Bell
	RingNow()
}

// Bell is rung from any goroutine. Ring must not block.
type Bell interface{ Ring() }

// NewWatch returns the watch of h for the login l, as Get has returned it, which waits for
// nothing yet.
func (s *Service) NewWatch(h Holder, l Login) Watch {
	return Watch{service: s, watch: watch[Login]{by: watcherOf(h, l)}}
}

// NewResumedWatch returns the watch of the holder of a resume secret.
func (s *Service) NewResumedWatch() Watch { return Watch{service: s, secret: true} }

// Follow offers the login to whole, whose Watch w is, now and after each change until w
// accepts, perhaps before Follow returns. Then w may follow anew, the same login. Every Watch must
// be stopped.
func (w *Watch) Follow(l Login, whole Watcher) error {
	w.handle, w.since, w.watch.to = l.Handle.pack(), l.State, whole
	err := w.service.logins.add(l.Handle, &w.watch)
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	if !w.watch.over && !w.secret {
		w.service.audience.rest(w.handle, w.watch.by) // under the lock: Accept's note must come after it
	}
	return err
}

// Accept is for Offer: it takes the login if that is in a later state than the one
// that was followed, or the watcher is no longer its browser. States never go back, and their
// numbers grow with them: what is offered late is not taken for news.
func (w *Watch) Accept(now Login) bool {
	if w.proves(&now) && now.State <= w.since {
		return false
	}
	news, ok := w.service.news.Get().(*Login)
	if !ok {
		news = new(Login)
	}
	*news = now
	w.watch.to, w.since = accepted{news}, now.State
	if !w.secret && now.State <= Scanned { // nobody asks who was there later on
		w.service.audience.note(w.handle, w.watch.by) // before the hub lets go of it
	}
	return true
}

func (w *Watch) proves(l *Login) bool { return w.secret || !l.Bound || w.watch.by.binding }

// News returns what w has accepted, once. ErrNotFound means that its holder is no longer
// the login's browser.
func (w *Watch) News() (l Login, err error, rang bool) { //nolint:revive // the error is part of the news
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	news, ok := w.watch.to.(accepted)
	if !ok || news.login == nil {
		return Login{}, nil, false
	}
	l, *news.login = *news.login, Login{}
	w.service.news.Put(news.login)
	w.watch.to = accepted{} // nobody else has had it
	if !w.proves(&l) {
		return Login{}, ErrNotFound, true
	}
	l.State = l.stateAt(time.Now())
	return l, nil, true
}

// Now returns the login as it stands, to a watch that has begun. ErrNotFound as in News.
func (w *Watch) Now(ctx context.Context) (Login, error) {
	l, err := w.service.store.Logins.Get(ctx, w.handle.handle())
	if err == nil && !w.proves(&l) {
		err = ErrNotFound
	}
	if err != nil {
		return Login{}, err
	}
	l.State = w.service.stateAt(&l, time.Now())
	return l, nil
}

// Stop ends the wait. Nothing is accepted afterwards, though the bell may still be rung for what
// was.
func (w *Watch) Stop() {
	if w.handle == (packedHandle{}) {
		return // it never began
	}
	handle := w.handle.handle()
	w.watch.mu.Lock()
	asked := w.since <= Scanned // nobody asks who was there later on
	w.watch.mu.Unlock()
	if asked && !w.secret {
		w.service.audience.note(w.handle, w.watch.by) // until now it was there; before the hub lets go of it
	}
	w.service.logins.end(handle, &w.watch)
	if !w.secret {
		w.service.audience.crier.asks(handle, w.watch.by)
	}
}
