package login_test

import (
	"sync"
	"testing"

	"qrlatch/server/login"
)

// TestOfManySignInsAtOnceExactlyOneSessionStays holds for an app that allows one.
func TestOfManySignInsAtOnceExactlyOneSessionStays(t *testing.T) {
	for range 300 {
		inTime(t, func(w *world) {
			w.configure(func(a *login.App) { a.OneSession = true })
			var tickets []string
			for range 4 {
				_, l := w.approved()
				tickets = append(tickets, w.query(l).Get("ticket"))
			}
			var all sync.WaitGroup
			for _, ticket := range tickets {
				all.Go(func() { _, _ = w.RedeemTicket(w.ctx, "shop", ticket) })
			}
			all.Wait()
			if left, err := w.SessionsOf(w.ctx, alice.Phone); err != nil || len(left) != 1 {
				t.Errorf("%d sessions are left, %v", len(left), err)
			}
		})
	}
}
