package dialect_test

import (
	"errors"
	"flag"
	"fmt"
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

func (o *oracle) scan(who string, byID bool, slotsOld int, suspect bool, t time.Time) error {
	switch state := o.at(t); {
	case o.forgotten(t), state == login.Expired:
		return login.ErrNotFound
	case o.phone == who:
		return nil
	case o.phone != "":
		return login.ErrTaken
	}
	o.become(login.Scanned, t)
	o.phone, o.bound, o.number = who, byID, slotsOld > 1 || suspect
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

// interleave plays steps in a bubble of virtual time and returns the first thing
// that was not as the oracle says.
func interleave(t *testing.T, steps []step, seen tally) (failed error) {
	synctest.Test(t, func(t *testing.T) {
		w := newModelWorld(t, 1)
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
