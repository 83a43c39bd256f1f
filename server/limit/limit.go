// Package limit counts how often somebody does something.
package limit

import (
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/time/rate"
)

// PerMinute gives every key a bucket of so many a minute. It is safe for concurrent
// use; nil allows everything.
//
// A bucket that nobody used for a minute is full again, so forgetting it then loses
// nothing: that is exactly an entry of go-cache that expires. There is no janitor of
// go-cache's own, because nothing could stop its goroutine; whoever comes first after
// a minute clears up.
type PerMinute struct {
	count   int
	burst   int
	buckets *cache.Cache  // key: *rate.Limiter
	cleared *rate.Limiter // says when to clear up
	hit     func()
}

// NewPerMinute returns nil, which allows everything, for a count of 0. A bucket that
// is full holds a minute's worth.
func NewPerMinute(count int) *PerMinute { return New(count, count) }

// New is NewPerMinute with buckets that hold burst.
func New(count, burst int) *PerMinute {
	if count <= 0 {
		return nil
	}
	return &PerMinute{
		count:   count,
		burst:   burst,
		buckets: cache.New(time.Minute, 0),
		cleared: rate.NewLimiter(rate.Every(time.Minute), 1),
	}
}

// Report makes hit be called for each one too many; nil: nobody asks. It returns l.
func (l *PerMinute) Report(hit func()) *PerMinute {
	if l != nil {
		l.hit = hit
	}
	return l
}

// Take counts one more of key. If it is one too many, it returns how long to wait,
// and the refused one does not push the next further away.
func (l *PerMinute) Take(key string) (wait time.Duration) {
	if l == nil {
		return 0
	}
	if l.cleared.Allow() {
		l.buckets.DeleteExpired()
	}
	r := l.bucket(key).Reserve()
	if wait = r.Delay(); wait > 0 {
		r.Cancel()
		if l.hit != nil {
			l.hit()
		}
	}
	return wait
}

func (l *PerMinute) bucket(key string) *rate.Limiter {
	for {
		if found, ok := l.buckets.Get(key); ok {
			l.buckets.SetDefault(key, found) // begins its minute anew
			return found.(*rate.Limiter)
		}
		// Add, not Set: of two first requests both must count with one bucket.
		fresh := rate.NewLimiter(rate.Limit(float64(l.count)/60), l.burst)
		if l.buckets.Add(key, fresh, cache.DefaultExpiration) == nil {
			return fresh
		}
	}
}
