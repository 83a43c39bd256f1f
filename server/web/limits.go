package web

import (
	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// startLimiter tells whether a browser's address may start one more login.
func startLimiter(perMinute int) func(login.Browser) bool {
	starts := limit.NewPerMinute(perMinute)
	return func(b login.Browser) bool { return starts.Take(login.Network(b.Addr)) == 0 }
}
