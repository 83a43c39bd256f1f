package dialect_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

var jslogin = regexp.MustCompile(`window\.QRLogin\.uuid = "([\w-]{36})"`)

// crossPlan is one login of a browser that moves. Its times are the same for all:
//
//	0s open on the first   3.5s scan, or 5.5s: while nobody waits
//	5s move (6s open)      9.5s approve, or 11.5s: while nobody waits
//	11s move (12s open)    15.5s the ticket is brought
type crossPlan struct {
	dialects             []*crossDialect
	carries              bool // each page is told by the one before what it has seen
	scanGap, approveGap  bool // nobody waits when it happens
	ends                 login.State
	oracle               login.State
	seen                 login.State // by the browser
	wechatHasSaidScanned bool
}

func TestABrowserMayChangeItsDialectAndLosesNothing(t *testing.T) {
	all := crossDialects()
	for i, first := range all {
		t.Run("start on "+first.name, func(t *testing.T) {
			for j, second := range all {
				for k, third := range all {
					if first == second || second == third {
						continue
					}
					for variant := range 8 {
						// Every order meets half of the variants, and every two dialects all of them.
						if variant&1 != (i+j+k)&1 || testing.Short() && variant > 1 && variant < 6 {
							continue
						}
						plan := crossPlan{
							dialects: []*crossDialect{first, second, third}, ends: login.Redeemed,
							carries: variant&1 != 0, scanGap: variant&2 != 0, approveGap: variant&4 != 0,
						}
						t.Run(fmt.Sprintf("%s %s %d", second.name, third.name, variant), func(t *testing.T) {
							inCross(t, func(w *crossWorld) {
								plan := plan // which is played anew in each mode
								plan.play(w)
							})
						})
					}
				}
			}
		})
	}
}

func TestABrowserThatChangesItsDialectHearsOfEveryEnd(t *testing.T) {
	all := crossDialects()
	for _, end := range []login.State{login.Denied, login.Expired} {
		for _, first := range all {
			for _, second := range all {
				if first == second {
					continue
				}
				for _, carries := range []bool{false, true} {
					plan := crossPlan{dialects: []*crossDialect{first, second}, ends: end, carries: carries}
					t.Run(fmt.Sprintf("%s %s %s %v", end, first.name, second.name, carries), func(t *testing.T) {
						inCross(t, func(w *crossWorld) {
							plan := plan // which is played anew in each mode
							plan.play(w)
						})
					})
				}
			}
		}
	}
}

// play lives through the plan and holds what every page heard against what it had to.
func (c *crossPlan) play(w *crossWorld) {
	w.t.Helper()
	first := c.dialects[0]
	if first.start != nil {
		if w.id = first.start(w); w.id == "" {
			w.t.Fatal("no login")
		}
	}
	c.oracle = login.Pending
	pages := []*crossPage{c.open(w, first)}
	if synctest.Wait(); w.id == "" {
		w.id = pages[0].id
	}
	pause := func(until time.Duration) { time.Sleep(until - time.Since(w.began)) } // virtual
	at := func(when time.Duration, p *crossPage, state login.State, deed func()) {
		pause(when)
		deed()
		c.oracle = state
		if p != nil {
			c.expect(p, when)
		}
	}
	a := wxAttempt{id: w.id}
	do := func(deed string) func() {
		return func() {
			var err error
			a.Login, err = w.service.Get(w.t.Context(), login.Holder{ID: string(w.id)})
			w.must(err)
			w.must(jsonDeeds[deed](w.wxServer, w.t.Context(), a))
		}
	}
	move := func(when time.Duration, between func()) {
		pause(when)
		pages[len(pages)-1].leave()
		between()
		pause(when + time.Second)
		pages = append(pages, c.open(w, c.dialects[len(pages)]))
	}
	last := func() *crossPage { return pages[len(pages)-1] }

	if !c.scanGap {
		at(3500*time.Millisecond, last(), login.Scanned, do("scanned"))
	}
	move(5*time.Second, func() {
		if c.scanGap {
			at(5500*time.Millisecond, nil, login.Scanned, do("scanned"))
		}
	})
	switch c.ends {
	case login.Denied:
		at(9500*time.Millisecond, last(), login.Denied, do("denied"))
	case login.Expired:
		at(5*time.Minute, last(), login.Expired, func() {})
	default:
		if !c.approveGap {
			at(9500*time.Millisecond, last(), login.Approved, do("approved"))
		}
		move(11*time.Second, func() {
			if c.approveGap {
				at(11500*time.Millisecond, nil, login.Approved, do("approved"))
			}
		})
		synctest.Wait()
		at(15500*time.Millisecond, last(), login.Redeemed, w.finish)
	}
	time.Sleep(2 * time.Second) // virtual
	last().leave()
	c.check(w, pages)
	c.afterwards(w)
}

// open opens a page, and notes what it must say at once.
func (c *crossPlan) open(w *crossWorld, d *crossDialect) *crossPage {
	since := login.State(0)
	if c.carries {
		since = c.seen
	}
	p := w.open(d, since.String())
	if !d.cursor || since != c.oracle {
		c.expect(p, p.opened)
	}
	return p
}

// expect notes that a page must say the state that is reached now.
func (c *crossPlan) expect(p *crossPage, now time.Duration) {
	if p.over {
		return
	}
	if p.short { // it hears when it asks next
		now = p.opened + (now-p.opened+time.Second-1)/time.Second*time.Second
	}
	p.over = slices.Contains(p.stops, c.oracle)
	c.seen = c.oracle
	if p.name == "WeChat" && c.oracle == login.Scanned {
		if c.wechatHasSaidScanned {
			return
		}
		c.wechatHasSaidScanned = true
	}
	for _, word := range strings.Fields(p.says[c.oracle]) {
		p.want = append(p.want, fmt.Sprintf("%s@%v", word, now))
	}
}

func (c *crossPlan) check(w *crossWorld, pages []*crossPage) {
	w.t.Helper()
	said := map[string]map[string]bool{}
	for i, p := range pages {
		if !slices.Equal(p.heard, p.want) {
			w.t.Errorf("page %d, on %s, heard %v, want %v", i+1, p.name, p.heard, p.want)
		}
		if said[p.name] == nil {
			said[p.name] = map[string]bool{}
		}
		for _, heard := range p.heard {
			word, _, _ := strings.Cut(heard, "@")
			if said[p.name][word] {
				w.t.Errorf("%s said %s twice", p.name, word)
			}
			said[p.name][word] = true
		}
	}
}

// afterwards every dialect knows how the login ended.
func (c *crossPlan) afterwards(w *crossWorld) {
	w.t.Helper()
	for _, d := range crossDialects() {
		if d.name == "WebSocket" {
			if c.ends == login.Redeemed {
				_, refused := w.dial("id=" + string(w.id))
				wsRefused(w.t, refused, 409, "/problems/redeemed")
				continue
			}
		}
		p := w.open(d, "")
		time.Sleep(2 * time.Second) // virtual; WeChat holds what is dead for one
		p.leave()
		word := d.says[c.ends]
		heardHere := slices.ContainsFunc(c.dialects, func(other *crossDialect) bool { return other.name == d.name })
		if d.name == "WeChat" && c.ends == login.Denied && heardHere && c.dialects[1].name == "WeChat" {
			word = "400" // it says 202 once
		}
		if len(p.heard) != 1 || !strings.HasPrefix(p.heard[0], word+"@") {
			w.t.Errorf("afterwards %s said %v, want %s", d.name, p.heard, word)
		}
	}
}
