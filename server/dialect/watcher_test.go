package dialect_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// What a phone is told of whoever waits comes of what each dialect says of its browsers:
// where they are, and whether they can show people a number.
func TestEveryDialectSaysWhereItsBrowserIsAndWhetherItShowsTheNumber(t *testing.T) {
	for _, d := range crossDialects() {
		t.Run(d.name, func(t *testing.T) {
			inCross(t, func(w *crossWorld) {
				w.id = crossStartJSON(w)
				l, err := w.service.Get(t.Context(), login.Holder{ID: string(w.id)})
				w.must(err)
				p := w.open(d, "")
				defer p.leave()
				time.Sleep(2 * time.Second) // the short polls have asked
				synctest.Wait()
				if shown := w.service.NumberShown(l); shown == d.short {
					t.Errorf("it shows the number: %v", shown)
				}
				stop, err := w.service.Watch(t.Context(), login.Holder{ID: string(w.id), Addr: netip.MustParseAddr("198.51.100.1")}, login.Pending, func(login.Login, error) {})
				w.must(err)
				defer stop()
				code, _, _ := w.service.Code(l, time.Now())
				l, err = w.service.Scan(t.Context(), alice(), code, time.Time{})
				w.must(err)
				if l.Risk != login.RiskSecondWatcher { // one that polls is a watcher too
					t.Errorf("with a second watcher: %v", l.Risk.Reasons())
				}
			})
		})
	}
}

// Pages before 2017, and most bots, ask for no icon: there is nowhere to draw the digits.
func TestAWeChatClientShowsTheNumberOnlyIfItAsksForTheIcon(t *testing.T) {
	for _, icon := range []bool{false, true} {
		inWX(t, func(t *testing.T, s *wxServer) {
			a := s.pending(wxApp)
			query := "?tip=1&uuid=" + string(a.id)
			if icon {
				query += "&loginicon=true"
			}
			if got := s.get(wxLogin + query); got.body != "window.code=408;" {
				t.Fatal(got.body)
			}
			if s.service.NumberShown(a.Login) != icon {
				t.Errorf("icon %v: it shows the number: %v", icon, !icon)
			}
		})
	}
}
