package web

import (
	"net/netip"
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/time/rate"

	"qrlatch/server/login"
)

// startLimiter gives every address a bucket of logins that it may start. A bucket
// that has been full again for a while is forgotten.
type startLimiter struct {
	perMinute int
	buckets   *cache.Cache
}

func newStartLimiter(perMinute int) *startLimiter {
	return &startLimiter{perMinute: perMinute, buckets: cache.New(2*time.Minute, time.Minute)}
}

func (l *startLimiter) allow(b login.Browser) bool {
	key := network(b.Addr)
	for {
		if bucket, ok := l.buckets.Get(key); ok {
			return bucket.(*rate.Limiter).Allow()
		}
		// Add loses against another request of the same address, which then made it.
		_ = l.buckets.Add(key, rate.NewLimiter(rate.Limit(l.perMinute)/60, l.perMinute), cache.DefaultExpiration)
	}
}

// network is what one customer gets from a provider: an address, or an IPv6 /64.
func network(addr netip.Addr) string {
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}
