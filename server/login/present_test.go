package login_test

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// stream is a browser that waits on a goroutine of its own.
type stream struct {
	watch login.Watch
	rung  chan struct{}
}

// Offer is Watcher's, as are the others.
func (k *stream) Offer(l login.Login) bool { return k.watch.Accept(l) }
func (k *stream) RingNow()                 { k.Ring() }
func (k *stream) Ring() {
	select {
	case k.rung <- struct{}{}:
	default:
	}
}

// TestWhoIsThereAllTheTimeIsSeenAllTheTime while it goes from one wait to the next, again and
// again: looks come at any moment, so this is a test of chance, that failed within a second.
func TestWhoIsThereAllTheTimeIsSeenAllTheTime(t *testing.T) {
	mem := memstore.New(memstore.Options{})
	defer mem.Close()
	s := login.NewService(mem.Store, login.Config{
		Keys: keyring(t, keyLine("k1", 1)),
		Apps: []login.App{{ID: "shop", Name: "Shop", RedirectURIs: []string{pageURI}, Number: login.NumberAlways}},
	})
	id, l, err := s.Start(t.Context(), login.Request{App: "shop", Browser: desk})
	if err != nil {
		t.Fatal(err)
	}
	h := login.Holder{ID: string(id), Addr: netip.MustParseAddr("192.0.2.1"), ShowsNumber: true}
	if l, err = s.Get(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && !over.Load() {
			k := &stream{watch: s.NewWatch(h, l), rung: make(chan struct{}, 1)}
			err = k.watch.Follow(l, k)
			k.watch.Stop()
		}
		ended <- err
	}()
	for begin := time.Now(); time.Since(begin) < 2*time.Second; {
		if !s.NumberShown(l) {
			t.Fatal("nobody was there")
		}
	}
	over.Store(true)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
