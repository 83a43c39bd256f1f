package pages_test

import (
	"net/http"
	"net/netip"
	"testing"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// TestAPhoneThatIsTurnedAwayComesBackLater: assets/phone.js asks again, ever more slowly,
// after a status of 500 and more, and loads the page anew at once after any other one.
func TestAPhoneThatIsTurnedAwayComesBackLater(t *testing.T) {
	waiters := limit.NewWaiters(limit.WaiterLimits{PerAddress: 1})
	w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Waiters = waiters })
	alice := w.phone("Alice")
	_, _, code := w.begin()
	question := alice.scan(code)
	for range 2 { // one waits, one is held: then the address is full
		place, _ := waiters.Enter(limit.Waiter{Topic: "another", Addr: netip.MustParseAddr("192.0.2.9")})
		defer place.Leave()
	}
	if p := alice.get(question.path + "/state?since=scanned"); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", p.status, p.header.Get("Retry-After"))
	}
}
