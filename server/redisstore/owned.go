package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
)

// entryBeats is a step of entryEnd, in seconds.
const entryBeats = 300

// entryEnd is until when a record that ends at end is on its phone's list. Most changes move the
// end of a login a little, and few of them from one step to the next.
func (s *Store) entryEnd(end time.Time) time.Time {
	step := entryBeats * s.options.beat
	return end.Truncate(step).Add(step)
}

// own puts a record on its phone's list for as long as it may live, or changes how long.
func (t *table[K, R]) own(ctx context.Context, r R) error {
	if r.Owner() == (login.Phone{}) {
		return nil
	}
	life := time.Until(t.entryEnd(r.ExpiresAt()))
	err := t.run(ctx, t.node.scripts.own, []string{t.owned(r.Owner())}, string(r.Key()), millis(life)).Error()
	if err != nil && !rueidis.IsRedisNil(err) {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// worthShortening is how much longer than its record an entry may stay on a list.
const worthShortening = time.Hour

// shorten lets a record's entry end with it when that has moved much nearer, as that of a
// session does by signing out. If it fails, a list is longer than need be.
func (t *table[K, R]) shorten(ctx context.Context, was, now R) {
	if was.ExpiresAt().Sub(now.ExpiresAt()) > worthShortening {
		_ = t.own(ctx, now)
	}
}

// disown takes a record off its phone's list. If it fails, its entry ends when it would have.
func (t *table[K, R]) disown(ctx context.Context, r R) {
	if r.Owner() == (login.Phone{}) {
		return
	}
	_ = t.do(ctx, "disown", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		return c.Do(ctx, safe(c.B().Zrem().Key(t.owned(r.Owner())).Member(string(r.Key())).Build()))
	})
}

// Owned is two round trips: the list, and all that is on it.
func (t *table[K, R]) Owned(ctx context.Context, phone login.Phone) ([]R, error) {
	ctx, cancel := t.hurry(ctx)
	defer cancel()
	keys, err := t.run(ctx, t.node.scripts.list, []string{t.owned(phone)}).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	texts, err := t.readAll(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	records := make([]R, 0, len(texts))
	for _, text := range texts {
		r, err := t.decode(text)
		if err != nil {
			return nil, err
		}
		if r.Owner() == phone { // an entry is written before a change that another phone may win
			records = append(records, r)
		}
	}
	return records, nil
}

// readAll reads the records that there are under keys.
func (t *table[K, R]) readAll(ctx context.Context, keys []string) ([]string, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	client := *t.client.Load() // it has given us keys
	gets := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		gets[i] = safe(client.B().Get().Key(t.keys(K(key))[0]).Build())
	}
	var texts []string
	for _, result := range client.DoMulti(ctx, gets...) {
		text, err := result.ToString()
		if rueidis.IsRedisNil(err) {
			continue
		}
		if err != nil {
			t.options.Observe("get owned", time.Since(start), err)
			return nil, err
		}
		texts = append(texts, text)
	}
	t.options.Observe("get owned", time.Since(start), nil)
	return texts, nil
}
