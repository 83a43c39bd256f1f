package redisstore

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// census counts the logins of all nodes without a call per login: a node counts its own until
// they expire, and the nodes exchange their counts once a second. A node that has restarted
// does not know what it started before. It is an approximation for a limit that protects
// memory, and what is certain is Redis' own maxmemory.
type census struct {
	limit  int64
	others atomic.Int64

	mu   sync.Mutex
	mine int64
	ends map[int64]int64 // how many of mine end, by the second
}

// censusHolds is how long a node counts that was not heard of any more.
const censusHolds = 10 * time.Second

// full tells whether there is no room for another login.
func (c *census) full() bool {
	return c != nil && c.limit > 0 && c.count()+c.others.Load() >= c.limit
}

// add counts a login that will be gone at end.
func (c *census) add(end time.Time) {
	if c == nil || c.limit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[int64]int64{}
	}
	c.ends[end.Unix()]++
	c.mine++
}

// count is how many logins of this node there are.
func (c *census) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine
}

// forget takes out what has expired.
func (c *census) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Unix()
	for end, n := range c.ends {
		if end < now {
			c.mine -= n
			delete(c.ends, end)
		}
	}
}

// countLogins tells the other nodes of our logins, and learns of theirs.
func (s *Store) countLogins(ctx context.Context) {
	if s.census.limit == 0 {
		return
	}
	s.census.forget()
	sum, err := s.run(ctx, s.node.scripts.count, []string{s.options.Prefix + "census"},
		s.node.id, strconv.FormatInt(s.census.count(), 10), millis(censusHolds)).AsInt64()
	if err == nil {
		s.census.others.Store(sum)
	}
}
