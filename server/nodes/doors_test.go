package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qrlatch/server/redistest"
)

// door is how clients come to nodes.
type door interface {
	// pick is the address of the node to which a request of a step goes.
	pick(step string) string
	// again tells whether a client that got this error tries once more.
	again(error) bool
}

// errLost is a connection that broke, or was not to be had.
var errLost = errors.New("lost")

// status is an answer that says: later.
type status int

func (s status) Error() string { return fmt.Sprintf("answered %d", int(s)) }

// tooSoon tells whether the client was told to come back a little later.
func tooSoon(err error) bool { return errors.Is(err, status(http.StatusTooManyRequests)) }

// fixed has every step on a node of its own, and no client needs to try anything again.
type fixed map[string]*node

func (f fixed) pick(step string) string { return f[step].addr }
func (f fixed) again(err error) bool    { return tooSoon(err) }

// anywhere has every request on any node. Clients go on after any trouble.
type anywhere struct {
	*world
	mu sync.Mutex
	r  *rand.Rand
}

func newAnywhere(w *world, seed uint64) *anywhere {
	return &anywhere{world: w, r: rand.New(rand.NewPCG(seed, 6))}
}

func (a *anywhere) pick(string) string {
	nodes := a.alive()
	a.mu.Lock()
	defer a.mu.Unlock()
	return nodes[a.r.IntN(len(nodes))].addr
}

// again holds for what may be otherwise in a moment.
func (a *anywhere) again(err error) bool {
	var later status
	return errors.Is(err, errLost) || errors.Is(err, errNotNow) || errors.As(err, &later)
}

// untroubled is anywhere for clients that need not try anything again.
type untroubled struct{ *anywhere }

func (untroubled) again(err error) bool { return tooSoon(err) }

// refused tells whether a connection was not accepted: then a balancer tries another node,
// whatever the request is.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// transport has a connection for every request, as balancers have that keep none.
var transport = &http.Transport{DisableKeepAlives: true}

// answer is what was heard of a request.
type answer struct {
	status int
	body   string
}

// asks sends one request to the node of its step. It fails if it was cut, and when the server
// says that it cannot now.
func (a *attempt) asks(ctx context.Context, step, method, target, body string, fields ...string) (answer, error) {
	r, err := a.opens(ctx, step, method, target, body, fields...)
	if err != nil {
		return answer{}, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		a.cuts.Add(1)
		return answer{}, fmt.Errorf("%s %s: %w in its answer: %w", method, step, errLost, err)
	}
	return answer{r.StatusCode, string(text)}, nil
}

// opens is asks for an answer that goes on.
func (a *attempt) opens(ctx context.Context, step, method, target, body string, fields ...string) (*http.Response, error) {
	addr := a.door.pick(step)
	if step == toWatch {
		a.mu.Lock()
		a.on = addr
		a.mu.Unlock()
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Host = host
	r.Header.Set("User-Agent", "Browser of "+a.person)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	got, err := transport.RoundTrip(r)
	if err != nil {
		if !refused(err) && ctx.Err() == nil {
			a.cuts.Add(1)
		}
		return nil, fmt.Errorf("%s %s: %w: %w", method, step, errLost, err)
	}
	if got.StatusCode >= 500 || got.StatusCode == http.StatusTooManyRequests {
		got.Body.Close()
		return nil, fmt.Errorf("%s %s: %w", method, step, status(got.StatusCode))
	}
	return got, nil
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	redistest.Eventually(t, what, done)
}

// took is for the log.
func took(start time.Time) time.Duration { return time.Since(start).Round(time.Millisecond) }
