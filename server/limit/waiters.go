package limit

import (
	"hash/maphash"
	"iter"
	"net/netip"
	"sync"
	"sync/atomic"

	"qrlatch/server/login"
)

// Dialect is how somebody waits, for the metrics.
type Dialect uint8

// The dialects that wait.
const (
	ByWeChat Dialect = iota
	BySyncCheck
	ByJSON
	ByJSONP
	BySSE
	ByWebSocket
	ByPhone
	dialects
)

func (d Dialect) String() string {
	return [dialects]string{"wechat", "synccheck", "json", "jsonp", "sse", "websocket", "phone"}[d]
}

// Dialects are all of them.
func Dialects() iter.Seq[Dialect] {
	return func(yield func(Dialect) bool) {
		for d := range dialects {
			if !yield(d) {
				return
			}
		}
	}
}

// WaiterLimits say how many may wait. 0 means no limit.
type WaiterLimits struct {
	PerLogin   int
	PerAddress int // an IPv6 address counts by its /64
	Total      int
	Hit        func(limit string) // told the key of each limit that somebody met; nil: nobody asks
}

// Waiter is somebody who is about to wait for news.
type Waiter struct {
	Dialect Dialect
	Topic   string // what it waits for: the handle of a login, the id of a session; empty: nobody can tell
	Addr    netip.Addr
	Home    bool       // Addr is where the topic's own browser began
	Bound   bool       // has proved more than that it knows a login id: a cookie, a token, a secret
	Bell    login.Bell // rung when the place is taken; nil: it may get one later
}

// Verdict says what becomes of a waiter.
type Verdict uint8

const (
	// Admitted may wait.
	Admitted Verdict = iota
	// Held may not, and should be held a moment before it is told that there is nothing
	// yet. Its Place counts it for so long.
	Held
	// TurnedAway has no Place: too many are held already.
	TurnedAway
)

// Waiters counts everybody who waits, whatever the dialect, on a goroutine or parked
// without one. nil allows everything. A Place is all that it keeps of a waiter.
//
// Who knows a login id may watch it, so places go by what else is known. One more than
// PerLogin takes the place of the oldest from its own address: that is a page which was
// reloaded, whose old connections linger. From elsewhere it may not, or whoever has
// learned the id could drive out the browser that it belongs to; but that browser, back
// at its own address or with its cookie, may drive out him.
type Waiters struct {
	limits   WaiterLimits
	seed     maphash.Seed
	waiting  atomic.Int64
	held     atomic.Int64
	count    [dialects]atomic.Int64
	topics   [waiterShards]topicShard
	networks [waiterShards]networkShard
}

const waiterShards = 64

type topic uint64

type topicShard struct {
	mu    sync.Mutex
	lines lines
}

type networkShard struct {
	mu      sync.Mutex
	tallies map[login.NetworkKey]tally
}

type tally struct{ waiting, held int32 }

// NewWaiters returns an empty count.
func NewWaiters(limits WaiterLimits) *Waiters {
	w := &Waiters{limits: limits, seed: maphash.MakeSeed()}
	if w.limits.Hit == nil {
		w.limits.Hit = func(string) {}
	}
	for i := range waiterShards {
		w.topics[i].lines = newLines()
		w.networks[i].tallies = make(map[login.NetworkKey]tally)
	}
	return w
}

// Enter gives v the place p, or says why not. Every Place must be left.
func (w *Waiters) Enter(p *Place, v Waiter) Verdict {
	*p = Place{network: login.NetworkKeyOf(v.Addr), standing: standingOf(v), dialect: v.Dialect}
	if v.Bell != nil {
		p.Hang(v.Bell)
	}
	if w == nil {
		return Admitted
	}
	p.topic = w.topic(v)
	met := w.admit(p.network)
	if met == "" {
		replaced, ok := w.join(p)
		if ok {
			p.waiters = w
			w.count[p.dialect].Add(1)
			if replaced != nil {
				w.limits.Hit("waiters_per_login")
				replaced.fate.Or(lost)
				replaced.Ring()
			}
			return Admitted
		}
		met = "waiters_per_login"
		w.leave(p.network, false)
	}
	w.limits.Hit(met)
	p.fate.Or(lost)
	if !w.hold(p.network) {
		return TurnedAway
	}
	p.waiters, p.held = w, true
	return Held
}

// topic is a number for what v waits for, which says nothing to anybody else; 0: nobody
// can tell. Phones and browsers do not take each other's places. That two topics have one
// number happens to nobody: they would share a line.
func (w *Waiters) topic(v Waiter) topic {
	if v.Topic == "" {
		return 0
	}
	n := maphash.String(w.seed, v.Topic)
	if v.Dialect == ByPhone {
		n = ^n
	}
	return topic(max(n, 1))
}

// Count is how many wait by a dialect.
func (w *Waiters) Count(d Dialect) int { return int(w.count[d].Load()) }

func over(count, limit int) bool { return limit > 0 && count > limit }

// admit counts one more that waits, unless it met a limit, whose name it returns.
func (w *Waiters) admit(network login.NetworkKey) (met string) {
	if over(int(w.waiting.Add(1)), w.limits.Total) {
		w.waiting.Add(-1)
		return "waiters"
	}
	s := w.networkShard(network)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallies[network]
	if t.waiting++; over(int(t.waiting), w.limits.PerAddress) {
		w.waiting.Add(-1)
		return "waiters_per_address"
	}
	s.tallies[network] = t
	return ""
}

// hold counts one more that is held: as many may be as may wait.
func (w *Waiters) hold(network login.NetworkKey) bool {
	if over(int(w.held.Add(1)), w.limits.Total) {
		w.held.Add(-1)
		return false
	}
	s := w.networkShard(network)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallies[network]
	if t.held++; over(int(t.held), w.limits.PerAddress) {
		w.held.Add(-1)
		return false
	}
	s.tallies[network] = t
	return true
}

// leave takes back admit or hold.
func (w *Waiters) leave(network login.NetworkKey, held bool) {
	s := w.networkShard(network)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tallies[network]
	if held {
		t.held--
		w.held.Add(-1)
	} else {
		t.waiting--
		w.waiting.Add(-1)
	}
	if t == (tally{}) {
		delete(s.tallies, network)
		return
	}
	s.tallies[network] = t
}

// join puts p last in the line for its topic. In a full line it takes the place of
// another, which goes on to count for its address until it has left.
func (w *Waiters) join(p *Place) (replaced *Place, ok bool) {
	if w.limits.PerLogin <= 0 || p.topic == 0 {
		return nil, true // then there is no line
	}
	s := w.topicShard(p.topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines.length(p.topic) >= w.limits.PerLogin {
		if replaced = s.lines.replaceableBy(p); replaced == nil {
			return nil, false
		}
		s.lines.remove(replaced)
	}
	s.lines.add(p)
	return replaced, true
}

func (w *Waiters) topicShard(t topic) *topicShard {
	return &w.topics[t%waiterShards]
}

func (w *Waiters) networkShard(network login.NetworkKey) *networkShard {
	return &w.networks[maphash.Bytes(w.seed, network[:])%waiterShards]
}
