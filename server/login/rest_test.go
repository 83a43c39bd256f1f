package login

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoWaitsIsNotRememberedTwice holds both that a million who wait cost no hearing each, and
// that nothing is forgotten by it.
func TestWhoWaitsIsNotRememberedTwice(t *testing.T) {
	const handle = Handle("BAAAAAAAAAAA")
	here, away := NetworkKey{7: 1}, NetworkKey{7: 2}
	for _, tt := range []struct {
		name   string
		heard  []watcher
		waits  watcher
		keeps  bool
		after  time.Duration // between the last that was heard and the wait
		expect heard         // from when it has accepted
	}{
		{"nobody before", nil, watcher{network: here}, false, 0, heard{anybody: true, network: here}},
		{"itself", []watcher{{network: here}}, watcher{network: here}, false, 0, heard{anybody: true, network: here}},
		{"itself, who can show the number", []watcher{{network: here, showsNumber: true}}, watcher{network: here, showsNumber: true}, false, 0, heard{anybody: true, able: true, network: here}},
		{"of nowhere", []watcher{{}}, watcher{}, false, 0, heard{anybody: true}},
		{"another who can show the number", []watcher{{network: here, showsNumber: true}}, watcher{network: here}, true, 0, heard{anybody: true, able: true, network: here}},
		{"a stranger", []watcher{{network: away}}, watcher{network: here}, true, 0, heard{anybody: true, network: here, strangers: true}},
		{"a stranger, and then itself", []watcher{{network: away}, {network: here}}, watcher{network: here}, true, 0, heard{anybody: true, network: here, strangers: true}},
		{"a stranger, whose address is known, by one whose is not", []watcher{{network: away}}, watcher{}, true, 0, heard{anybody: true, network: away}},
		{"a stranger, long ago", []watcher{{network: away}}, watcher{network: here}, true, time.Hour, heard{anybody: true, network: here}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &fixed{l: Login{Handle: handle, State: Pending, Deadline: time.Now().Add(3 * time.Hour)}}
				s := &Service{store: Store{Logins: store}}
				s.logins = newHub(store, func(l Login) Login { return l },
					func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
				for _, by := range tt.heard {
					s.audience.hear(handle, by)
					time.Sleep(time.Second)
				}
				time.Sleep(tt.after)
				w := kicked{Watch: Watch{service: s, watch: watch[Login]{by: tt.waits}}, rung: make(chan struct{}, 1)}
				if err := w.Follow(store.l, &w); err != nil {
					t.Fatal(err)
				}
				if n := len(s.audience.share(handle.pack()).now.of); (n > 0) != tt.keeps {
					t.Errorf("while it waits, %d are remembered", n)
				}
				time.Sleep(time.Second)
				store.mu.Lock()
				store.l.State = Scanned
				store.mu.Unlock()
				s.logins.wake(handle)
				<-w.rung
				hears := func(when string) {
					if got, _ := s.audience.heard(handle); got != tt.expect {
						t.Errorf("%s: %+v, want %+v", when, got, tt.expect)
					}
				}
				hears("when it has accepted")
				if err := w.Follow(Login{Handle: handle, State: Pending}, &w); err != nil {
					t.Fatal(err)
				}
				hears("when it accepts at once")
				w.Stop()
				hears("when it was stopped")
			})
		})
	}
}

// Who left a moment ago was there. But once a login is decided nobody asks who was, and of
// one that is over nothing must be kept.
func TestOfADecidedLoginNobodyIsRemembered(t *testing.T) {
	const handle = Handle("BAAAAAAAAAAA")
	for news, remembered := range map[State]int{0: 1, Scanned: 1, Approved: 0, Expired: 0} {
		synctest.Test(t, func(t *testing.T) {
			store := &fixed{l: Login{Handle: handle, State: Pending, Deadline: time.Now().Add(time.Hour)}}
			s := &Service{store: Store{Logins: store}}
			s.logins = newHub(store, func(l Login) Login { return l },
				func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
			by := watcher{network: NetworkKey{1}, showsNumber: true}
			w := kicked{Watch: Watch{service: s, watch: watch[Login]{by: by}}, rung: make(chan struct{}, 1)}
			if err := w.Follow(store.l, &w); err != nil {
				t.Fatal(err)
			}
			if now := store.l; news != 0 {
				now.State = news
				s.logins.changed(handle, now)
				<-w.rung
			}
			w.Stop()
			if of := s.audience.share(handle.pack()).now.of; len(of) != remembered {
				t.Errorf("after %q, %+v is remembered", news, of)
			}
		})
	}
}

// What carries the news to one is used again for another.
func TestNoNewsAreKept(t *testing.T) {
	const handle = Handle("BAAAAAAAAAAA")
	store := &fixed{l: Login{Handle: handle, State: Pending, Deadline: time.Now().Add(time.Hour)}}
	s := &Service{store: Store{Logins: store}}
	s.logins = newHub(store, func(l Login) Login { return l },
		func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
	w := kicked{Watch: s.NewResumedWatch(), rung: make(chan struct{}, 1)}
	if err := w.Follow(store.l, &w); err != nil {
		t.Fatal(err)
	}
	scanned := store.l
	scanned.State = Scanned
	s.logins.changed(handle, scanned)
	held := w.watch.to.(accepted).login
	if l, err, rang := w.News(); l.State != Scanned || err != nil || !rang || *held != (Login{}) {
		t.Errorf("%+v, %v, %v are the news; %+v is kept", l, err, rang, *held)
	}
	if l, _, rang := w.News(); rang {
		t.Errorf("the news came twice: %+v", l)
	}
}

func TestWhoLeavesLongAfterItAcceptedWasThere(t *testing.T) {
	const handle = Handle("BAAAAAAAAAAA")
	synctest.Test(t, func(t *testing.T) {
		store := &fixed{l: Login{Handle: handle, State: Pending, Deadline: time.Now().Add(time.Hour)}}
		s := &Service{store: Store{Logins: store}}
		s.logins = newHub(store, func(l Login) Login { return l },
			func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
		w := kicked{Watch: Watch{service: s, watch: watch[Login]{by: watcher{network: NetworkKey{1}, showsNumber: true}}}, rung: make(chan struct{}, 1)}
		if err := w.Follow(store.l, &w); err != nil {
			t.Fatal(err)
		}
		now := store.l
		now.State = Scanned
		s.logins.changed(handle, now)
		time.Sleep(5 * time.Second) // limit.Patience: it has lost its place, so it does not look
		w.Stop()
		time.Sleep(33 * time.Second) // it is told to come back in 30 to 34
		if was, _ := s.audience.heard(handle); !was.able {
			t.Error("who left 33 s ago is forgotten")
		}
	})
}

func TestOfADecidedLoginNobodyIsRememberedWhoLeaves(t *testing.T) {
	const handle = Handle("BAAAAAAAAAAA")
	store := &fixed{l: Login{Handle: handle, State: Approved, Deadline: time.Now().Add(time.Hour)}}
	s := &Service{store: Store{Logins: store}}
	s.logins = newHub(store, func(l Login) Login { return l },
		func(Login) time.Time { return time.Time{} }, func(h Handle) Login { return Login{Handle: h, State: Expired} })
	w := kicked{Watch: Watch{service: s, watch: watch[Login]{by: watcher{network: NetworkKey{1}}}}, rung: make(chan struct{}, 1)}
	if err := w.Follow(store.l, &w); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	if n := len(s.audience.share(handle.pack()).now.of); n != 0 {
		t.Errorf("%d remembered", n)
	}
}
