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
	stop func()
}

// cleanup is how often every shard is rid of what has expired.
const cleanup = time.Minute

// New returns an empty store. One goroutine clears it of expired records, a shard
// at a time: go-cache holds a lock for a whole scan, so one scan must be short.
func New(o Options) *Store {
	logins := newTable[login.Handle, login.Login](o.MaxLogins)
	sessions := newTable[login.SessionID, login.Session](0)
	push := newTable[login.PushID, login.PushTicket](0)
	blocks := newTable[login.BlockID, login.Block](0)
	userCodes := newTable[login.UserCodeID, login.UserCode](0)

	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(cleanup / shardCount)
		defer tick.Stop()
		for i := 0; ; i = (i + 1) % shardCount {
			select {
			case <-tick.C:
				logins.clean(i)
				sessions.clean(i)
				push.clean(i)
				blocks.clean(i)
				userCodes.clean(i)
			case <-quit:
				return
			}
		}
	})
	return &Store{
		Store: login.Store{Logins: logins, Sessions: sessions, Push: push, Blocks: blocks, UserCodes: userCodes},
		stop:  sync.OnceFunc(func() { close(quit); done.Wait() }),
	}
}

// Close ends the janitor. It may be called more than once.
func (s *Store) Close() { s.stop() }
