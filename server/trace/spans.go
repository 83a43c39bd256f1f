package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"qrlatch/server/login"
)

// Observe sends the spans of a step; see [login.Config]. A step comes with the time that
// was waited for it. Whoever presents a ticket again and again is told of as often as the
// login notes it.
func (t *Tracer) Observe(s login.Step) {
	l := s.Login
	if l.Handle == "" {
		return
	}
	if s.Name == login.StepStart {
		ctx := context.WithValue(context.Background(), handle{}, l.Handle)
		t.span(ctx, "login", s.Began, s.Ended, append(attributes(s), attribute.String("dialect", s.Dialect)), codes.Unset)
		return
	}
	ctx := inTrace(l.Handle)
	if name, from, to := waited(s); name != "" {
		t.span(ctx, name, from, to, []attribute.KeyValue{attribute.String("app", l.App)}, codes.Unset)
	}
	status := codes.Unset
	if s.Result != login.StepDone {
		status = codes.Error
	}
	t.span(ctx, string(s.Name), s.Began, s.Ended, attributes(s), status)
}

// waited is what a login waited for until it went on, and from when until when.
func waited(s login.Step) (name string, from, to time.Time) {
	l := s.Login
	switch {
	case s.Name == login.StepScan:
		return "wait for scan", l.Started, l.Scanned
	case s.Name == login.StepApprove && s.Result == login.StepDone:
		return "wait for approval", l.Scanned, l.Approved
	case s.Name == login.StepDeny, s.Name == login.StepApprove && l.State == login.Denied:
		return "wait for approval", l.Scanned, s.Ended
	case s.Name == login.StepRedeem && s.Result == login.StepDone:
		return "wait for collection", l.Approved, l.Redeemed
	}
	return "", time.Time{}, time.Time{}
}

// span sends one. Where nodes have clocks that differ, none ends before it begins.
func (t *Tracer) span(ctx context.Context, name string, from, to time.Time, about []attribute.KeyValue, status codes.Code) {
	if to.Before(from) {
		to = from
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(about...))
	span.SetStatus(status, "")
	span.End(trace.WithTimestamp(to))
}

// attributes are all that is ever told of a login.
func attributes(s login.Step) []attribute.KeyValue {
	about := []attribute.KeyValue{
		attribute.String("app", s.Login.App),
		attribute.String("state", s.Login.State.String()),
		attribute.String("result", string(s.Result)),
		attribute.Bool("push", s.Login.Push),
	}
	if risk := s.Login.Risk.Reasons(); len(risk) > 0 {
		about = append(about, attribute.StringSlice("risk", risk))
	}
	if s.Name == login.StepRedeem {
		way := "page"
		if s.Site {
			way = "site"
		}
		about = append(about, attribute.String("way", way))
	}
	return about
}
