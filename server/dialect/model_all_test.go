package dialect_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// This file holds every dialect against the oracle of model_test.go at once: browsers wait
// for the same login on all of them, change from one to another in the middle, and lose
// their connections at any moment and any byte. What a dialect must say at a moment stands
// in model_all_says_test.go, what a browser on it does in model_all_polls_test.go,
// model_all_sse_test.go and model_all_socket_test.go.

// allDialect is a way to wait. wait returns when the page was left, or when the dialect
// has nothing more to say.
type allDialect struct {
	name string
	wait func(p *allPage)
}

var allDialects = []allDialect{
	{"WeChat", allWeChat},
	{"JSON, short", allShort("")},
	{"JSON, long", allLong("")},
	{"JSONP, short", allShort(".js")},
	{"JSONP, long", allLong(".js")},
	{"Taobao", allTaobao},
	{"SSE", allSSE},
	{"WebSocket", allWebSocket},
}

// allPlan draws the steps of one interleaving. Besides those of plan:
//
//	open                  a browser comes, and waits on a dialect
//	move                  a browser leaves its dialect for another
//	cut                   a browser loses its connection
//	cutScan, cutApprove   both at one moment
func allPlan(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 4))
	deeds := []string{
		"open", "open", "open", "move", "move", "move", "move", "move", "cut", "cut", "cutScan", "cutApprove",
		"join", "drop", "scan", "scan", "scan", "scan", "scan", "scanID", "scanFuture", "scanForeign",
		"approve", "approve", "approve", "approve", "wrong", "wrong", "deny",
		"redeem", "redeem", "redeem", "redeem", "redeem", "redeem", "replay", "picture",
	}
	steps := []step{{number: 1, what: "open", n: r.IntN(1 << 16)}, {number: 2, what: "open", n: r.IntN(1 << 16)}}
	for range 12 + r.IntN(24) {
		longest := []int{2_000, 2_000, 2_000, 10_000, 30_000, 90_000}[r.IntN(6)]
		steps = append(steps, step{
			number: len(steps) + 1, what: deeds[r.IntN(len(deeds))], n: r.IntN(1 << 16), who: r.IntN(4) / 3,
			after: time.Duration(r.IntN(longest)) * time.Millisecond,
		})
	}
	last := step{number: len(steps) + 1, what: "open", n: r.IntN(1 << 16), after: time.Duration(r.IntN(400)) * time.Second}
	rest := step{number: len(steps) + 2, what: "rest", after: allPatience}
	return append(steps, last, rest)
}

func TestEveryInterleavingOfDialectsFollowsTheModel(t *testing.T) {
	seen := tally{}
	first, last := uint64(1), uint64(*modelRuns)
	if *modelSeed != 0 {
		first, last = *modelSeed, *modelSeed
	}
	for seed := first; seed <= last; seed++ {
		steps := allPlan(seed)
		if *modelSeed != 0 {
			steps = kept(t, steps)
		}
		mode := allModes[seed%uint64(len(allModes))]
		failed := interleaveAll(t, mode, steps, seen)
		if failed == nil {
			continue
		}
		if *modelKeep == "" {
			steps, failed = shrinkAll(t, mode, steps, failed)
		}
		var keep []string
		for _, s := range steps {
			keep = append(keep, strconv.Itoa(s.number))
		}
		t.Fatalf("%s: %v\nagain: go test ./server/dialect -run %s -model.seed=%d -model.keep=%s\n%s",
			mode, failed, t.Name(), seed, strings.Join(keep, ","), list(steps))
	}
	if *modelSeed != 0 {
		return
	}
	t.Logf("%d interleavings: %v", *modelRuns, seen)
	for _, what := range allMustHappen() {
		if seen[what] == 0 && *modelRuns >= 300 {
			t.Errorf("no interleaving came to %q: the plan tests too little", what)
		}
	}
}

// allMustHappen is what interleavings must come to, or the plan tests too little.
func allMustHappen() []string {
	all := []string{
		"window.code=200;", "window.code=201;", "window.code=202;", "window.code=400;", "window.code=408;",
		"void", "bound", "number", "wrong number", "cut at a byte", "cut by us", "parked",
		"JSON 404", "JSON 429", "JSONP 404", "JSONP 429", "JSON 200 held", "JSONP 200 held",
		"Taobao 10000", "Taobao 10001", "Taobao 10003", "Taobao 10004", "Taobao 10006",
		"SSE qr", "SSE waiting", "SSE retry", "SSE 204", "SSE 404", "SSE with a cursor",
		"WebSocket qr", "WebSocket ping", "WebSocket 404", "WebSocket 409", "WebSocket closes 4004", "WebSocket resumed",
	}
	for _, state := range crossStates {
		all = append(all, "JSON "+state, "JSONP "+state, "SSE "+state)
		if state != "pending" {
			all = append(all, "WebSocket "+state)
		}
	}
	return all
}

// allModes are wxModes, and that of many nodes, on which everybody waits parked.
var allModes = append([]string{"on nodes"}, wxModes...)

// interleaveAll is interleave with every dialect, in one of allModes.
func interleaveAll(t *testing.T, mode string, steps []step, seen tally) (failed error) {
	synctest.Test(t, func(t *testing.T) {
		w := newAllWorld(t, mode)
		defer func() { failed = errors.Join(w.failed, w.close()) }()
		for _, s := range steps {
			time.Sleep(s.after + time.Duration(s.number)*time.Microsecond - time.Duration(time.Since(w.started)%time.Millisecond))
			synctest.Wait()
			w.quiet()
			w.goes(s.number)
			w.do(s)
			synctest.Wait()
			w.quiet()
			if w.failed != nil {
				w.failed = fmt.Errorf("at step %d: %w", s.number, w.failed)
				return
			}
			seen.note(w.modelWorld)
		}
		w.everybodyKnows()
	})
	return failed
}

// shrinkAll leaves out whatever the interleaving fails without: halves, quarters, and so
// on down to single steps.
func shrinkAll(t *testing.T, mode string, steps []step, failed error) ([]step, error) {
	for size := len(steps) / 2; size > 0; size /= 2 {
		for end := len(steps); end > 0; end -= size {
			begin := max(0, end-size)
			fewer := append([]step(nil), steps[:begin]...)
			if end < len(steps) {
				next := steps[end]
				for _, s := range steps[begin:end] {
					next.after += s.after
				}
				fewer = append(append(fewer, next), steps[end+1:]...)
			}
			if still := interleaveAll(t, mode, fewer, tally{}); still != nil {
				steps, failed = fewer, still
			}
		}
	}
	return steps, failed
}

// do plays one step.
func (w *allWorld) do(s step) {
	switch s.what {
	case "open":
		w.opens(s)
	case "move":
		w.moves(s)
	case "cut", "cutScan", "cutApprove":
		w.cuts(s)
		s.what = map[string]string{"cutScan": "scan", "cutApprove": "approve"}[s.what]
		w.modelWorld.do(s)
	default:
		w.modelWorld.do(s)
	}
}

// everybodyKnows checks, at the end of a long rest, that whoever still waits knows how the
// login stands, however often its connection was cut.
func (w *allWorld) everybodyKnows() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	state := w.oracle.at(now)
	if w.unknown(now) || now.Sub(w.oracle.since[state]) < allPatience/4 {
		return
	}
	for _, p := range w.pages {
		if !p.over && p.cursor && p.since != state {
			w.fail(fmt.Errorf("%s: a browser on %s still believes %q", state, p.name, p.since))
		}
	}
}
