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

// table is a login.Table. It keeps a record as the bytes that write gives, in a text that
// is never changed: what was read, and the key in the map, are parts of it.
type table[K ~string, R login.Record[K]] struct {
	seed   maphash.Seed
	limit  int64
	count  atomic.Int64
	shards [shardCount]shard // by key: string
	owned  [shardCount]shard // by phone: *index[K], all of it under mu
	read   func(string) (R, error)
	write  func(*R, []byte) ([]byte, error) // leaves a record as it will be read
	notify func(K)
	saved  func(K, R) // told by Update in place of notify; nil: nobody
	drafts sync.Pool  // of *R, to be changed and written: a record is large, and each would go to the heap
}

// index lists the keys of one phone's records, each with its listEnd in Unix nanoseconds, under
// the lock of its shard. It lives as long as the longest of them and may name some that have
// expired: those are dropped when it has doubled, so that adding one costs the same however
// many there are, and no look at the records.
type index[K ~string] struct {
	ends    map[K]int64
	until   time.Time
	pruneAt int
}

const (
	pruneFirst = 16
	// listStep is how much longer than its record an entry of a list may be there at most. A
	// login moves its end with each step, and mostly by less: so its list is left alone. A phone
	// that scans all the time has three times as many there as there are.
	listStep = 15 * time.Minute
)

// listEnd is when a list may forget a record that expires then.
func listEnd(expires time.Time) time.Time { return expires.Truncate(listStep).Add(listStep) }

// newTable returns an empty table of records that read and write know.
func newTable[K ~string, R login.Record[K]](limit int, read func(string) (R, error), write func(*R, []byte) ([]byte, error)) *table[K, R] {
	t := &table[K, R]{seed: maphash.MakeSeed(), limit: int64(limit), read: read, write: write, notify: func(K) {}}
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

// save writes r down in a locked shard.
func (t *table[K, R]) save(s *shard, key string, r *R, expires, now time.Time) error {
	b, err := t.write(r, s.buf[:0])
	if err != nil {
		return err
	}
	s.buf = b
	text := string(b)
	if i := strings.Index(text, key); i >= 0 {
		key = text[i : i+len(key)] // a key of its own would cost as much as the map's slot
	}
	s.set(key, text, expires, now)
	return nil
}

func (t *table[K, R]) Create(_ context.Context, r R) error {
	key, owner, expires, now := string(r.Key()), r.Owner(), r.ExpiresAt(), time.Now()
	if !expires.After(now) {
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
	draft := t.drafts.Get().(*R)
	defer t.drafts.Put(draft)
	*draft = r
	if err := t.save(s, key, draft, expires, now); err != nil {
		t.count.Add(-1)
		return err
	}
	t.own(owner, key, expires, now)
	return nil
}

func (t *table[K, R]) Get(_ context.Context, key K) (R, error) {
	text, ok := t.place(&t.shards, string(key)).get(string(key))
	if !ok {
		var none R
		return none, login.ErrNotFound
	}
	return t.read(text.(string))
}

func (t *table[K, R]) Update(_ context.Context, key K, change func(*R) error) (R, error) {
	saved, err := t.update(key, change)
	switch { // outside the lock: whoever is woken does his work at once
	case err != nil:
	case t.saved != nil:
		t.saved(key, saved)
	default:
		t.notify(key)
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
	was, err := t.read(text.(string))
	if err != nil {
		return was, err
	}
	draft := t.drafts.Get().(*R)
	defer t.drafts.Put(draft)
	*draft = was
	if err := change(draft); err != nil {
		return was, err
	}
	owner, expires, now := (*draft).Owner(), (*draft).ExpiresAt(), time.Now()
	if !expires.After(now) {
		t.count.Add(int64(-s.remove(string(key))))
		t.disown(was.Owner(), key)
		return *draft, nil
	}
	if err := t.save(s, string(key), draft, expires, now); err != nil {
		return was, err
	}
	if was.Owner() != owner || !listEnd(was.ExpiresAt()).Equal(listEnd(expires)) {
		t.own(owner, string(key), expires, now)
	}
	return *draft, nil
}

func (t *table[K, R]) Delete(_ context.Context, key K) error {
	t.drop(key)
	t.notify(key)
	return nil
}

func (t *table[K, R]) drop(key K) {
	s := t.place(&t.shards, string(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.get(string(key))
	t.count.Add(int64(-s.remove(string(key))))
	if !ok {
		return
	}
	if was, err := t.read(text.(string)); err == nil {
		t.disown(was.Owner(), key)
	}
}

func (t *table[K, R]) Owned(ctx context.Context, phone login.Phone) ([]R, error) {
	var records []R
	for _, key := range t.ownedKeys(phone.Key()) {
		if r, err := t.Get(ctx, key); err == nil && r.Owner() == phone {
			records = append(records, r)
		}
	}
	return records, nil
}

func (t *table[K, R]) ownedKeys(name string) []K {
	s, list := t.list(name)
	defer s.mu.Unlock()
	if list == nil {
		return nil
	}
	return slices.Collect(maps.Keys(list.ends))
}

// list locks the shard of a phone's list, and returns both; nil: it has none.
func (t *table[K, R]) list(name string) (*shard, *index[K]) {
	s := t.place(&t.owned, name)
	s.mu.Lock()
	if v, ok := s.get(name); ok {
		return s, v.(*index[K])
	}
	return s, nil
}

// own puts a record on its phone's list, in a locked shard of records, or notes there that
// it has another end.
func (t *table[K, R]) own(owner login.Phone, key string, expires, now time.Time) {
	if owner == (login.Phone{}) {
		return
	}
	name := owner.Key()
	s, list := t.list(name)
	defer s.mu.Unlock()
	if list == nil {
		list = &index[K]{ends: map[K]int64{}, pruneAt: pruneFirst}
	}
	if len(list.ends) >= list.pruneAt {
		maps.DeleteFunc(list.ends, func(_ K, end int64) bool { return end <= now.UnixNano() })
		list.pruneAt = max(pruneFirst, 2*len(list.ends))
	}
	end := listEnd(expires)
	list.ends[K(strings.Clone(key))] = end.UnixNano() // a part would keep all of its record
	if end.After(list.until) {
		list.until = end
		s.set(name, list, end, now)
	}
}

// disown takes a record off its phone's list, in a locked shard of records.
func (t *table[K, R]) disown(owner login.Phone, key K) {
	if owner == (login.Phone{}) {
		return
	}
	s, list := t.list(owner.Key())
	defer s.mu.Unlock()
	if list != nil {
		delete(list.ends, key)
	}
}

func (t *table[K, R]) Notify(fn func(K)) { t.notify = fn }

// NotifySaved names who is told, in place of the function of Notify, of what Update has saved.
// Of several changes at once the first may be told last.
func (t *table[K, R]) NotifySaved(fn func(K, R)) { t.saved = fn }

// Follow and Unfollow do nothing: every key is notified of, and nobody else is
// listening who would be spared.
func (t *table[K, R]) Follow(K)   {}
func (t *table[K, R]) Unfollow(K) {}
