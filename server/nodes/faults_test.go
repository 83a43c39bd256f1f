package nodes_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// A node is killed whenever a browser waits on it. The browser comes back to another one with
// what it has, and goes on from there.
func TestANodeIsKilledInMidWait(t *testing.T) {
	w := newWorld(t, redistest.Start(t).URL(), 2, farAway, redisstore.Options{})
	for i, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			a := newAttempt(way, newAnywhere(w, uint64(i)), fmt.Sprint("person-", i))
			killed := 0
			in, err := a.run(t.Context(), func(state string) {
				if !way.waits || state == a.last {
					w.alive()[0].kill() // whoever asks there is refused
				} else if n := w.waitsOn(a); n != nil {
					n.kill()
					killed++
				}
				w.start()
			})
			if err != nil || !in {
				t.Fatalf("in: %v, %v", in, err)
			}
			if way.waits && (killed < 2 || a.cuts.Load() < int64(killed)) {
				t.Errorf("%d nodes were killed on which it waited, %d connections were cut", killed, a.cuts.Load())
			}
			a.mustHave(t, 1)
		})
	}
}

// waitsOn is the node on which the one browser that there is waits.
func (w *world) waitsOn(a *attempt) (on *node) {
	eventually(w.t, a.name+" waits", func() bool {
		a.mu.Lock()
		addr := a.on
		a.mu.Unlock()
		for _, n := range w.alive() {
			if n.addr == addr && n.waiting() > 0 {
				on = n
			}
		}
		return on != nil
	})
	return on
}

// parade is attempts of every dialect in every state, which all wait until they are told to
// go on.
type parade struct {
	*world
	t        *testing.T
	attempts []*attempt
	here     sync.WaitGroup // until each stands where it is to
	goOn     chan struct{}
	done     sync.WaitGroup
	in, told atomic.Int64
}

// stops are the states in which they wait.
var stops = []string{"pending", "scanned", "approved"}

func newParade(t *testing.T, w *world) *parade {
	t.Helper()
	p := &parade{world: w, t: t, goOn: make(chan struct{})}
	for i, way := range ways() {
		for j, stop := range stops {
			a := newAttempt(way, newAnywhere(w, uint64(10*i+j)), fmt.Sprintf("person-%d-%d", i, j))
			p.attempts = append(p.attempts, a)
			p.here.Add(1)
			there := sync.OnceFunc(p.here.Done)
			p.done.Go(func() {
				defer there() // it has failed on the way
				in, err := a.run(t.Context(), func(state string) {
					if state == stop {
						there()
						<-p.goOn
					}
				})
				p.ends(a, stop, in, err)
			})
		}
	}
	p.here.Wait()
	eventually(t, "all wait", func() bool {
		return p.t.Failed() || w.waiting() >= waiters(ways())*len(stops)-1 // WeChat's does not wait once approved
	})
	return p
}

func (p *parade) ends(a *attempt, stop string, in bool, err error) {
	if err != nil {
		p.t.Errorf("stopped at %s: %v", stop, err)
		return
	}
	sessions, err := a.sessions(p.t.Context())
	switch {
	case err != nil, sessions > 1, in && sessions == 0:
		p.t.Errorf("stopped at %s: %s has %d sessions, in: %v; %v", stop, a.name, sessions, in, err)
	case in:
		p.in.Add(1)
	default:
		p.told.Add(1)
		p.t.Logf("stopped at %s: %s was told; heard %q, %d sessions", stop, a.name, a.heard, sessions)
	}
}

// goes lets them all go on.
func (p *parade) goes() { close(p.goOn) }

// failures are requests that failed.
func (p *parade) failures() (sum int64) {
	for _, a := range p.attempts {
		sum += a.failures.Load()
	}
	return sum
}

// ended waits until everybody is in or was told. Who is in has one session.
func (p *parade) ended() (in, told int64) {
	p.t.Helper()
	p.done.Wait()
	in, told = p.in.Load(), p.told.Load()
	if in+told != int64(len(p.attempts)) {
		p.t.Errorf("%d in and %d told, of %d", in, told, len(p.attempts))
	}
	p.t.Logf("%d in, %d told, %d requests failed", in, told, p.failures())
	return in, told
}

// ready waits until every node says that it is ready, or not. Each is alive throughout.
func (w *world) ready(want int) {
	w.t.Helper()
	start := time.Now()
	for _, n := range w.alive() {
		eventually(w.t, fmt.Sprint("readiness is ", want), func() bool { return n.says("/readyz") == want })
		if got := n.says("/healthz"); got != http.StatusOK {
			w.t.Errorf("health is %d", got)
		}
	}
	w.t.Logf("readiness is %d after %s", want, took(start))
}

// hold is how long a poll waits. One that comes while Redis is away waits for nothing else.
const hold = 3 * time.Second

// quick are stores that do not wait long for Redis.
var quick = redisstore.Options{Timeout: 500 * time.Millisecond}

// Redis goes and comes back with what it had: everybody is held meanwhile and gets in.
func TestRedisRestartsInMidLogin(t *testing.T) {
	redis := redistest.Start(t)
	w := newWorld(t, redis.URL(), 3, hold, quick)
	p := newParade(t, w)
	redis.Stop()
	w.ready(http.StatusServiceUnavailable)
	p.goes()
	// They ask on, and hear that it cannot be now.
	eventually(t, "requests fail", func() bool { return p.failures() > int64(2*len(p.attempts)) })
	redis.Restart()
	w.ready(http.StatusOK)
	// But WeChat's page, which is asked for once, has said at once that it could not be.
	if in, told := p.ended(); told > 1 {
		t.Errorf("%d are in, %d were told", in, told)
	}
}

// Redis comes back empty: everybody is told, and nobody is left waiting.
func TestRedisForgetsInMidLogin(t *testing.T) {
	redis := redistest.Start(t)
	redis.Must("CONFIG", "SET", "appendonly", "no")
	w := newWorld(t, redis.URL(), 3, hold, quick)
	p := newParade(t, w)
	redis.Restart()
	p.goes()
	if in, _ := p.ended(); in != 0 {
		t.Errorf("%d are in, by logins that are lost", in)
	}
}

// Redis stands still for longer than anybody waits for it.
func TestRedisIsSlowInMidLogin(t *testing.T) {
	redis := redistest.Start(t)
	w := newWorld(t, redis.URL(), 3, hold, quick)
	p := newParade(t, w)
	redis.Must("CLIENT", "PAUSE", "2500", "ALL")
	p.goes()
	w.ready(http.StatusServiceUnavailable)
	// A site whose answer was lost with its ticket is told so when it asks again.
	if in, told := p.ended(); in < told {
		t.Errorf("%d are in, %d were told", in, told)
	}
	w.ready(http.StatusOK)
}

// A replica takes over that has every write.
func TestRedisFailsOverInMidLogin(t *testing.T) {
	redis := redistest.StartReplicated(t)
	w := newWorld(t, redis.URL(), 3, hold, quick)
	p := newParade(t, w)
	// What the replica has not got, nobody has: this is of writes that it has.
	redis.Primary.Must("WAIT", "1", "10000")
	over, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { defer cancel(); redis.Failover() }()
	eventually(t, "the nodes notice", func() bool { return w.alive()[0].says("/readyz") != http.StatusOK })
	p.goes()
	<-over.Done()
	if in, told := p.ended(); in < told {
		t.Errorf("%d are in, %d were told", in, told)
	}
	w.ready(http.StatusOK)
}
