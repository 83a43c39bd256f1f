package dialect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

var stormLogins = flag.Int("storm.logins", 2_500, "how many logins lose their streams at random")

// storm is a run of many logins whose browsers lose their streams at any byte and any
// time, and come back as EventSource does.
type storm struct {
	*sseWorld
	streams, cuts, over, skipped atomic.Int64
}

// Nothing is lost: a reader that was never cut hears every state once, in order; one that
// was hears what happened while it listened once, in order, and always how it ended.
// Nothing is leaked: the goroutines are as many as before.
// -storm.logins=10000 is the run that the claim of ten thousand rests on.
func TestNothingIsLostOrLeakedOverManyLogins(t *testing.T) {
	logins := *stormLogins / len(wxModes)
	watches := new(atomic.Int64)
	inSSEOver(t, func(t loginTable) loginTable { return followed{t, watches} }, func(w *sseWorld) {
		s := &storm{sseWorld: w}
		transport := w.http.Transport.(*http.Transport)
		transport.MaxIdleConnsPerHost = 200
		synctest.Wait() // until all of the server has begun
		before, _ := goroutines()
		next := make(chan uint64)
		var workers sync.WaitGroup
		for range 200 {
			workers.Go(func() {
				for n := range next {
					if err := s.login(n); err != nil {
						w.t.Errorf("login %d: %v", n, err)
					}
				}
			})
		}
		for n := range uint64(logins) {
			next <- n
		}
		close(next)
		workers.Wait()
		transport.CloseIdleConnections()
		time.Sleep(2 * time.Second) // virtual: goroutines without work stay for a while
		synctest.Wait()
		if after, stacks := goroutines(); after > before { // one that had begun before may have ended
			w.t.Errorf("%d goroutines, %d before\n%s", after, before, stacks)
		}
		if n := watches.Load(); n != 0 {
			w.t.Errorf("%d logins are still watched", n)
		}
		w.t.Logf("%d logins, %d streams, %d cut, %d reconnects after the end got 204, %d states passed while nobody listened",
			logins, s.streams.Load(), s.cuts.Load(), s.over.Load(), s.skipped.Load())
	})
}

// reader is the browser of one login.
type reader struct {
	*storm
	id    login.ID
	rng   *rand.Rand
	last  string
	heard []string // states
	codes chan string
	scans chan struct{} // closed once scanned was heard
}

func (s *storm) login(n uint64) error {
	rng := rand.New(rand.NewPCG(n, 3))
	id, _, err := s.service.Start(s.t.Context(), login.Request{App: wxApp, Browser: firefox()})
	if err != nil {
		return err
	}
	r := &reader{storm: s, id: id, rng: rng, codes: make(chan string, 1), scans: make(chan struct{})}
	cuts, patient := max(0, rng.IntN(7)-2), rng.IntN(2) == 0 // three in seven are never cut
	want := []string{"pending", "scanned", "approved", "redeemed"}
	switch rng.IntN(20) {
	case 0:
		want = []string{"pending", "expired"}
	case 1, 2:
		want = []string{"pending", "scanned", "denied"}
	}
	plan := phonePlan{says: want[len(want)-1], scan: delay(rng, 40), decide: delay(rng, 40), patient: patient}
	phone := make(chan error, 1)
	go func() { phone <- r.phone(plan) }()
	for left := cuts; ; left-- {
		done, err := r.listen(left > 0)
		if err != nil {
			return err
		}
		if done {
			break
		}
		time.Sleep(delay(rng, 4)) // virtual
	}
	if err := <-phone; err != nil {
		return fmt.Errorf("phone: %w", err)
	}
	if cuts > 0 && !patient {
		// What passed while nobody listened is not said any more, and nothing else is missing.
		all := want
		want = slices.DeleteFunc(slices.Clone(want), func(state string) bool {
			return state == "scanned" && !slices.Contains(r.heard, state)
		})
		s.skipped.Add(int64(len(all) - len(want)))
	}
	if !slices.Equal(r.heard, want) {
		return fmt.Errorf("%d cuts: heard %v, want %v", cuts, r.heard, want)
	}
	return nil
}

// delay is often none at all.
func delay(rng *rand.Rand, seconds int) time.Duration {
	if rng.IntN(2) == 0 {
		return 0
	}
	return time.Duration(rng.IntN(seconds*1000)) * time.Millisecond
}

// phonePlan is what a person does, and how long it takes.
type phonePlan struct {
	says         string // redeemed, denied or expired
	scan, decide time.Duration
	patient      bool // decides only once the browser has heard of the scan
}

func (r *reader) phone(plan phonePlan) error {
	if plan.says == "expired" {
		return nil
	}
	ctx := r.t.Context()
	code := <-r.codes
	time.Sleep(plan.scan) // virtual
	person := login.Identity{Phone: login.Phone{Issuer: "test", Subject: string(r.id)}}
	l, err := r.service.Scan(ctx, person, code, time.Time{})
	if err != nil {
		return err
	}
	if plan.patient {
		<-r.scans
	}
	time.Sleep(plan.decide) // virtual
	if plan.says == "denied" {
		_, err = r.service.Deny(ctx, person.Phone, string(l.Handle))
		return err
	}
	number, _ := r.service.Number(l)
	_, err = r.service.Approve(ctx, person.Phone, string(l.Handle), number)
	return err
}

var errCut = errors.New("cut")

// listen reads one stream to its end or to where it is cut, at a byte or at a time.
func (r *reader) listen(cut bool) (done bool, err error) {
	ctx, cancel := context.WithCancelCause(r.t.Context())
	defer cancel(errCut)
	length := int64(1 << 30)
	if cut {
		length = r.rng.Int64N(5000)
		defer time.AfterFunc(delay(r.rng, 45)+time.Duration(r.rng.IntN(2000)), func() { cancel(errCut) }).Stop()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, eventsOf(r.id), nil)
	if err != nil {
		return false, err
	}
	if r.last != "" {
		request.Header.Set("Last-Event-ID", r.last)
	}
	answer, err := r.http.Do(request)
	if err != nil {
		return false, r.unless(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	final, _ := login.ParseState(r.last)
	switch {
	case answer.StatusCode == http.StatusNoContent && final.Final():
		r.over.Add(1)
		return true, nil
	case answer.StatusCode != http.StatusOK || final.Final():
		return false, fmt.Errorf("status %d after %q", answer.StatusCode, r.last)
	}
	r.streams.Add(1)
	body := bufio.NewReader(io.LimitReader(answer.Body, length))
	for {
		block, err := readBlock(body)
		if err == nil {
			if err = r.hear(block); err != nil {
				return false, err
			}
			continue
		}
		if final, _ = login.ParseState(r.last); errors.Is(err, io.EOF) && !final.Final() && !cut {
			return false, fmt.Errorf("the stream ended after %q", r.last)
		}
		if final.Final() {
			return false, nil // EventSource takes the end for a break, and comes back
		}
		if !errors.Is(err, io.EOF) {
			return false, r.unless(ctx, err)
		}
		r.cuts.Add(1)
		return false, nil
	}
}

// unless passes over errors of our own making.
func (r *reader) unless(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errCut) {
		r.cuts.Add(1)
		return nil
	}
	return err
}

func (r *reader) hear(b heard) error {
	name := b.field("event")
	if name == "" {
		return nil
	}
	var said struct {
		ID          login.ID
		State       string
		QR          struct{ Text string }
		RedirectURI string `json:"redirect_uri"`
	}
	if err := json.Unmarshal([]byte(b.field("data")), &said); err != nil {
		return err
	}
	r.last = b.field("id")
	if said.ID != r.id || said.State != r.last || name != "qr" && name != r.last {
		return fmt.Errorf("it says %s", strings.TrimSpace(b.text))
	}
	if name == "qr" {
		select {
		case r.codes <- said.QR.Text:
		default:
		}
		return nil
	}
	if slices.Contains(r.heard, name) {
		return fmt.Errorf("%s twice", name)
	}
	r.heard = append(r.heard, name)
	switch name {
	case "scanned":
		close(r.scans)
	case "approved":
		go r.redeem(said.RedirectURI, delay(r.rng, 20))
	}
	return nil
}

func (r *reader) redeem(uri string, after time.Duration) {
	time.Sleep(after) // virtual
	u, err := url.Parse(uri)
	if err == nil {
		_, err = r.service.RedeemPage(r.t.Context(), u.Query(), firefox())
	}
	if err != nil {
		r.t.Errorf("redeem: %v", err)
	}
}
