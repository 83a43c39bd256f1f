package web

import (
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/metrics"
)

// Limits say how often a client may ask, how many may wait, and how large and how slow a
// request may be. 0 means no limit; where guessing or memory would then be free, it means
// the default. The tags are their names in the file.
type Limits struct {
	StartsPerAddress  int `yaml:"starts_per_address"` // logins a minute and address; an IPv6 address counts by its /64
	ScansPerPhone     int `yaml:"scans_per_phone"`    // a minute
	WaitersPerLogin   int `yaml:"waiters_per_login"`
	WaitersPerAddress int `yaml:"waiters_per_address"`
	Waiters           int `yaml:"waiters"`

	PollsPerLogin       int `yaml:"polls_per_login"`       // a minute, without a wait
	PicturesPerLogin    int `yaml:"pictures_per_login"`    // a minute, animations apart
	SignInsPerAddress   int `yaml:"sign_ins_per_address"`  // returns from the identity provider, a minute
	PasswordsPerAddress int `yaml:"passwords_per_address"` // tries, a minute
	GuessesPerAddress   int `yaml:"guesses_per_address"`   // wrong short codes in ten minutes; 0: the default

	BodyBytes    int           `yaml:"body_bytes"`    // of any request; 0: the default, as for those below
	BodyTimeout  time.Duration `yaml:"body_timeout"`  // to send it
	WriteTimeout time.Duration `yaml:"write_timeout"` // to accept writeChunk bytes, an event or a message
}

// DefaultLimits are those of a server whose operator has named none.
func DefaultLimits() Limits {
	return Limits{
		StartsPerAddress: 600, ScansPerPhone: 20,
		WaitersPerLogin: 4, WaitersPerAddress: 256, Waiters: 200_000,
		PollsPerLogin: 60, PicturesPerLogin: 120, SignInsPerAddress: 300, PasswordsPerAddress: 20, GuessesPerAddress: 30,
		BodyBytes: 256 << 10, BodyTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	}
}

// startLimiter tells whether a browser's address may start one more login.
func startLimiter(perMinute int, hit func()) func(login.Browser) bool {
	starts := limit.NewPerMinute(perMinute).Report(hit)
	return func(b login.Browser) bool { return starts.Take(login.Network(b.Addr)) == 0 }
}

// waiters counts who waits, for the handlers and for the metrics.
func waiters(m *metrics.Metrics, l Limits) *limit.Waiters {
	hits := map[string]func(){}
	for _, name := range []string{"waiters_per_login", "waiters_per_address", "waiters"} {
		hits[name] = m.LimitHit(name)
	}
	w := limit.NewWaiters(limit.WaiterLimits{
		PerLogin: l.WaitersPerLogin, PerAddress: l.WaitersPerAddress, Total: l.Waiters,
		Hit: func(name string) { hits[name]() },
	})
	m.Waiters(w)
	return w
}
