package limit

import (
	"time"

	"golang.org/x/time/rate"
)

// Wait is how long one more of key would have to wait. It counts nothing, and tells nobody.
func (l *PerMinute) Wait(key string) time.Duration {
	if l == nil {
		return 0
	}
	found, ok := l.buckets.Get(key)
	if !ok {
		return 0
	}
	r := found.(*rate.Limiter).Reserve()
	defer r.Cancel()
	return r.Delay()
}
