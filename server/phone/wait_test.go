package phone

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
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
