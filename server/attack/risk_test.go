package attack

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Promise 4: a client that draws no avatar cannot show the number, so an old code of its
// login is refused, in words that say what helps. It is never waved through.
func TestWhereTheNumberCannotBeShownAYesIsRefusedInWords(t *testing.T) {
	inTime(t, nil, func(w *world) {
		itchat := w.from(home)
		b := itchat.beginsWeChat("shop")
		for range 5 {
			itchat.get(cgi + "login?tip=1&uuid=" + b.id) // without loginicon; held for 25 s
		}
		go itchat.get(cgi + "login?tip=1&uuid=" + b.id)
		synctest.Wait()
		alice := w.phone("token-of-alice")
		got := alice.post("/v1/scans", `{"code":"`+b.code+`"}`)
		if !strings.Contains(got.body, `"number_required":true`) || !strings.Contains(got.body, `"number_shown":false`) {
			t.Fatalf("the phone is told %v", got)
		}
		var q question
		w.parse(got.body, &q)
		if got := alice.approves(q.ID, ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "fresh code") {
			t.Errorf("a yes gets %v", got)
		}
		time.Sleep(time.Minute)
	})
}

// Promise 5: another country or operator costs the number, where a file tells; another
// address alone does not, or every phone on mobile data would be asked.
func TestAnotherCountryCostsTheNumberAndAnotherAddressDoesNot(t *testing.T) {
	for country, number := range map[string]bool{"the same": false, "another": true} {
		t.Run(country, func(t *testing.T) {
			change := func(s *setup) {
				s.login.Apart = func(browser, phone netip.Addr) bool {
					if browser.String() != home || phone.String() != phones {
						t.Errorf("asked about %s and %s", browser, phone)
					}
					return number
				}
			}
			inTime(t, change, func(w *world) {
				q := w.phone("token-of-alice").scans(w.from(home).begins("shop").code)
				if q.NumberRequired != number {
					t.Errorf("number required: %v, for %v", q.NumberRequired, q.Risk)
				}
			})
		})
	}
}

// T40, promise 9: an attacker has as many requests waiting as he can, on every dialect,
// on his own login and on one whose id he has learned. He holds no more than his share,
// and everybody else logs in.
func TestAnAttackerWhoWaitsEverywhereKeepsNobodyOut(t *testing.T) {
	change := func(s *setup) {
		s.web.Limits.WaitersPerLogin, s.web.Limits.WaitersPerAddress, s.web.Limits.Waiters = 4, 16, 1000
		s.web.Limits.StartsPerAddress = 0
	}
	inTime(t, change, func(w *world) {
		victim := w.from(home)
		b := victim.begins("shop")
		later := victim.begins("shop") // whose browser comes when its places are taken
		heard := make(chan answer, 1)
		go func() { heard <- victim.get("/v1/logins/" + b.id + "?since=pending&wait=60") }()
		synctest.Wait()

		attack, end := context.WithCancel(context.Background())
		before := runtime.NumGoroutine()
		attackers := 0
		for n := range 40 { // addresses
			attacker := w.from(fmt.Sprintf("198.51.100.%d", n+1))
			own := attacker.begins("shop")
			for range 25 {
				for _, id := range []string{own.id, b.id, later.id} {
					for _, target := range []string{"/v1/logins/" + id + "?since=pending&wait=60", "/v1/logins/" + id + "/events", cgi + "login?tip=1&uuid=" + id} {
						if id == later.id && strings.HasPrefix(target, cgi) {
							continue // that dialect tells a scan once, and who has the id could take the login itself
						}
						attackers++
						go attacker.abandon(attack, target)
					}
				}
			}
		}
		synctest.Wait()
		t.Logf("%d requests, %d goroutines more", attackers, runtime.NumGoroutine()-before)
		waiting := w.gauge("qrlatch_waiters")
		if waiting > 40*16+1 || waiting < 40 {
			t.Errorf("%d wait", waiting)
		}
		select {
		case got := <-heard:
			t.Fatalf("the victim was driven out: %v", got)
		default:
		}

		came := make(chan answer, 1)
		go func() { came <- victim.get(cgi + "login?tip=1&loginicon=true&uuid=" + later.id) }()
		synctest.Wait()
		w.phone("token-of-bob").scans(later.code)
		if got := <-came; !strings.Contains(got.body, "window.code=201;") {
			t.Errorf("who comes later hears %v after %v", got, got.took)
		}

		alice := w.phone("token-of-alice")
		q := alice.scans(b.code) // two addresses wait: it costs the number
		alice.approves(q.ID, w.number(b))
		if got := <-heard; got.took > time.Minute || !strings.Contains(got.body, `"scanned"`) {
			t.Errorf("the victim hears %v after %v", got, got.took)
		}
		fresh := w.from("203.0.113.77").begins("shop")
		if got := w.from("203.0.113.77").get("/v1/logins/" + fresh.id); got.took > time.Second || got.status != http.StatusOK {
			t.Errorf("somebody else gets %v after %v", got, got.took)
		}
		end()
		synctest.Wait()
		time.Sleep(2 * time.Minute)
		if left := w.gauge("qrlatch_waiters"); left != 0 {
			t.Errorf("%d places are still taken", left)
		}
	})
}
