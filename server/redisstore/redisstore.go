// Package redisstore keeps logins and sessions in Redis 7 or Valkey, for any number of equal
// nodes: one server, a primary found through Sentinel, or a Cluster.
//
// # Keys
//
// A record is one string, and dies with its own TTL. What one script touches has the record's
// key in braces, and so shares its slot in a Cluster:
//
//	qrlatch:l:{key}    the record: l login, s session, p push ticket, b block, c short code
//	qrlatch:l:{key}:f  the nodes that follow it, until they have been told once
//	qrlatch:l:{key}:t  those that the last change took from there, for ten seconds
//	qrlatch:l:{key}:a  which browsers each node has heard that ask for the login
//	qrlatch:l:o:{hash} what a phone owns: keys by the time at which they expire
//	qrlatch:s:{key}:m  the nodes at which the session's browser has sockets open
//	qrlatch:n:{node}   a counter of what was told to a node, and the channel by that name
//	qrlatch:census     how many logins each node has started
//
// An update is GET, and a script that sets the new bytes if the old ones are still there; if
// not, it gives back what is, so that another try is one call. Every writing begins with a
// stamp of its own. So a call whose answer was lost can be made again: what is there tells
// whether it has been done. And a write that a failover has lost is not taken for another.
// A list of what a phone owns may be in another slot. It is written first: an entry without a
// record costs a read, and a record without an entry would be a session nobody can end.
//
// # Wake-ups
//
// Who watches a record follows it and then reads it. The read of a followed key is a script
// that also notes the node beside the record, so following costs no call of its own, and no
// change can fall between. The update that changes the record takes the note away and gets it
// in its answer, and the updating node tells each node noted: one message to the one that
// holds the browser. Telling cannot be part of that script: in a Cluster a channel has a slot,
// and PUBLISH, which needs none, would go to every server. A node that still waits once it was
// told reads again, and is noted again. One that has given up leaves its note behind, and is
// told once for nothing.
//
// Messages to a node are numbered, and once a second it sends itself the last number. When one
// is missing, or the connection was lost, it reads again all that it follows. And it does so,
// a thirtieth every second, always: a message that was never sent, because its sender died or
// Redis lost the note in a failover, delays a browser by 45 seconds at most. It tells of every
// followed key then, also of one that Redis has forgotten.
//
// Records must not be evicted: Redis needs maxmemory-policy noeviction.
package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
)

// Options adjust a store. The zero value is good.
type Options struct {
	// MaxLogins limits logins on all nodes together: more than this many give
	// login.ErrFull. Nodes learn of each other's logins once a second, so it is passed by
	// as many as are started in that time. 0: no limit but Redis' own maxmemory, which
	// gives the same error.
	MaxLogins int
	// Timeout is how long a call waits for Redis, and when Redis has been away for longer, an
	// eighth of it; default 2 s.
	Timeout time.Duration
	// Prefix comes before every key, for two installations on one Redis; default "qrlatch:".
	Prefix string
	// Log hears when Redis goes and comes back. Default: nobody.
	Log *slog.Logger
	// Observe hears of every call, with a short name out of a dozen. Default: nobody.
	Observe func(call string, took time.Duration, err error)

	beat time.Duration // shorter in tests
}

// Store is a login.Store on Redis. Close it once nobody uses it any more.
type Store struct {
	login.Store
	options Options
	dial    rueidis.ClientOption
	client  atomic.Pointer[rueidis.Client] // nil until Redis was there for the first time
	node    *node
	census  census
	stop    func()
}

var errAbsent = errors.New("redis has not been reached yet")

// Open returns the store at url; see ParseURL. It waits a moment for Redis, and if that is
// not there returns all the same: calls then fail, and work once it has come.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	dial, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.Prefix = cmp.Or(o.Prefix, "qrlatch:")
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.beat = cmp.Or(o.beat, beatEvery)
	if o.Observe == nil {
		o.Observe = func(string, time.Duration, error) {}
	}
	dial.Dialer.Timeout = o.Timeout
	dial.ConnWriteTimeout = o.Timeout // then an idle connection that gives no pong is closed
	s := &Store{options: o, dial: dial, census: census{limit: int64(o.MaxLogins)}}
	s.node = newNode(s, rand.Text()[:12])
	s.node.relay = newRelay(s)
	logins := newTable[login.Handle](s, "l", login.ReadLogin, (*login.Login).AppendBinary)
	logins.limit = &s.census
	s.Store = login.Store{
		Logins:    logins,
		Sessions:  newTable[login.SessionID](s, "s", login.ReadSession, (*login.Session).AppendBinary),
		Push:      newTable[login.PushID](s, "p", login.ReadPushTicket, (*login.PushTicket).AppendBinary),
		Blocks:    newTable[login.BlockID](s, "b", login.ReadBlock, (*login.Block).AppendBinary),
		UserCodes: newTable[login.UserCodeID](s, "c", login.ReadUserCode, (*login.UserCode).AppendBinary),
		Audience:  audience{logins},
	}

	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	connected := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		if s.connect(living) {
			close(connected)
			s.node.run(living)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
		s.node.finish(o.Timeout / 2)
		if c := s.client.Load(); c != nil {
			(*c).Close()
		}
	})
	select {
	case <-connected:
	case <-ctx.Done():
	case <-time.After(o.Timeout):
	}
	return s, nil
}

// connect tries until it has a client, and reports false if ctx ended before. From then on
// the client finds its way back by itself.
func (s *Store) connect(ctx context.Context) bool {
	for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, time.Second) {
		client, err := rueidis.NewClient(s.dial)
		if err == nil {
			s.client.Store(&client)
			return true
		}
		if wait == 50*time.Millisecond {
			s.options.Log.Warn("redis cannot be reached; trying on", "error", err)
		}
		pause(ctx, wait)
	}
	return false
}

// Close ends the store. It may be called more than once.
func (s *Store) Close() { s.stop() }

// Ready tells whether logins can be kept and browsers be woken now.
func (s *Store) Ready(ctx context.Context) error {
	if !s.node.hearing.Load() { // known at once when Redis goes
		return errors.New("redis: no subscription")
	}
	if err := s.beat(ctx); err != nil { // a write: a replica that was left alone would read
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// do runs one call within the time that a call has. name is for Observe.
func (s *Store) do(ctx context.Context, name string, call func(context.Context, rueidis.Client) rueidis.RedisResult) rueidis.RedisResult {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	result := rueidis.NewErrorResult(errAbsent)
	if c := s.client.Load(); c != nil {
		result = call(ctx, *c)
	}
	err := result.Error()
	if rueidis.IsRedisNil(err) {
		err = nil
	}
	s.options.Observe(name, time.Since(start), err)
	return result
}

// hurry ends ctx soon if Redis has not been heard of for longer than a call waits: a blip is sat
// out, and an outage does not pile up those who ask.
func (s *Store) hurry(ctx context.Context) (context.Context, context.CancelFunc) {
	if lost := s.node.lost.Load(); lost != 0 && time.Since(time.Unix(0, lost)) > s.options.Timeout {
		return context.WithTimeout(ctx, s.options.Timeout/8)
	}
	return ctx, func() {}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
