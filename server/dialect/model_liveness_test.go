package dialect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// Whatever a client's habit, and whenever within its patience the phone scans and
// approves, the client gets to its session, and afterwards its login is dead.
func TestEveryClientThatPollsToTheEndGetsIn(t *testing.T) {
	const tries = 12
	for _, h := range habits {
		t.Run(h.name, func(t *testing.T) {
			for seed := range uint64(tries) {
				synctest.Test(t, func(t *testing.T) { getsIn(t, h, rand.New(rand.NewPCG(seed, 2))) })
			}
		})
	}
}

func getsIn(t *testing.T, h habit, r *rand.Rand) {
	w := newModelWorld(t, 1)
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	// A microsecond each, so that the phone never acts at the moment of an answer.
	upTo := func(limit time.Duration) time.Duration {
		return time.Duration(r.Int64N(int64(limit/time.Millisecond)))*time.Millisecond + time.Microsecond
	}
	b := w.join(h)
	scanned, approved := upTo(h.patience), upTo(h.patience)
	time.Sleep(scanned)
	deed := step{what: "scan"}
	switch r.IntN(3) {
	case 0: // fresh
	case 1: // seen long before: the phone will have to give the number
		deed.n = 4
	case 2:
		if h.draws {
			deed.what = "scanID"
		}
	}
	w.do(deed)
	time.Sleep(approved)
	w.do(step{what: "approve"})
	synctest.Wait()
	w.mu.Lock()
	failed, uri := w.failed, b.uri
	w.mu.Unlock()
	story := fmt.Sprintf("%s after %v, approve after %v more", deed.what, scanned, approved)
	if failed != nil {
		t.Fatalf("%s: %v", story, failed)
	}
	if uri == "" || uri != w.oracle.uri {
		t.Fatalf("%s: the client was sent to %q, want %q", story, uri, w.oracle.uri)
	}
	if tail, _ := strings.CutPrefix(uri, "https://shop.example/"); strings.ContainsAny(tail[strings.IndexByte(tail, '?'):], "/;\"' ") {
		t.Errorf("a client that takes this apart goes wrong: %s", uri)
	}
	time.Sleep(upTo(20 * time.Second))
	w.do(step{what: "redeem"})
	w.do(step{what: "redeem"}) // pages are retried
	w.join(replays[r.IntN(len(replays))])
	time.Sleep(2 * time.Second)
	synctest.Wait()
	w.quiet()
	if w.failed != nil {
		t.Fatalf("%s: %v", story, w.failed)
	}
	l, err := w.service.Get(context.Background(), login.Holder{ID: w.id, Binding: w.qrb})
	if err != nil || l.State != login.Redeemed {
		t.Errorf("%s: the login ended as %q, %v", story, l.State, err)
	}
}

// What each of two rivals for one login may do when one of them only knows the login
// id from a picture that the client drew itself: nothing.
func TestWhoOnlySawTheDrawnCodeHearsThatTheLoginIsDead(t *testing.T) {
	for _, h := range habits {
		if !h.draws {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newModelWorld(t, 1)
				owner := w.join(h)
				var thieves []*modelBrowser
				for i, rival := range habits {
					rival.jar = false
					time.Sleep(time.Duration(i+1) * time.Millisecond)
					thieves = append(thieves, w.join(rival))
				}
				time.Sleep(time.Second + time.Microsecond)
				w.do(step{what: "scanID"})
				time.Sleep(5 * time.Second)
				w.do(step{what: "approve"})
				time.Sleep(5 * time.Second)
				synctest.Wait()
				w.quiet()
				w.mu.Lock()
				if w.failed != nil {
					t.Error(w.failed)
				}
				if owner.uri == "" {
					t.Error("the client with the binding cookie was sent nowhere")
				}
				for i, thief := range thieves {
					if thief.uri != "" {
						t.Errorf("a thief with the habit of %s was sent to the redirect_uri", habits[i].name)
					}
				}
				w.mu.Unlock()
				if w.failed == nil {
					w.do(step{what: "redeem"})
				}
				if err := w.close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
