package web

import (
	"net/netip"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// startLimiter tells whether a browser's address may start one more login.
func startLimiter(perMinute int) func(login.Browser) bool {
	starts := limit.NewPerMinute(perMinute)
	return func(b login.Browser) bool { return starts.Take(network(b.Addr)) == 0 }
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
