package dialect_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// Whoever goes away and comes back hears nothing twice where the dialect has a cursor, or
// remembers, as WeChat's does. Taobao's and WebSocket's say how things stand, each time.
func TestABrowserThatComesBackHearsNothingTwice(t *testing.T) {
	all := crossDialects()
	for _, d := range all {
		for _, other := range all {
			if d == other || !d.cursor && d.name != "WeChat" {
				continue
			}
			t.Run(d.name+" "+other.name, func(t *testing.T) {
				inCross(t, func(w *crossWorld) {
					w.id = crossStartJSON(w)
					var err error
					a := wxAttempt{id: w.id}
					a.Login, err = w.service.Get(t.Context(), login.Holder{ID: string(w.id)})
					w.must(err)
					visit := func(d *crossDialect, since, deed string) (heard []string) {
						p := w.open(d, since)
						time.Sleep(2500 * time.Millisecond) // virtual
						if deed != "" {
							w.must(jsonDeeds[deed](w.wxServer, t.Context(), a))
						}
						time.Sleep(2500 * time.Millisecond) // virtual
						p.leave()
						for _, h := range p.heard {
							word, _, _ := strings.Cut(h, "@")
							heard = append(heard, word)
						}
						return heard
					}
					scanned, approved := d.says[login.Scanned], d.says[login.Approved]
					var before []string
					if d.name == "SSE" {
						before = []string{"qr"} // whatever the cursor: a page may have lost its picture
					}
					if got := visit(d, "pending", "scanned"); !slices.Equal(got, append(before, scanned)) {
						t.Errorf("at first it says %v", got)
					}
					visit(other, "scanned", "")
					if got := visit(d, "scanned", ""); got != nil {
						t.Errorf("it says %v again", got)
					}
					if got := visit(d, "scanned", "approved"); !slices.Equal(got, []string{approved}) {
						t.Errorf("then it says %v", got)
					}
				})
			})
		}
	}
}

// One login may be open in every dialect at once, as it is when a page tries a second
// way before it has given up the first. All hear the same, each once.
func TestEveryDialectHearsOfOneLoginAtOnce(t *testing.T) {
	for _, starter := range crossDialects() {
		t.Run("start on "+starter.name, func(t *testing.T) {
			inCross(t, func(w *crossWorld) {
				c := &crossPlan{oracle: login.Pending, ends: login.Redeemed}
				var pages []*crossPage
				if starter.start != nil {
					w.id = starter.start(w)
				} else {
					p := c.open(w, starter)
					synctest.Wait()
					w.id, pages = p.id, append(pages, p)
				}
				for _, d := range crossDialects() {
					if starter.start != nil || d.name != starter.name {
						pages = append(pages, c.open(w, d))
					}
				}
				var a wxAttempt
				for n, deed := range []string{"scanned", "approved", "redeemed"} {
					when := time.Duration(n)*4*time.Second + 3500*time.Millisecond
					time.Sleep(when - time.Since(w.began)) // virtual
					var err error
					a.Login, err = w.service.Get(t.Context(), login.Holder{ID: string(w.id)})
					w.must(err)
					w.must(crossDeed(t.Context(), w, a, deed))
					c.oracle++
					for _, p := range pages {
						c.expect(p, when)
					}
				}
				time.Sleep(2 * time.Second) // virtual
				for _, p := range pages {
					p.leave()
				}
				c.check(w, pages)
			})
		})
	}
}

// crossDeed brings the ticket the way a browser does, since the site's way is not all apps'.
func crossDeed(ctx context.Context, w *crossWorld, a wxAttempt, deed string) error {
	if deed == "redeemed" {
		w.finish()
		return nil
	}
	return jsonDeeds[deed](w.wxServer, ctx, a)
}
