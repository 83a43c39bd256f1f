package dialect_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// This file holds WeChat's polls against a model: an oracle of one login, so small
// that it is obviously right, judges the exact bytes and the exact virtual time of
// every answer, while browsers with the habits of known clients, two phones, lost
// connections and the clock act in random order.

var (
	modelRuns = flag.Int("model.runs", 300, "how many random interleavings")
	modelSeed = flag.Uint64("model.seed", 0, "run this interleaving only")
	modelKeep = flag.String("model.keep", "", "with -model.seed: only these steps of it, as 1,4,7")
)

// oracle is one login as WeChat's polls may see it.
type oracle struct {
	state              login.State
	since              map[login.State]time.Time // when each state began
	deadline           time.Time
	phone              string // who has scanned
	bound              bool   // the login id was scanned: only the binding cookie collects
	number             bool   // the phone must give the number
	wrong              int
	redeemer           string
	void               bool
	uri                string // the redirect_uri, once there is one
	said201, said202   bool
	owed202            bool // somebody was told 400 because another one gets the 202
	avatar             string
	hold, slow, ticket time.Duration
}

func (o *oracle) become(s login.State, t time.Time) { o.state, o.since[s] = s, t }

func (o *oracle) at(t time.Time) login.State {
	if o.state <= login.Approved && !t.Before(o.deadline) {
		o.become(login.Expired, o.deadline)
	}
	return o.state
}

// forgotten logins are unknown to everybody.
func (o *oracle) forgotten(t time.Time) bool { return t.After(o.deadline.Add(2 * time.Minute)) }

func (o *oracle) scan(who string, byID bool, slotsOld int, t time.Time) error {
	switch state := o.at(t); {
	case o.forgotten(t), state == login.Expired:
		return login.ErrNotFound
	case o.phone == who:
		return nil
	case o.phone != "":
		return login.ErrTaken
	}
	o.become(login.Scanned, t)
	o.phone, o.bound, o.number = who, byID, slotsOld > 1
	o.deadline = later(o.deadline, t.Add(2*time.Minute))
	return nil
}

func (o *oracle) approve(who string, right bool, t time.Time) error {
	switch err := o.mayDecide(who, t); {
	case err != nil:
		return err
	case o.state == login.Denied:
		return login.ErrDecided
	case o.state != login.Scanned:
		return nil
	}
	if o.number && !right {
		if o.wrong++; o.wrong == 3 {
			o.become(login.Denied, t)
			o.deadline = t
		}
		return login.ErrWrongNumber
	}
	o.become(login.Approved, t)
	o.deadline = t.Add(o.ticket)
	return nil
}

func (o *oracle) deny(who string, t time.Time) error {
	switch err := o.mayDecide(who, t); {
	case err != nil:
		return err
	case o.state == login.Denied:
		return nil
	case o.state != login.Scanned:
		return login.ErrDecided
	}
	o.become(login.Denied, t)
	o.deadline = t
	return nil
}

func (o *oracle) mayDecide(who string, t time.Time) error {
	switch state := o.at(t); {
	case o.forgotten(t), o.phone == "":
		return login.ErrNotFound
	case o.phone != who:
		return login.ErrNotYours
	case state == login.Expired:
		return login.ErrExpired
	}
	return nil
}

// redeem tells whether the login page gives client a session.
func (o *oracle) redeem(client string, t time.Time) bool {
	switch state := o.at(t); {
	case o.forgotten(t), o.void:
		return false
	case state == login.Approved:
		o.become(login.Redeemed, t)
		o.redeemer, o.deadline = client, o.deadline.Add(40*time.Second)
		return true
	case state != login.Redeemed:
		return false
	case o.redeemer == client:
		return t.Before(o.since[login.Redeemed].Add(40 * time.Second))
	case t.Before(o.deadline):
		o.void = true
	}
	return false
}

// dead tells whether p can only hear 400 (or the one 202), and since when.
func (o *oracle) dead(p *modelPoll, t time.Time) (since time.Time, dead bool) {
	state := o.at(t)
	if o.bound && !p.cookie {
		return o.since[login.Scanned], true
	}
	return o.since[state], state > login.Approved
}

// hears judges what a poll is told at t.
func (o *oracle) hears(p *modelPoll, body string, t time.Time) error {
	state := o.at(t)
	want, when := "window.code=408;", p.start.Add(o.hold)
	if since, dead := o.dead(p, t); dead {
		want, when = "window.code=400;", since
		if state == login.Denied && p.icon && (!o.bound || p.cookie) && !o.said202 && !o.forgotten(t) {
			if body == "window.code=202;" {
				want, o.said202 = body, true
				when = later(since, p.start)
			} else {
				o.owed202 = true
			}
		}
		if want != body || want == "window.code=400;" {
			if !p.start.Before(since) {
				when = p.start.Add(o.slow) // it came to a dead login
			}
		}
	} else if state == login.Approved {
		want, when = "window.code=200;\nwindow.redirect_uri=\""+o.uri+"\";", later(o.since[state], p.start)
	} else if state == login.Scanned && !o.said201 {
		o.said201 = true
		want, when = "window.code=201;", later(o.since[state], p.start)
		if p.icon && o.number {
			if !strings.HasPrefix(body, "window.code=201;window.userAvatar = 'data:img/jpg;base64,/9j/") || strings.Contains(body, o.avatar) {
				return fmt.Errorf("%s: a picture of the number is missing in %.60q", state, body)
			}
			want = body
		} else if p.icon {
			want += "window.userAvatar = 'data:img/jpg;base64," + o.avatar + "';"
		}
	}
	if body != want {
		return fmt.Errorf("%s: a poll heard %.120q, want %.120q", state, body, want)
	}
	if !t.Equal(when) {
		return fmt.Errorf("%s: a poll heard %.20q %v late", state, body, t.Sub(when))
	}
	return nil
}

// mayWait tells whether p may still be without an answer when all is quiet at t.
func (o *oracle) mayWait(p *modelPoll, t time.Time) bool {
	if since, dead := o.dead(p, t); dead {
		return !p.start.Before(since) && t.Before(p.start.Add(o.slow))
	}
	state := o.at(t)
	return t.Before(p.start.Add(o.hold)) && (state == login.Pending || state == login.Scanned && o.said201)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// step is one thing that happens. Its number gives it a microsecond of its own, so
// that no two causes ever fall on one moment.
type step struct {
	number int
	after  time.Duration
	what   string
	who, n int
}

func (s step) String() string {
	return fmt.Sprintf("%2d: %9v later %s(%d, %d)", s.number, s.after, s.what, s.who, s.n)
}

// plan draws the steps of one interleaving.
func plan(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 1))
	deeds := []string{
		"join", "join", "join", "join", "join", "drop", "dropScan", "scan", "scan", "scan", "scanID", "scanFuture", "scanForeign",
		"approve", "approve", "approve", "approve", "wrong", "wrong", "deny", "redeem", "redeem", "redeem", "replay", "replay", "picture",
	}
	steps := []step{{number: 1, after: 0, what: "join", who: 0, n: r.IntN(len(habits))}}
	for i := range 12 + r.IntN(24) {
		longest := []int{2_000, 2_000, 2_000, 30_000, 30_000, 90_000}[r.IntN(6)]
		s := step{number: i + 2, what: deeds[r.IntN(len(deeds))], n: r.IntN(1 << 16)}
		s.after = time.Duration(r.IntN(longest)) * time.Millisecond
		s.who = r.IntN(4) / 3 // mostly the first phone
		steps = append(steps, s)
	}
	return append(steps, step{number: len(steps) + 1, after: time.Duration(r.IntN(500)) * time.Second, what: "replay"})
}

func TestEveryInterleavingOfPollsFollowsTheModel(t *testing.T) {
	if *modelSeed != 0 {
		seen := tally{}
		if steps := kept(t, plan(*modelSeed)); interleave(t, steps, seen) != nil {
			t.Errorf("seed %d: %v\n%s", *modelSeed, interleave(t, steps, seen), list(steps))
		}
		return
	}
	seen := tally{}
	for seed := uint64(1); seed <= uint64(*modelRuns); seed++ {
		steps := plan(seed)
		if interleave(t, steps, seen) == nil {
			continue
		}
		steps = shrink(t, steps)
		var keep []string
		for _, s := range steps {
			keep = append(keep, strconv.Itoa(s.number))
		}
		t.Fatalf("%v\nagain: go test ./server/dialect -run %s -model.seed=%d -model.keep=%s\n%s",
			interleave(t, steps, seen), t.Name(), seed, strings.Join(keep, ","), list(steps))
	}
	t.Logf("%d interleavings: %v", *modelRuns, seen)
	for _, what := range []string{
		"window.code=200;", "window.code=201;", "window.code=202;", "window.code=400;", "window.code=408;",
		"pending", "scanned", "approved", "denied", "redeemed", "expired", "void", "bound", "number", "wrong number",
	} {
		if seen[what] == 0 && *modelRuns >= 300 {
			t.Errorf("no interleaving came to %q: the plan tests too little", what)
		}
	}
}

// shrink leaves out every step without which the interleaving fails as well.
func shrink(t *testing.T, steps []step) []step {
	for i := len(steps) - 1; i >= 0; i-- {
		fewer := append(append([]step(nil), steps[:i]...), steps[i+1:]...)
		if i < len(steps)-1 {
			fewer[i].after += steps[i].after
		}
		if interleave(t, fewer, tally{}) != nil {
			steps = fewer
		}
	}
	return steps
}

// kept is what -model.keep leaves of steps, at the times that they had.
func kept(t *testing.T, steps []step) (left []step) {
	if *modelKeep == "" {
		return steps
	}
	var idle time.Duration
	for _, s := range steps {
		idle += s.after
		for _, n := range strings.Split(*modelKeep, ",") {
			if n == strconv.Itoa(s.number) {
				s.after, idle = idle, 0
				left = append(left, s)
			}
		}
	}
	if len(left) == 0 {
		t.Fatalf("-model.keep=%s leaves nothing", *modelKeep)
	}
	return left
}

func list(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

// interleave plays steps in a bubble of virtual time and returns the first thing
// that was not as the oracle says.
func interleave(t *testing.T, steps []step, seen tally) (failed error) {
	synctest.Test(t, func(t *testing.T) {
		w := newModelWorld(t)
		defer func() { failed = errors.Join(w.failed, w.close()) }()
		for _, s := range steps {
			time.Sleep(s.after + time.Duration(s.number)*time.Microsecond - time.Duration(time.Since(w.started)%time.Millisecond))
			synctest.Wait()
			w.quiet()
			w.do(s)
			synctest.Wait()
			w.quiet()
			if w.failed != nil {
				w.failed = fmt.Errorf("at step %d: %w", s.number, w.failed)
				return
			}
			seen.note(w)
		}
	})
	return failed
}
