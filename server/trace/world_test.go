package trace

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// collector is an OpenTelemetry collector that keeps what it is sent.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	path  string
	raw   []byte
	spans []*tracepb.Span
	about []*commonpb.KeyValue // the resources
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		raw, err := io.ReadAll(body)
		var m collectorpb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &m)
		}
		if err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.path, c.raw = r.URL.Path, append(c.raw, raw...)
		for _, resource := range m.GetResourceSpans() {
			c.about = append(c.about, resource.GetResource().GetAttributes()...)
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// named returns the spans of a name.
func (c *collector) named(name string) []*tracepb.Span {
	return slices.DeleteFunc(slices.Clone(c.spans), func(s *tracepb.Span) bool { return s.GetName() != name })
}

// told returns what a span says of something.
func told(s *tracepb.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return strings.Trim(strings.TrimPrefix(strings.Join(strings.Fields(a.GetValue().String()), ""), "string_value:"), `"`)
		}
	}
	return ""
}

// log is one that may be written to from everywhere.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) lines() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), "\n")
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// node is a server on a store that others have as well.
type node struct {
	*login.Service
	tracer *Tracer
}

func nodes(t *testing.T, n int, endpoint string, to *log) []node {
	t.Helper()
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	var all []node
	for range n {
		tracer, err := New(endpoint, "v1.2.3", to.logger())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tracer.Close)
		all = append(all, node{login.NewService(store.Store, login.Config{
			Keys: keys, Observe: tracer.Observe, Apart: func(netip.Addr, netip.Addr) bool { return true },
			Apps: []login.App{
				{ID: "shop", Name: "Corner Shop", RedirectURIs: []string{"https://shop.example/webwxnewloginpage"}, Number: login.NumberNever},
				{ID: "careful", RedirectURIs: []string{"https://careful.example/in"}, Number: login.NumberAlways},
			},
		}), tracer})
	}
	return all
}
