package memstore

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patrickmn/go-cache"

	"qrlatch/server/login"
)

const shardCount = 64

// table is a login.Table. go-cache has no compare-and-swap, so every write of a
// shard also takes that shard's lock; reads take go-cache's own only. A saved
// record is never changed in place, so a reader needs no lock to copy it.
type table[K ~string, R login.Record[K]] struct {
	seed   maphash.Seed
	limit  int64
	count  atomic.Int64
	shards [shardCount]shard
	owned  [shardCount]shard // by phone: *index[K], all of it under mu
	notify func(K)
}

type shard struct {
	mu    sync.Mutex
	items *cache.Cache
}

// index lists the keys of one phone's records, under the lock of its shard. It lives as
// long as the longest of them and may name some that are gone: those are dropped when
// it has doubled, so that adding one costs the same however many there are.
type index[K ~string] struct {
	keys    map[K]struct{}
	until   time.Time
	pruneAt int
}

const pruneFirst = 16

func newTable[K ~string, R login.Record[K]](limit int) *table[K, R] {
	t := &table[K, R]{seed: maphash.MakeSeed(), limit: int64(limit), notify: func(K) {}}
	for i := range shardCount {
		// No janitor of go-cache's own: 128 goroutines would scan at the same moment.
		t.shards[i].items = cache.New(cache.NoExpiration, 0)
		t.shards[i].items.OnEvicted(func(string, any) { t.count.Add(-1) })
		t.owned[i].items = cache.New(cache.NoExpiration, 0)
	}
	return t
}

func (t *table[K, R]) place(in *[shardCount]shard, key string) *shard {
	return &in[maphash.String(t.seed, key)%shardCount]
}

func (t *table[K, R]) clean(i int) {
	t.shards[i].items.DeleteExpired()
	t.owned[i].items.DeleteExpired()
}

func (t *table[K, R]) Create(_ context.Context, r R) error {
	key, life := string(r.Key()), time.Until(r.ExpiresAt())
	if life <= 0 {
		return nil // over before it began: as good as forgotten
	}
	s := t.place(&t.shards, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.items.Get(key); taken {
		return login.ErrExists
	}
	s.items.Delete(key) // an expired one, so that it is counted out
	if n := t.count.Add(1); t.limit > 0 && n > t.limit {
		t.count.Add(-1)
		return login.ErrFull
	}
	s.items.Set(key, &r, life)
	t.own(r)
	return nil
}

func (t *table[K, R]) Get(_ context.Context, key K) (R, error) {
	v, ok := t.place(&t.shards, string(key)).items.Get(string(key))
	if !ok {
		var none R
		return none, login.ErrNotFound
	}
	return *v.(*R), nil
}

func (t *table[K, R]) Update(_ context.Context, key K, change func(*R) error) (R, error) {
	saved, err := t.update(key, change)
	if err == nil {
		t.notify(key) // outside the lock: whoever is woken reads at once
	}
	return saved, err
}

func (t *table[K, R]) update(key K, change func(*R) error) (R, error) {
	s := t.place(&t.shards, string(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.items.Get(string(key))
	if !ok {
		var none R
		return none, login.ErrNotFound
	}
	was := *v.(*R)
	now := was
	if err := change(&now); err != nil {
		return was, err
	}
	life := time.Until(now.ExpiresAt())
	if life <= 0 {
		s.items.Delete(string(key))
		return now, nil
	}
	s.items.Set(string(key), &now, life)
	if was.Owner() != now.Owner() || now.ExpiresAt().After(was.ExpiresAt()) {
		t.own(now)
	}
	return now, nil
}

func (t *table[K, R]) Delete(_ context.Context, key K) error {
	s := t.place(&t.shards, string(key))
	s.mu.Lock()
	s.items.Delete(string(key))
	s.mu.Unlock()
	t.notify(key)
	return nil
}

func (t *table[K, R]) Owned(ctx context.Context, phone login.Phone) ([]R, error) {
	var records []R
	for _, key := range t.ownedKeys(phone.Key()) {
		if r, err := t.Get(ctx, key); err == nil {
			records = append(records, r)
		}
	}
	return records, nil
}

func (t *table[K, R]) ownedKeys(name string) []K {
	s := t.place(&t.owned, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.items.Get(name)
	if !ok {
		return nil
	}
	return slices.Collect(maps.Keys(v.(*index[K]).keys))
}

// own puts a record on its phone's list.
func (t *table[K, R]) own(r R) {
	if r.Owner() == (login.Phone{}) {
		return
	}
	name := r.Owner().Key()
	s := t.place(&t.owned, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &index[K]{keys: map[K]struct{}{}, pruneAt: pruneFirst}
	if v, ok := s.items.Get(name); ok {
		list = v.(*index[K])
	}
	if len(list.keys) >= list.pruneAt {
		maps.DeleteFunc(list.keys, func(key K, _ struct{}) bool {
			_, live := t.place(&t.shards, string(key)).items.Get(string(key))
			return !live
		})
		list.pruneAt = max(pruneFirst, 2*len(list.keys))
	}
	list.keys[r.Key()] = struct{}{}
	if until := r.ExpiresAt(); until.After(list.until) {
		list.until = until
		s.items.Set(name, list, time.Until(until))
	}
}

func (t *table[K, R]) Notify(fn func(K)) { t.notify = fn }

// Follow and Unfollow do nothing: every key is notified of, and nobody else is
// listening who would be spared.
func (t *table[K, R]) Follow(K)   {}
func (t *table[K, R]) Unfollow(K) {}
