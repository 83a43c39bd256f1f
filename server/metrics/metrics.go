// Package metrics counts what the server does, for Prometheus. No label ever holds an id,
// an address or an app: every one is out of a list that the program knows at its start.
package metrics

import (
	"cmp"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"qrlatch/server/backchannel"
	"qrlatch/server/limit"
)

// Metrics are the counters of one server. All methods are safe for concurrent use.
type Metrics struct {
	registry    *prometheus.Registry
	Requests    *prometheus.CounterVec // by route and class of status
	StatReports prometheus.Counter     // statistics reports of WeChat clients

	limitHits *prometheus.CounterVec // by the name of the limit
	notices   *prometheus.CounterVec // of sign-outs, by their result
	logins    logins
	calls     calls
}

// New returns metrics at zero. version is the program's.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), logins: newLogins(), calls: newCalls()}
	m.Requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qrlatch_http_requests_total", Help: "Requests answered on the public listener, by route and class of status.",
	}, []string{"route", "status"})
	m.StatReports = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "qrlatch_wechat_stat_reports_total", Help: "Statistics reports that WeChat clients sent (webwxstatreport).",
	})
	m.limitHits = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qrlatch_limit_hits_total", Help: "Requests that met a limit.",
	}, []string{"limit"})
	for _, name := range limits {
		m.limitHits.WithLabelValues(name) // at 0, so that alarms see the first one
	}
	m.notices = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qrlatch_sign_out_notices_total", Help: "Requests to sites' logout_url, by what became of them.",
	}, []string{"result"})
	for _, result := range []string{backchannel.Sent, backchannel.Failed, backchannel.Refused, backchannel.GivenUp} {
		m.notices.WithLabelValues(result)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "qrlatch_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision(), "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.Requests, m.StatReports, m.limitHits, m.notices, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.logins.collectors()...)
	m.registry.MustRegister(m.calls.seconds, m.calls.errors)
	return m
}

// revision is the commit of the sources; a build without a repository knows none.
func revision() string {
	found := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				found = s.Value
			}
		}
	}
	return cmp.Or(found, "unknown")
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gatherer gives what Handler says to tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// limits are those that are told apart: by their key in the file, and those that have
// several.
var limits = [...]string{
	"starts_per_address", "scans_per_phone", "waiters_per_login", "waiters_per_address", "waiters",
	"polls", "pictures", "codes", "sign_ins", "tokens",
}

// LimitHit returns what counts those who meet a limit.
func (m *Metrics) LimitHit(name string) func() { return m.limitHits.WithLabelValues(name).Inc }

// Notice counts what became of telling a site of a sign-out.
func (m *Metrics) Notice(result string) { m.notices.WithLabelValues(result).Inc() }

// Waiters shows who waits. Call it once.
func (m *Metrics) Waiters(w *limit.Waiters) {
	for d := range limit.Dialects() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "qrlatch_waiters", Help: "Requests, streams and sockets that wait for news.",
			ConstLabels: prometheus.Labels{"dialect": d.String()},
		}, func() float64 { return float64(w.Count(d)) }))
	}
}

// Stored shows how many logins a store in memory holds. Call it once.
func (m *Metrics) Stored(logins func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "qrlatch_logins", Help: "Logins in memory, those included that have ended and are not yet forgotten; absent with Redis.",
	}, func() float64 { return float64(logins()) }))
}

// LostLines shows how many lines the audit log has lost. Call it once.
func (m *Metrics) LostLines(lost func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "qrlatch_audit_lines_lost_total", Help: "Lines that could not be written to the audit log.",
	}, lost))
}

// UnboundScans shows how often an app's unbound_scan has let a login go on that anybody
// may collect who sees its QR. Call it once.
func (m *Metrics) UnboundScans(unbound func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "qrlatch_unbound_scans_total", Help: "Scans of self-drawn codes that unbound_scan has let through.",
	}, unbound))
}

// calls are of the store on Redis.
type calls struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

func newCalls() calls {
	return calls{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qrlatch_store_call_seconds", Help: "How long calls to Redis took, failed ones included.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"call"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qrlatch_store_errors_total", Help: "Calls to Redis that failed.",
		}, []string{"call"}),
	}
}

// StoreCall counts a call to Redis by its name, which is out of a dozen.
func (m *Metrics) StoreCall(name string, took time.Duration, err error) {
	m.calls.seconds.WithLabelValues(name).Observe(took.Seconds())
	failed := m.calls.errors.WithLabelValues(name) // at 0, so that alarms see the first one
	if err != nil {
		failed.Inc()
	}
}
