package memstore

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patrickmn/go-cache"
)

// shardCount divides every table, so that writers seldom wait for each other or for the
// janitor: of a million logins a shard has 4,000.
const shardCount = 256

// shard is one go-cache, or none while it is empty. Writers hold mu, for go-cache has no
// compare-and-swap. Readers take go-cache's own lock only, and nobody keeps it from them
// for longer than it takes to set one item.
type shard struct {
	mu    sync.Mutex
	cache atomic.Pointer[cache.Cache]
	next  int64  // nothing expires before, in Unix nanoseconds
	buf   []byte // for writing records down
}

// get returns what has not expired.
func (s *shard) get(key string) (value any, ok bool) {
	items := s.cache.Load()
	if items == nil {
		return nil, false
	}
	return items.Get(key)
}

// set is for writers, as are the methods after it.
func (s *shard) set(key string, value any, expires, now time.Time) {
	items := s.cache.Load()
	if items == nil {
		items = cache.New(cache.NoExpiration, 0)
		s.cache.Store(items)
		s.next = math.MaxInt64
	}
	s.next = min(s.next, expires.UnixNano())
	items.Set(key, value, expires.Sub(now))
}

// remove tells how many items are gone, expired or not: one or none.
func (s *shard) remove(key string) (gone int) {
	items := s.cache.Load()
	if items == nil {
		return 0
	}
	before := items.ItemCount()
	items.Delete(key)
	return before - items.ItemCount()
}

// clean forgets what has expired, and tells how many items that were. go-cache's own
// janitor would keep everybody from reading meanwhile, and its map never shrinks. So what
// is left is copied, which readers may be beside, and takes the place of the cache: a
// reader who still has that one reads what was so when he began.
func (s *shard) clean() (gone int) {
	if s.cache.Load() == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.cache.Load()
	if time.Now().UnixNano() <= s.next {
		return 0
	}
	left := items.Items()
	s.next = math.MaxInt64
	for _, item := range left {
		s.next = min(s.next, item.Expiration)
	}
	switch gone = items.ItemCount() - len(left); {
	case len(left) == 0:
		s.cache.Store(nil)
		s.buf = nil
	case gone > 0:
		s.cache.Store(cache.NewFrom(cache.NoExpiration, 0, left))
	}
	return gone
}
