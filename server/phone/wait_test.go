package phone

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/limit"
)

// TestPhoneSeesWhenTheBrowserIsIn is the long poll of a phone after its approval.
func TestPhoneSeesWhenTheBrowserIsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		id, path := s.scanned(t, "shop")
		read(t, s.call(t, "alice-token", "POST", path+"/approve", ""), 200)
		begin := time.Now()
		if got := read(t, s.call(t, "alice-token", "GET", path+"?since=approved&wait=25", ""), 200); got["state"] != "approved" {
			t.Errorf("nothing happened, and yet %v", got)
		}
		if waited := time.Since(begin); waited != 25*time.Second {
			t.Errorf("waited %v", waited)
		}
		go func() {
			time.Sleep(3 * time.Second)
			s.redeemed(t, id, path)
		}()
		begin = time.Now()
		if got := read(t, s.call(t, "alice-token", "GET", path+"?since=approved&wait=25", ""), 200); got["state"] != "redeemed" {
			t.Errorf("got %v", got)
		}
		if waited := time.Since(begin); waited != 3*time.Second {
			t.Errorf("waited %v", waited)
		}
		for _, query := range []string{"", "?since=&wait=60", "?wait=60", "?since=redeemed&wait=60", "?since=scanned&wait=60", "?since=redeemed"} {
			begin = time.Now()
			read(t, s.call(t, "alice-token", "GET", path+query, ""), 200)
			if waited := time.Since(begin); waited != 0 {
				t.Errorf("%s waited %v", query, waited)
			}
		}
	})
}

func TestPhoneThatGoesAwayEndsItsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, path := s.scanned(t, "shop")
		ctx, hangUp := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", path+"?since=scanned&wait=60", nil)
		r.Header.Set("Authorization", "Bearer alice-token")
		time.AfterFunc(2*time.Second, hangUp)
		begin := time.Now()
		s.serve(r)
		if waited := time.Since(begin); waited != 2*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestAPhoneThatMeetsALimitIsHeldThoughItAskedForLess: else it would come back the sooner.
func TestAPhoneThatMeetsALimitIsHeldThoughItAskedForLess(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits limit.WaiterLimits
		query  string
		status int
		held   time.Duration
	}{
		{"no place, wait=1", limit.WaiterLimits{PerAddress: 1}, "1", 429, limit.Patience},
		{"no place, wait=60", limit.WaiterLimits{PerAddress: 1}, "60", 429, limit.Patience},
		{"its place was taken, wait=2", limit.WaiterLimits{PerLogin: 1}, "2", 200, limit.Patience},
		{"its place was taken, wait=60", limit.WaiterLimits{PerLogin: 1}, "60", 200, limit.Patience},
		{"a place, wait=2", limit.WaiterLimits{}, "2", 200, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				waiters := limit.NewWaiters(tt.limits)
				s := newServer(t, func(a *API) { a.Waiters = waiters })
				_, path := s.scanned(t, "shop")
				other := limit.Waiter{Dialect: limit.ByPhone, Topic: path[len("/v1/scans/"):], Addr: firstAddr, Bound: true}
				if tt.limits.PerAddress > 0 {
					other.Topic = "another"
					place := new(limit.Place)
					waiters.Enter(place, other)
					defer place.Leave()
				} else {
					time.AfterFunc(time.Second, func() { waiters.Enter(new(limit.Place), other) })
				}
				began := time.Now()
				w := s.call(t, "alice-token", "GET", path+"?since=scanned&wait="+tt.query, "")
				if got := read(t, w, tt.status); tt.status == 200 && got["state"] != "scanned" {
					t.Errorf("got %v", got)
				}
				if took := time.Since(began); took != tt.held {
					t.Errorf("answered after %v, want %v", took, tt.held)
				}
				if tt.status == 429 && w.Header().Get("Retry-After") != "30" {
					t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
				}
			})
		})
	}
}

// firstAddr is where httptest's requests come from.
var firstAddr = netip.MustParseAddr("192.0.2.1")
