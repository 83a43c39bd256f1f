// Package trace sends OpenTelemetry traces: a login is a trace, and each thing that was
// done to it, or that it waited for, a span.
//
// The trace's id comes from the login's handle, so what several nodes tell of one login
// meets without anything being passed on. Nothing that is sent opens anything or names
// anybody: no ids but the app's, no codes, tickets, addresses, people or browsers.
package trace

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"qrlatch/server/login"
)

const (
	// exportTimeout is of one delivery. What is not delivered by then is lost, and what
	// comes meanwhile waits in a queue that has an end.
	exportTimeout = 5 * time.Second
	// closePatience is of Close: a collector that is away must not hold up a server that stops.
	closePatience = 800 * time.Millisecond
)

// Tracer sends what it is told of logins. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// CheckEndpoint tells what is wrong with the URL of a collector. It does not repeat the
// URL: there may be a password in it.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("want the URL of an OTLP/HTTP collector, such as http://localhost:4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("want no user, query or fragment in the URL; the environment variable OTEL_EXPORTER_OTLP_HEADERS is for a collector's token")
	}
	return nil
}

// New returns a Tracer that sends to the OTLP/HTTP collector at endpoint. It connects to
// nobody yet. version is the program's. log hears when the collector goes and comes back.
func New(endpoint, version string, log *slog.Logger) (*Tracer, error) {
	if err := CheckEndpoint(endpoint); err != nil {
		return nil, err
	}
	if u, _ := url.Parse(endpoint); strings.Trim(u.Path, "/") == "" {
		endpoint = strings.TrimRight(endpoint, "/") + "/v1/traces"
	}
	to, err := otlptracehttp.New(context.Background(),
		otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), // a later try would have to keep what nobody may need
	)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&quiet{SpanExporter: to, log: log}, sdk.WithExportTimeout(exportTimeout)),
		sdk.WithIDGenerator(ids{}),
		sdk.WithSampler(sdk.AlwaysSample()),
		// Only these two: the SDK's own defaults would add the host and the command line.
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "qrlatch"), attribute.String("service.version", version))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("qrlatch")}, nil
}

// Close sends what waits, if the collector takes it soon.
func (t *Tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // quiet has told what can be told
}

// ids makes the ids of a login's trace, and of its first span, from the login, which
// stands in the context.
type ids struct{}

type handle struct{}

func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	of, _ := ctx.Value(handle{}).(login.Handle)
	return idsOf(of)
}

func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return randomSpanID() }

// idsOf are those of a login's trace and of its first span, on whatever node. The handle
// has 72 random bits, so nobody finds it from the trace; and an operator who knows it from
// the audit log finds the trace: printf 'qrlatch trace HANDLE' | sha256sum | cut -c 1-32
func idsOf(h login.Handle) (of trace.TraceID, first trace.SpanID) {
	sum := sha256.Sum256([]byte("qrlatch trace " + string(h)))
	copy(of[:], sum[:16])
	copy(first[:], sum[16:])
	return of, first
}

// inTrace is the context of what goes below the first span of a login.
func inTrace(h login.Handle) context.Context {
	of, first := idsOf(h)
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: of, SpanID: first, TraceFlags: trace.FlagsSampled, Remote: true,
	}))
}
