package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
)

// table is a login.Table.
type table[K ~string, R login.Record[K]] struct {
	*Store
	letter    string
	read      func(string) (R, error)
	write     func(*R, []byte) ([]byte, error)
	limit     *census // nil: there is none
	notify    func(K)
	following *following[K]
}

func newTable[K ~string, R login.Record[K]](s *Store, letter string, read func(string) (R, error), write func(*R, []byte) ([]byte, error)) *table[K, R] {
	t := &table[K, R]{Store: s, letter: letter, read: read, write: write, notify: func(K) {}, following: newFollowing[K](enoughBeats * s.options.beat)}
	s.node.tables[letter] = t
	return t
}

// keys are the record, the nodes that follow it, and those of them that were last to be told.
func (t *table[K, R]) keys(key K) []string {
	name := t.options.Prefix + t.letter + ":{" + string(key) + "}"
	return []string{name, name + ":f", name + ":t"}
}

// owned is the list of what a phone owns. Its name is a hash: who has signed in is nothing to
// read off a list of keys.
func (t *table[K, R]) owned(p login.Phone) string {
	sum := sha256.Sum256([]byte(p.Key()))
	return t.options.Prefix + t.letter + ":o:{" + base64.RawURLEncoding.EncodeToString(sum[:18]) + "}"
}

// stampLen is the length of the stamp before a record, which is drawn at each writing: no
// two writings are alike, and who gets no answer can see whether his has been done.
const stampLen = 8

func (t *table[K, R]) encode(r *R) (string, error) {
	b := binary.NativeEndian.AppendUint64(make([]byte, 0, 512), rand.Uint64())
	b, err := t.write(r, b)
	return string(b), err
}

func (t *table[K, R]) decode(text string) (R, error) {
	if len(text) < stampLen {
		var none R
		return none, errors.New("redis: what is there is no record")
	}
	return t.read(text[stampLen:])
}

func (t *table[K, R]) Create(ctx context.Context, r R) error {
	life := time.Until(r.ExpiresAt())
	if life < time.Millisecond {
		return nil // over before it began: as good as forgotten
	}
	if t.limit.full() {
		return login.ErrFull
	}
	ctx, cancel := t.hurry(ctx)
	defer cancel()
	text, err := t.encode(&r)
	if err != nil {
		return err
	}
	if err := t.own(ctx, r); err != nil {
		return err
	}
	there, err := t.do(ctx, "create", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		return c.Do(ctx, safe(c.B().Set().Key(t.keys(r.Key())[0]).Value(text).Nx().Get().Px(life).Build()))
	}).ToString()
	switch {
	case err == nil && there != text:
		return login.ErrExists
	case outOfMemory(err):
		return login.ErrFull
	case err != nil && !rueidis.IsRedisNil(err):
		return fmt.Errorf("redis: %w", err)
	}
	t.limit.add(r.ExpiresAt())
	return nil
}

// outOfMemory tells whether Redis refuses to keep more.
func outOfMemory(err error) bool {
	said, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(said.Error(), "OOM ")
}

func (t *table[K, R]) Get(ctx context.Context, key K) (R, error) {
	text, err := t.fetch(ctx, key)
	if err != nil {
		var none R
		return none, err
	}
	return t.decode(text)
}

// fetch is one call. If somebody here follows the key, it also notes that.
func (t *table[K, R]) fetch(ctx context.Context, key K) (string, error) {
	ctx, cancel := t.hurry(ctx)
	defer cancel()
	var text string
	var err error
	keys := t.keys(key)
	if note, ok := t.following.toNote(key); ok {
		text, err = t.run(ctx, t.node.scripts.read, keys[:2], t.node.id, millis(noteLife)).ToString()
		if err == nil || rueidis.IsRedisNil(err) {
			note.kept()
		}
	} else {
		text, err = t.do(ctx, "get", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
			return c.Do(ctx, safe(c.B().Get().Key(keys[0]).Build()))
		}).ToString()
	}
	if rueidis.IsRedisNil(err) {
		return "", login.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	return text, nil
}

func (t *table[K, R]) Update(ctx context.Context, key K, change func(*R) error) (R, error) {
	var none R
	text, err := t.fetch(ctx, key)
	for err == nil {
		var was R
		if was, err = t.decode(text); err != nil {
			break
		}
		now := was
		if err := change(&now); err != nil {
			return was, err
		}
		var nodes []string
		if text, nodes, err = t.swap(ctx, text, was, &now); err == nil && text == "" {
			t.node.tell(nodes, t.letter, string(key))
			t.shorten(ctx, was, now)
			return now, nil
		}
	}
	return none, err
}

// swap saves now if the bytes of was are still there, and returns who is to be told. Else it
// returns the bytes that are there.
func (t *table[K, R]) swap(ctx context.Context, bytes string, was R, next *R) (there string, nodes []string, err error) {
	text, err := t.encode(next)
	if err != nil {
		return "", nil, err
	}
	now := *next
	if was.Owner() != now.Owner() || t.entryEnd(now.ExpiresAt()).After(t.entryEnd(was.ExpiresAt())) {
		if err := t.own(ctx, now); err != nil {
			return "", nil, err
		}
	}
	life := time.Until(now.ExpiresAt())
	// From here on it is not given up because a phone hangs up: there is somebody to be told.
	keys := t.keys(now.Key())
	reply, err := t.run(context.WithoutCancel(ctx), t.node.scripts.change, keys, millis(takenLife), bytes, text, millis(life)).ToMessage()
	switch {
	case rueidis.IsRedisNil(err):
		return "", nil, login.ErrNotFound
	case err != nil:
		t.settle(now.Key(), keys[2])
		return "", nil, fmt.Errorf("redis: %w", err)
	case reply.IsArray():
		nodes, err = reply.AsStrSlice()
		return "", nodes, err
	}
	there, err = reply.ToString()
	return there, nil, err
}

func (t *table[K, R]) Delete(ctx context.Context, key K) error {
	keys := t.keys(key)
	reply, err := t.run(context.WithoutCancel(ctx), t.node.scripts.remove, keys, millis(takenLife)).ToArray()
	if err == nil && len(reply) != 2 {
		err = errors.New("a script gave no pair")
	}
	if err != nil {
		t.settle(key, keys[2])
		return fmt.Errorf("redis: %w", err)
	}
	nodes, err := reply[1].AsStrSlice()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	t.node.tell(nodes, t.letter, string(key))
	text, err := reply[0].ToString()
	if err != nil || text == "" {
		return err
	}
	if was, err := t.decode(text); err == nil {
		t.disown(ctx, was)
	}
	return nil
}

// settle is for a change of which it is not known whether it was made: it tells those whom it
// would have told, as soon as Redis answers.
func (t *table[K, R]) settle(key K, taken string) {
	t.node.persist(func(ctx context.Context) error {
		nodes, err := t.do(ctx, "settle", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
			return c.Do(ctx, safe(c.B().Smembers().Key(taken).Build()))
		}).AsStrSlice()
		t.node.tell(nodes, t.letter, string(key))
		return err
	})
}

// Notify, Follow and Unfollow are local: the read that comes after Follow tells Redis.
func (t *table[K, R]) Notify(fn func(K)) { t.notify = fn }
func (t *table[K, R]) Follow(key K)      { t.following.add(key) }
func (t *table[K, R]) Unfollow(key K)    { t.following.drop(key) }

func (t *table[K, R]) message(key string) bool { return t.following.message(K(key), t.notify) }

func (t *table[K, R]) reread(part int, all bool, notify func(func())) {
	for _, key := range t.following.stale(part, all) {
		notify(func() { t.notify(key) })
	}
}
