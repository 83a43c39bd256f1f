package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// Limits say how often a client may ask, and how many may wait. 0 means no limit.
type Limits struct {
	StartsPerAddress  int // logins a minute and address; an IPv6 address counts by its /64
	ScansPerPhone     int // a minute
	WaitersPerLogin   int
	WaitersPerAddress int
	Waiters           int
}

// DefaultLimits are those of a server whose operator has named none.
func DefaultLimits() Limits {
	return Limits{
		StartsPerAddress: 600, ScansPerPhone: 20,
		WaitersPerLogin: 4, WaitersPerAddress: 256, Waiters: 200_000,
	}
}

// startLimiter tells whether a browser's address may start one more login.
func startLimiter(perMinute int, hit func()) func(login.Browser) bool {
	starts := limit.NewPerMinute(perMinute).Report(hit)
	return func(b login.Browser) bool { return starts.Take(login.Network(b.Addr)) == 0 }
}

// limitHits are the limits that the metrics tell apart: by their key in the file, and
// those that no key changes.
func limitHits() []string {
	return []string{
		"starts_per_address", "scans_per_phone", "waiters_per_login", "waiters_per_address", "waiters",
		"polls", "pictures", "codes", "sign_ins",
	}
}

// hit counts what meets a limit.
func (m *Metrics) hit(name string) func() { return m.LimitHits.WithLabelValues(name).Inc }

// waiters counts who waits, for the handlers and for the metrics.
func (m *Metrics) waiters(l Limits) *limit.Waiters {
	w := limit.NewWaiters(limit.WaiterLimits{
		PerLogin: l.WaitersPerLogin, PerAddress: l.WaitersPerAddress, Total: l.Waiters,
		Hit: func(name string) { m.LimitHits.WithLabelValues(name).Inc() },
	})
	for d := range limit.Dialects() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "qrlatch_waiters", Help: "Requests, streams and sockets that wait for news.",
			ConstLabels: prometheus.Labels{"dialect": d.String()},
		}, func() float64 { return float64(w.Count(d)) }))
	}
	return w
}
