package dialect_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// The site may speak at any moment, also in the one in which its session begins: whoever
// has a socket open must never be taken for somebody who has none.
func TestASocketListensWithoutAGap(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		a := w.approved(wxApp)
		c := w.opens("id=" + string(a.id))
		h := c.hears("approved")
		l, err := w.service.Get(t.Context(), login.Holder{ID: string(a.id)})
		w.must(err)
		id, _ := w.service.SessionIDOf(l)
		var missed atomic.Bool
		w.stops = func(over bool) {
			if kept, _ := w.relay.Send(t.Context(), id, []byte("1")); over && !kept {
				missed.Store(true)
			}
		}
		if v := w.redeems(h.RedirectURI); v.ID != id {
			t.Fatal("it is another session")
		}
		c.hears("redeemed")
		synctest.Wait()
		if missed.Load() {
			t.Error("a message found nobody, though the socket was open")
		}
	})
}

// What the site was told is on its way is not dropped by a server that stops.
func TestDrainingDeliversWhatWasTaken(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c, v, _ := w.signedIn()
		c.stalls()
		const sent = 12
		for range sent {
			if got := w.sends(v.ID, `{"data":1}`); got != http.StatusAccepted {
				t.Fatalf("answered %d", got)
			}
		}
		w.drain()
		time.Sleep(time.Second)
		c.goesOn()
		for range sent {
			c.hears("message")
		}
		if code, reason := c.closes(); code != 1001 {
			t.Errorf("closed with %d %q", code, reason)
		}
	})
}

// Of a message that comes while the socket is being closed, the site hears the truth.
func TestAMessageOfTheLastMomentIsDeliveredOrNotTaken(t *testing.T) {
	for name, end := range map[string]func(w *wsWorld, v login.Session){
		"drained":    func(w *wsWorld, _ login.Session) { w.drain() },
		"signed out": func(w *wsWorld, v login.Session) { w.must(w.service.SignOut(w.t.Context(), wxApp, string(v.ID))) },
	} {
		t.Run(name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				c, v, _ := w.signedIn()
				var taken atomic.Int64
				var once sync.Once
				w.stops = func(over bool) {
					once.Do(func() {
						if kept, _ := w.relay.Send(t.Context(), v.ID, []byte("1")); kept {
							taken.Add(1)
						}
					})
					if kept, _ := w.relay.Send(t.Context(), v.ID, []byte("2")); over && kept {
						t.Error("taken by a socket that listens no more")
					} else if kept {
						taken.Add(1)
					}
				}
				end(w, v)
				time.Sleep(2 * time.Second) // it may have to look for its session once more
				for range taken.Load() {
					c.hears("message")
				}
				c.closes()
			})
		})
	}
}
