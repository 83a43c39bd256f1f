package memstore

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"qrlatch/server/login"
)

// table is a login.Table. It keeps a record as the bytes of its AppendBinary, in a text
// that is never changed: what was read, and the key in the map, are parts of it.
type table[K ~string, R record[K]] struct {
	seed   maphash.Seed
	limit  int64
	count  atomic.Int64
	shards [shardCount]shard // by key: string
	owned  [shardCount]shard // by phone: *index[K], all of it under mu
	parse  func(string) (R, error)
	notify func(K)
	drafts sync.Pool // of *R, for changes: a record is large, and each would go to the heap
}

type record[K ~string] interface {
	login.Record[K]
	AppendBinary([]byte) ([]byte, error)
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

// newTable returns an empty table of records that parse reads.
func newTable[K ~string, R record[K]](limit int, parse func(string) (R, error)) *table[K, R] {
	t := &table[K, R]{seed: maphash.MakeSeed(), limit: int64(limit), parse: parse, notify: func(K) {}}
	t.drafts.New = func() any { return new(R) }
	return t
}

func (t *table[K, R]) place(in *[shardCount]shard, key string) *shard {
	return &in[maphash.String(t.seed, key)%shardCount]
}

func (t *table[K, R]) clean(i int) {
	t.count.Add(int64(-t.shards[i].clean()))
	t.owned[i].clean()
}

// save writes r down in a locked shard, and returns what can be read from now on.
func (t *table[K, R]) save(s *shard, r *R, life time.Duration) (string, error) {
	b, err := (*r).AppendBinary(s.buf[:0])
	if err != nil {
		return "", err
	}
	s.buf = b
	text, key := string(b), string((*r).Key())
	if i := strings.Index(text, key); i >= 0 {
		key = text[i : i+len(key)] // a key of its own would cost as much as the map's slot
	}
	s.set(key, text, life)
	return text, nil
}

func (t *table[K, R]) Create(_ context.Context, r R) error {
	key, life := string(r.Key()), time.Until(r.ExpiresAt())
	if life <= 0 {
		return nil // over before it began: as good as forgotten
	}
	s := t.place(&t.shards, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.get(key); taken {
		return login.ErrExists
	}
	t.count.Add(int64(-s.remove(key))) // an expired one
	if n := t.count.Add(1); t.limit > 0 && n > t.limit {
		t.count.Add(-1)
		return login.ErrFull
	}
	if _, err := t.save(s, &r, life); err != nil {
		t.count.Add(-1)
		return err
	}
	t.own(r)
	return nil
}

func (t *table[K, R]) Get(_ context.Context, key K) (R, error) {
	text, ok := t.place(&t.shards, string(key)).get(string(key))
	if !ok {
		var none R
		return none, login.ErrNotFound
	}
	return t.parse(text.(string))
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
	text, ok := s.get(string(key))
	if !ok {
		var none R
		return none, login.ErrNotFound
	}
	was, err := t.parse(text.(string))
	if err != nil {
		return was, err
	}
	now := t.drafts.Get().(*R)
	defer t.drafts.Put(now)
	*now = was
	if err := change(now); err != nil {
		return was, err
	}
	life := time.Until((*now).ExpiresAt())
	if life <= 0 {
		t.count.Add(int64(-s.remove(string(key))))
		return *now, nil
	}
	written, err := t.save(s, now, life)
	if err != nil {
		return was, err
	}
	saved, err := t.parse(written)
	if err != nil {
		return was, err
	}
	if was.Owner() != saved.Owner() || saved.ExpiresAt().After(was.ExpiresAt()) {
		t.own(saved)
	}
	return saved, nil
}

func (t *table[K, R]) Delete(_ context.Context, key K) error {
	s := t.place(&t.shards, string(key))
	s.mu.Lock()
	t.count.Add(int64(-s.remove(string(key))))
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
	v, ok := s.get(name)
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
	if v, ok := s.get(name); ok {
		list = v.(*index[K])
	}
	if len(list.keys) >= list.pruneAt {
		maps.DeleteFunc(list.keys, func(key K, _ struct{}) bool {
			_, live := t.place(&t.shards, string(key)).get(string(key))
			return !live
		})
		list.pruneAt = max(pruneFirst, 2*len(list.keys))
	}
	list.keys[K(strings.Clone(string(r.Key())))] = struct{}{} // a part would keep all of its record
	if until := r.ExpiresAt(); until.After(list.until) {
		list.until = until
		s.set(name, list, time.Until(until))
	}
}

func (t *table[K, R]) Notify(fn func(K)) { t.notify = fn }

// Follow and Unfollow do nothing: every key is notified of, and nobody else is
// listening who would be spared.
func (t *table[K, R]) Follow(K)   {}
func (t *table[K, R]) Unfollow(K) {}
