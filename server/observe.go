package main

import (
	"log/slog"

	"qrlatch/server/login"
	"qrlatch/server/metrics"
	"qrlatch/server/trace"
)

func (c *config) checkTraces(wrong *problems) {
	if c.traces == "" {
		return
	}
	if err := trace.CheckEndpoint(c.traces); err != nil {
		wrong.add("--traces: %s", err)
	}
}

// observer returns who is to be told of every step of a login, and what ends it.
func (c *config) observer(counts *metrics.Metrics, log *slog.Logger) (observe func(login.Step), end func(), err error) {
	if c.traces == "" {
		return counts.Observe, func() {}, nil
	}
	tracer, err := trace.New(c.traces, version, log)
	if err != nil {
		return nil, nil, usage("--traces: %s", err)
	}
	log.Info("traces are sent")
	return func(s login.Step) {
		counts.Observe(s)
		tracer.Observe(s)
	}, tracer.Close, nil
}
