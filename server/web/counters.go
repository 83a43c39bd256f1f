package web

import "github.com/prometheus/client_golang/prometheus"

// CountLostLines shows how many lines the audit log has lost. Call it once.
func (m *Metrics) CountLostLines(lost func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "qrlatch_audit_lines_lost_total", Help: "Lines that could not be written to the audit log.",
	}, lost))
}

// CountUnboundScans shows how often an app's unbound_scan has let a login go on that
// anybody may collect who sees its QR. Call it once.
func (m *Metrics) CountUnboundScans(unbound func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "qrlatch_unbound_scans_total", Help: "Scans of self-drawn codes that unbound_scan has let through.",
	}, unbound))
}
