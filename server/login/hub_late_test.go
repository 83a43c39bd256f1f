package login

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// late is a table that may tell late what it has saved.
type late struct {
	fixed
	changed func(Handle, Login)
}

func (t *late) NotifySaved(changed func(Handle, Login)) { t.changed = changed }

// What was saved before somebody began to wait may be offered after that: of two changes at
// once the first may be told last.
func TestAChangeThatIsToldLateIsNoNews(t *testing.T) {
	const handle = Handle("AAAAAAAAAAAA")
	id := ID(string(handle) + encode(make([]byte, secretBytes)))
	before := Login{
		Handle: handle, ID: id.hash(), KeyID: "k1", State: Pending, Phone: Phone{Subject: "alice"}, Deadline: time.Now().Add(time.Hour),
	}
	for name, wait := range map[string]func(t *testing.T, s *Service, news chan<- State){
		"Watch": func(t *testing.T, s *Service, news chan<- State) {
			_, err := s.Watch(t.Context(), Holder{ID: string(id)}, Scanned, func(l Login, _ error) { news <- l.State })
			if err != nil {
				t.Fatal(err)
			}
		},
		"WaitScanned": func(t *testing.T, s *Service, news chan<- State) {
			go func() {
				l, _ := s.WaitScanned(t.Context(), before.Phone, string(handle), Scanned)
				news <- l.State
			}()
		},
		"Follow": func(t *testing.T, s *Service, news chan<- State) {
			w := kicked{Watch: s.NewResumedWatch(), rung: make(chan struct{}, 1)}
			if err := w.Follow(Login{Handle: handle, State: Scanned}, &w); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-w.rung
				l, _, _ := w.News()
				news <- l.State
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, err := newKey("k1", make([]byte, 32))
				if err != nil {
					t.Fatal(err)
				}
				before, now := before, before
				before.Deadline = time.Now().Add(time.Hour)
				now.State, now.Deadline = Scanned, before.Deadline
				table := &late{fixed: fixed{l: now}}
				s := &Service{store: Store{Logins: table}}
				s.Configure(Config{Keys: Keyring{[]Key{keys}}})
				s.logins = newHub(table, func(l Login) Login { return l }, func(Login) time.Time { return time.Time{} },
					func(h Handle) Login { return Login{Handle: h, State: Expired} })
				news := make(chan State, 1)
				wait(t, s, news)
				synctest.Wait()
				table.changed(handle, before)
				synctest.Wait()
				if len(news) > 0 {
					t.Fatalf("%q is told to who knows of %q", <-news, Scanned)
				}
				now.State = Approved
				table.changed(handle, now)
				if state := <-news; state != Approved {
					t.Errorf("%q is told", state)
				}
			})
		})
	}
}

// endings is a table of logins that differ in their ends alone.
type endings struct {
	fixed
	of map[Handle]time.Time
}

func (t *endings) Get(_ context.Context, h Handle) (Login, error) {
	return Login{Handle: h, State: Pending, Deadline: t.of[h]}, nil
}

// A timer is left alone if it fires soon enough, which must not hide what is due before.
func TestWhatIsDueBeforeTheOthersWakesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		table := &endings{of: map[Handle]time.Time{}}
		h := newHub(table, func(l Login) Login { return l.At(time.Now()) }, func(l Login) time.Time { return l.Deadline }, nil)
		var woken []time.Duration
		for i, seconds := range []time.Duration{30, 10, 20, 40} {
			key := Handle(rune('A' + i))
			for h.shard(key) != &h.shards[0] { // one timer for all
				key += "a"
			}
			table.of[key] = begin.Add(seconds * time.Second)
			if _, err := h.watch(key, watcher{}, func(l Login) bool {
				if l.State == Expired {
					woken = append(woken, time.Since(begin)/time.Second)
				}
				return l.State == Expired
			}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(woken, []time.Duration{10, 20, 30, 40}) {
			t.Errorf("they were woken after %d s", woken)
		}
	})
}

// What was saved before its old deadline may be told after it, when that has been put off.
func TestWhatIsToldAfterItsDeadlineIsReadAgain(t *testing.T) {
	const handle = Handle("AAAAAAAAAAAA")
	synctest.Test(t, func(t *testing.T) {
		keys, _ := newKey("k1", make([]byte, 32))
		before := Login{Handle: handle, KeyID: "k1", State: Pending, Deadline: time.Now().Add(time.Minute)}
		table := &late{fixed: fixed{l: before}}
		store := Store{Logins: table}
		s := &Service{store: store}
		s.Configure(Config{Keys: Keyring{[]Key{keys}}})
		s.logins = newHub(table, func(l Login) Login { l.State = s.stateAt(&l, time.Now()); return l },
			func(l Login) time.Time {
				if l.State.Final() {
					return time.Time{}
				}
				return l.Deadline
			}, func(h Handle) Login { return Login{Handle: h, State: Expired} })
		time.Sleep(time.Minute - time.Millisecond)
		// A note of the pending login is saved, but who tells of it is slow.
		saved := before
		// The phone scans within the last millisecond: two minutes more.
		scanned := before
		scanned.State, scanned.Deadline = Scanned, time.Now().Add(decision)
		table.mu.Lock()
		table.l = scanned
		table.mu.Unlock()
		table.changed(handle, scanned)
		w := kicked{Watch: s.NewResumedWatch(), rung: make(chan struct{}, 1)}
		if err := w.Follow(scanned, &w); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		table.changed(handle, saved)
		if l, err, rang := w.News(); rang {
			t.Errorf("told %q (%v), though the login is %q for %v yet", l.State, err, scanned.State, time.Until(scanned.Deadline))
		}
	})
}
