package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qrlatch/server/login"
)

// logins is what is counted of them. Each counter stands here by itself: it is looked up
// once, and not at each login.
type logins struct {
	byState     *prometheus.CounterVec
	states      map[login.State]prometheus.Counter
	redemptions *prometheus.CounterVec
	site, page  map[login.StepResult]prometheus.Counter
	passkeys    prometheus.Counter

	toScan, toApproval, toCollection prometheus.Histogram
}

func newLogins() logins {
	l := logins{
		byState: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qrlatch_logins_total",
			Help: "Logins that this node has brought to a state. A push login begins as scanned. Of those that run out nothing is counted: they are what is pending and never scanned, or scanned and neither approved nor denied.",
		}, []string{"state"}),
		redemptions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qrlatch_redemptions_total",
			Help: "Tickets presented at the login page or by a site. again: the same client got the same session; refused: none of ours, late, used or another app's; reused: by another client, and the session is void; failed: the store was away.",
		}, []string{"way", "result"}),
		passkeys: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "qrlatch_passkeys_refused_total",
			Help: "Passkeys that phones have shown and that approve nothing: not enrolled for that person, too old, or not signed for that login.",
		}),
		toScan: seconds("qrlatch_start_to_scan_seconds",
			"From the start of a login to its scan, without push logins.", people),
		toApproval: seconds("qrlatch_scan_to_approval_seconds",
			"From the scan, or the prompt of a push login, to the approval.", people),
		toCollection: seconds("qrlatch_approval_to_collection_seconds",
			"From the approval until the ticket was redeemed.", machines),
		states: make(map[login.State]prometheus.Counter),
		site:   make(map[login.StepResult]prometheus.Counter),
		page:   make(map[login.StepResult]prometheus.Counter),
	}
	for _, s := range []login.State{login.Pending, login.Scanned, login.Approved, login.Redeemed, login.Denied} {
		l.states[s] = l.byState.WithLabelValues(s.String())
	}
	for _, r := range []login.StepResult{login.StepDone, login.StepAgain, login.StepRefused, login.StepReused, login.StepFailed} {
		l.site[r] = l.redemptions.WithLabelValues("site", string(r))
		l.page[r] = l.redemptions.WithLabelValues("page", string(r))
	}
	return l
}

// people takes what somebody looks at and decides, machines what programs do by themselves.
var (
	people   = []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300}
	machines = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

func seconds(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func (l *logins) collectors() []prometheus.Collector {
	return []prometheus.Collector{l.byState, l.redemptions, l.passkeys, l.toScan, l.toApproval, l.toCollection}
}

// Observe counts a step of a login; see [login.Config].
func (m *Metrics) Observe(s login.Step) {
	l := &m.logins
	switch s.Name {
	case login.StepStart:
		l.states[s.Login.State].Inc()
	case login.StepScan:
		l.states[login.Scanned].Inc()
		observe(l.toScan, s.Login.Started, s.Login.Scanned)
	case login.StepApprove:
		switch {
		case s.Result == login.StepDone:
			l.states[login.Approved].Inc()
			observe(l.toApproval, s.Login.Scanned, s.Login.Approved)
		case s.Result == login.StepPasskeyRefused:
			l.passkeys.Inc()
		case s.Login.State == login.Denied: // by the third wrong number
			l.states[login.Denied].Inc()
		}
	case login.StepDeny:
		l.states[login.Denied].Inc()
	case login.StepRedeem:
		l.redeemed(s)
	}
}

func (l *logins) redeemed(s login.Step) {
	way := l.page
	if s.Site {
		way = l.site
	}
	way[s.Result].Inc()
	if s.Result == login.StepDone {
		l.states[login.Redeemed].Inc()
		observe(l.toCollection, s.Login.Approved, s.Login.Redeemed)
	}
}

// observe notes the time between two moments, which two nodes may have noted by clocks
// that differ a little.
func observe(h prometheus.Histogram, from, to time.Time) {
	h.Observe(max(0, to.Sub(from).Seconds()))
}
