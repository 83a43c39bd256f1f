package phone

import (
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/time/rate"

	"qrlatch/server/login"
)

// scanLimit keeps one person from trying codes until one is right. It is kept by
// person and not by token: fresh tokens are easily had.
//
// A limiter that nobody used for a minute is full again, so forgetting it then
// loses nothing: that is exactly an entry of go-cache that expires. There is no
// janitor of go-cache's own, because nothing could stop its goroutine; whoever comes
// first after a minute clears up.
type scanLimit struct {
	perMinute int
	limiters  *cache.Cache  // login.Phone as text: *rate.Limiter
	cleared   *rate.Limiter // says when to clear up
}

// newScanLimit returns nil, which allows everything, for a limit of 0.
func newScanLimit(perMinute int) *scanLimit {
	if perMinute <= 0 {
		return nil
	}
	return &scanLimit{
		perMinute: perMinute,
		limiters:  cache.New(time.Minute, 0),
		cleared:   rate.NewLimiter(rate.Every(time.Minute), 1),
	}
}

// take counts one scan of who. If it is one too many, it returns how long to wait.
func (l *scanLimit) take(who login.Phone) (wait time.Duration) {
	if l == nil {
		return 0
	}
	if l.cleared.Allow() {
		l.limiters.DeleteExpired()
	}
	r := l.limiter(who).Reserve()
	if wait = r.Delay(); wait > 0 {
		r.Cancel() // a refused scan does not push the next one further away
	}
	return wait
}

func (l *scanLimit) limiter(who login.Phone) *rate.Limiter {
	key := who.Issuer + "\x00" + who.Subject
	for {
		if found, ok := l.limiters.Get(key); ok {
			l.limiters.SetDefault(key, found) // begins its minute anew
			return found.(*rate.Limiter)
		}
		// Add, not Set: of two first requests both must count with one limiter.
		fresh := rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
		if l.limiters.Add(key, fresh, cache.DefaultExpiration) == nil {
			return fresh
		}
	}
}
