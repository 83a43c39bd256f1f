package login

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fixed is a table with one login, which its test changes.
type fixed struct {
	Table[Handle, Login]
	mu sync.Mutex
	l  Login
}

func (f *fixed) Get(context.Context, Handle) (Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.l, nil
}
func (*fixed) Notify(func(Handle)) {}
func (*fixed) Follow(Handle)       {}
func (*fixed) Unfollow(Handle)     {}

// kicked is a browser that waits.
type kicked struct {
	Watch
	rung chan struct{}
}

func (k *kicked) Offer(l Login) bool { return k.Accept(l) }

func (k *kicked) RingNow() { k.Ring() }

func (k *kicked) Ring() {
	select {
	case k.rung <- struct{}{}:
	default:
	}
}

// A browser that is rung follows anew at once, perhaps before its last watch was taken off
// the list. It must not stand there twice, and nobody behind it may be forgotten.
func TestWhoFollowsAnewAtOnceDisturbsNobody(t *testing.T) {
	const handle = Handle("AAAAAAAAAAAA")
	synctest.Test(t, func(t *testing.T) {
		store := &fixed{l: Login{Handle: handle, State: Pending, Deadline: time.Now().Add(time.Hour)}}
		s := &Service{store: Store{Logins: store}}
		s.logins = newHub(store, func(l Login) Login { return l },
			func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
		var watches [3]kicked
		for i := range watches {
			watches[i].Watch, watches[i].rung = s.NewResumedWatch(), make(chan struct{}, 1)
			if err := watches[i].Follow(store.l, &watches[i]); err != nil {
				t.Fatal(err)
			}
		}
		scanned := store.l
		scanned.State = Scanned
		store.mu.Lock()
		store.l = scanned
		store.mu.Unlock()

		// The offer to the middle one is accepted while somebody is busy with the list.
		shard := s.logins.shard(handle)
		shard.mu.Lock()
		offered := make(chan struct{})
		go func() {
			defer close(offered)
			s.logins.offerTo(handle, &watches[1].watch, scanned)
		}()
		<-watches[1].rung
		l, err, rang := watches[1].News()
		if err != nil || !rang {
			t.Fatal(err, rang)
		}
		again := make(chan error)
		go func() { again <- watches[1].Follow(l, &watches[1]) }()
		shard.mu.Unlock() // now both want it, in either order
		if err := <-again; err != nil {
			t.Fatal(err)
		}
		<-offered
		listed := map[*watch[Login]]int{}
		shard.mu.Lock()
		for n, w := 0, shard.topics.get(handle).first; w != nil && n < 10; n, w = n+1, w.next {
			listed[w]++
		}
		shard.mu.Unlock()
		for i := range watches {
			if listed[&watches[i].watch] != 1 {
				t.Errorf("watch %d stands in the list %d times", i, listed[&watches[i].watch])
			}
		}
	})
}
