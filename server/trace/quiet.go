package trace

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// quiet says once that a collector is away and once that it is back, where the SDK would
// say every failure, to a logger of its own.
type quiet struct {
	sdk.SpanExporter
	log  *slog.Logger
	away atomic.Bool
}

// ExportSpans never fails: what was not delivered is lost.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !q.away.Swap(true):
		q.log.Warn("traces cannot be delivered and are lost until they can", "error", err)
	case err == nil && q.away.Swap(false):
		q.log.Info("traces are delivered again")
	}
	return nil
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		_, _ = rand.Read(id[:]) // never fails: see crypto/rand
	}
	return id
}
