package web

import "github.com/prometheus/client_golang/prometheus"

// CountLostLines shows how many lines the audit log has lost. Call it once.
func (m *Metrics) CountLostLines(lost func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "qrlatch_audit_lines_lost_total", Help: "Lines that could not be written to the audit log.",
	}, lost))
}
