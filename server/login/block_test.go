package login_test

import (
	"net/netip"
	"testing"
	"time"

	"qrlatch/server/login"
)

// TestItWasNotMeKeepsTheAddressAwayForADay is what a person gets who disowns a session:
// it ends, and nobody from that network can ask this person again for a day.
func TestItWasNotMeKeepsTheAddressAwayForADay(t *testing.T) {
	inTime(t, func(w *world) {
		from := func(addr string) login.Login {
			_, l, err := w.Start(w.ctx, login.Request{App: "shop", Browser: login.Browser{Addr: netip.MustParseAddr(addr)}})
			w.must(err)
			return l
		}
		scan := func(who login.Identity, addr string) error {
			_, err := w.Scan(w.ctx, who, w.code(from(addr)), time.Time{})
			return err
		}
		l := from("2001:db8::1")
		_, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		v, err := w.RedeemPage(w.ctx, w.query(mustScanned(w, l)), desk)
		w.must(err)
		c, err := w.Credentials(v)
		w.must(err)

		w.wants(w.Disown(w.ctx, bob.Phone, string(v.ID)), login.ErrNotFound)
		w.must(w.Disown(w.ctx, alice.Phone, string(v.ID)))
		got, err := w.Authenticate(w.ctx, presented(c))
		w.must(err)
		if got.Ended != login.ByPhone {
			t.Errorf("the session goes on: %d", got.Ended)
		}
		w.wants(scan(alice, "2001:db8::2"), login.ErrBlocked) // the same /64
		w.must(scan(alice, "2001:db8:0:1::1"))
		w.must(scan(bob, "2001:db8::1"))
		time.Sleep(24*time.Hour + time.Second)
		w.must(scan(alice, "2001:db8::1"))
	})
}

func mustScanned(w *world, l login.Login) login.Login {
	got, err := w.Scanned(w.ctx, alice.Phone, string(l.Handle))
	w.must(err)
	return got
}
