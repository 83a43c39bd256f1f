// Package memstore keeps logins and sessions in the memory of one process, on
// patrickmn/go-cache. What it holds is lost at exit.
package memstore

import (
	"sync"
	"time"

	"qrlatch/server/login"
)

// Options limit a store. The zero value sets no limit.
type Options struct {
	MaxLogins int // more than this many give login.ErrFull; 0: no limit
}

// Store is a login.Store in memory. Close it to end its janitor.
type Store struct {
	login.Store
	count func() int
	stop  func()
}

const (
	// cleanup is how often every shard is rid of what has expired, and portion how many
	// are in one go, about once a second.
	cleanup = time.Minute
	portion = 4
)

// New returns an empty store. One goroutine clears it of expired records, a few shards
// a second: go-cache holds a lock for a whole scan, so one scan must be short.
func New(o Options) *Store {
	logins := newTable[login.Handle](o.MaxLogins, login.ReadLogin, (*login.Login).AppendBinary)
	sessions := newTable[login.SessionID](0, login.ReadSession, (*login.Session).AppendBinary)
	push := newTable[login.PushID](0, login.ReadPushTicket, (*login.PushTicket).AppendBinary)
	blocks := newTable[login.BlockID](0, login.ReadBlock, (*login.Block).AppendBinary)
	userCodes := newTable[login.UserCodeID](0, login.ReadUserCode, (*login.UserCode).AppendBinary)

	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(cleanup * portion / shardCount)
		defer tick.Stop()
		for i := 0; ; i = (i + portion) % shardCount {
			select {
			case <-tick.C:
				for shard := i; shard < i+portion; shard++ {
					logins.clean(shard)
					sessions.clean(shard)
					push.clean(shard)
					blocks.clean(shard)
					userCodes.clean(shard)
				}
			case <-quit:
				return
			}
		}
	})
	return &Store{
		count: func() int { return int(logins.count.Load()) },
		Store: login.Store{Logins: logins, Sessions: sessions, Push: push, Blocks: blocks, UserCodes: userCodes},
		stop:  sync.OnceFunc(func() { close(quit); done.Wait() }),
	}
}

// Count is how many logins it holds, with those that have expired and are not cleared away.
func (s *Store) Count() int { return s.count() }

// Close ends the janitor. It may be called more than once.
func (s *Store) Close() { s.stop() }
