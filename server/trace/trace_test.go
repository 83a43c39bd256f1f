package trace

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"qrlatch/server/login"
)

var alice = login.Identity{
	Phone:   login.Phone{Issuer: "https://id.example", Subject: "alice-7f3"},
	Profile: login.Profile{Name: "Alice", Picture: "https://id.example/alice.png"},
	Addr:    netip.MustParseAddr("198.51.100.7"),
}

var firefox = login.Browser{Addr: netip.MustParseAddr("203.0.113.9"), UserAgent: "Firefox of the Test"}

// try is a login of shop on three nodes, with all that was said on its way.
type try struct {
	login   login.Login
	secrets []string
}

func logIn(t *testing.T, start, phone, redeem *login.Service) try {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id, l, err := start.Start(t.Context(), login.Request{App: "shop", Browser: firefox, SiteState: "state-of-site", Dialect: "json"})
	must(err)
	code, _, _ := start.Code(l, time.Now())
	_, err = phone.Scan(t.Context(), alice, code, time.Time{})
	must(err)
	l, err = phone.Approve(t.Context(), alice.Phone, string(l.Handle), "")
	must(err)
	uri, _ := redeem.RedirectURI(l)
	u, err := url.Parse(uri)
	must(err)
	v, err := redeem.RedeemPage(t.Context(), u.Query(), firefox)
	must(err)
	return try{l, []string{string(id), string(l.Handle), code, u.Query().Get("ticket"), u.Query().Get("sig"), string(v.ID), uri, "state-of-site"}}
}

func TestALoginOverTwoNodesIsOneTrace(t *testing.T) {
	c, said := newCollector(t), &log{}
	both := nodes(t, 2, c.URL, said)
	try := logIn(t, both[0].Service, both[1].Service, both[0].Service)
	other := logIn(t, both[1].Service, both[1].Service, both[1].Service)
	for _, n := range both {
		n.tracer.Close()
	}

	if c.path != "/v1/traces" {
		t.Errorf("sent to %s", c.path)
	}
	byTrace := map[string][]*tracepb.Span{}
	for _, s := range c.spans {
		byTrace[hex.EncodeToString(s.GetTraceId())] = append(byTrace[hex.EncodeToString(s.GetTraceId())], s)
	}
	// As an operator finds it, with sha256sum.
	sum := sha256.Sum256([]byte("qrlatch trace " + string(try.login.Handle)))
	spans := byTrace[hex.EncodeToString(sum[:])[:32]]
	if len(byTrace) != 2 || len(spans) != 7 {
		t.Fatalf("%d traces, the login's has %d spans", len(byTrace), len(spans))
	}
	slices.SortStableFunc(spans, func(a, b *tracepb.Span) int {
		return int(int64(a.GetStartTimeUnixNano()) - int64(b.GetStartTimeUnixNano()))
	})
	l := try.login
	ids := map[string]bool{}
	for _, s := range spans {
		ids[string(s.GetSpanId())] = true
		parent := sum[16:24]
		if s.GetName() == "login" {
			parent = nil
		}
		if !bytes.Equal(s.GetParentSpanId(), parent) {
			t.Errorf("%s has the parent %x, want %x", s.GetName(), s.GetParentSpanId(), parent)
		}
		if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
			t.Errorf("%s ends before it begins", s.GetName())
		}
	}
	if len(ids) != len(spans) {
		t.Error("two spans have one id")
	}
	for name, want := range map[string][2]time.Time{
		"wait for scan": {l.Started, l.Scanned}, "wait for approval": {l.Scanned, l.Approved}, "wait for collection": {l.Approved, {}},
	} {
		for _, s := range spans {
			if s.GetName() == name && (s.GetStartTimeUnixNano() != uint64(want[0].UnixNano()) ||
				!want[1].IsZero() && s.GetEndTimeUnixNano() != uint64(want[1].UnixNano())) {
				t.Errorf("%s is from %d to %d", name, s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano())
			}
		}
	}
	for name, want := range map[string]map[string]string{
		"login":   {"app": "shop", "dialect": "json", "state": "pending", "result": "done"},
		"scan":    {"app": "shop", "state": "scanned"},
		"approve": {"app": "shop", "state": "approved"},
		"redeem":  {"app": "shop", "state": "redeemed", "way": "page"},
	} {
		found := c.named(name)
		if len(found) != 2 {
			t.Fatalf("%d spans %s", len(found), name)
		}
		for key, value := range want {
			if got := told(found[0], key); got != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got, value)
			}
		}
	}
	if !strings.Contains(told(c.named("scan")[0], "risk"), "place") {
		t.Errorf("the scan's risk is %q", told(c.named("scan")[0], "risk"))
	}
	nothingIsGivenAway(t, c, append(try.secrets, other.secrets...))
	if said.lines() != 0 {
		t.Error(said.b.String())
	}
}

// nothingIsGivenAway looks at every byte that was sent.
func nothingIsGivenAway(t *testing.T, c *collector, secrets []string) {
	t.Helper()
	secrets = append(secrets, firefox.UserAgent, "Firefox", firefox.Addr.String(), alice.Addr.String(), "203.0.113", "198.51.100",
		alice.Subject, alice.Issuer, "Alice", "alice", "Corner Shop", "shop.example")
	for _, secret := range secrets {
		if secret == "" || bytes.Contains(c.raw, []byte(secret)) {
			t.Errorf("the traces say %q", secret)
		}
		if raw, err := hex.DecodeString(secret); err == nil && len(raw) > 4 && bytes.Contains(c.raw, raw) {
			t.Errorf("the traces say the bytes of %q", secret)
		}
	}
	known := []string{"app", "dialect", "push", "result", "risk", "state", "way"}
	for _, s := range c.spans {
		for _, a := range s.GetAttributes() {
			if !slices.Contains(known, a.GetKey()) {
				t.Errorf("%s tells %s", s.GetName(), a.GetKey())
			}
		}
	}
	about := map[string]bool{}
	for _, a := range c.about {
		about[a.GetKey()] = true
	}
	if got := slices.Sorted(maps.Keys(about)); !slices.Equal(got, []string{"service.name", "service.version"}) {
		t.Errorf("of itself the server tells %v", got)
	}
}

func TestWhatGoesWrongIsASpanThatSaysSo(t *testing.T) {
	c, said := newCollector(t), &log{}
	n := nodes(t, 1, c.URL, said)[0]
	_, l, err := n.Start(t.Context(), login.Request{App: "careful"})
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := n.Code(l, time.Now())
	if _, err = n.Scan(t.Context(), alice, code, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for range 4 { // the fourth comes too late
		_, err = n.Approve(t.Context(), alice.Phone, string(l.Handle), "00")
	}
	if !errors.Is(err, login.ErrDecided) {
		t.Fatal(err)
	}
	_, err = n.RedeemTicket(t.Context(), "shop", strings.Repeat("x", 36)) // is no login's
	if !errors.Is(err, login.ErrRefused) {
		t.Fatal(err)
	}
	n.tracer.Close()
	wrong := c.named("approve")
	if len(wrong) != 3 || len(c.named("wait for approval")) != 1 || len(c.named("redeem")) != 0 {
		t.Fatalf("%d tries, %d waits, %d redemptions", len(wrong), len(c.named("wait for approval")), len(c.named("redeem")))
	}
	for i, s := range wrong {
		if told(s, "result") != "wrong_number" || s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("try %d: %v", i, s)
		}
	}
	if told(wrong[2], "state") != "denied" {
		t.Errorf("the third leaves it %s", told(wrong[2], "state"))
	}
}

// TestACollectorThatIsAwayDelaysNothing has one that is gone, one that never answers and
// one that fails.
func TestACollectorThatIsAwayDelaysNothing(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	stop := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer hangs.Close()
	defer close(stop)
	fails := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer fails.Close()
	for name, url := range map[string]string{"gone": gone.URL, "hangs": hangs.URL, "fails": fails.URL} {
		said := &log{}
		n := nodes(t, 1, url, said)[0]
		began := time.Now()
		for range 500 { // 3500 spans: more than are kept
			logIn(t, n.Service, n.Service, n.Service)
		}
		logins := time.Since(began)
		n.tracer.Close()
		// As generous as a slow machine needs, and less than the time of one delivery.
		if closing := time.Since(began) - logins; closing > 4*time.Second {
			t.Errorf("%s: closed after %v", name, closing)
		}
		if n := said.lines(); n > 1 || n == 0 && name != "hangs" { // then nothing is known yet
			t.Errorf("%s: %d lines in the log, want one\n%s", name, said.lines(), said.b.String())
		}
	}
}

func TestItIsSaidOnceThatACollectorIsBack(t *testing.T) {
	answers := make(chan int, 10)
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-answers) }))
	defer to.Close()
	said := &log{}
	n := nodes(t, 1, to.URL, said)[0]
	for _, status := range []int{200, 503, 503, 200, 200} {
		answers <- status
		logIn(t, n.Service, n.Service, n.Service)
		if err := n.tracer.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	text := said.b.String()
	if said.lines() != 2 || strings.Count(text, "cannot be delivered") != 1 || strings.Count(text, "delivered again") != 1 {
		t.Error(text)
	}
}

func TestOnlyURLsOfCollectorsAreTaken(t *testing.T) {
	for endpoint, good := range map[string]bool{
		"http://localhost:4318": true, "https://otel.example": true, "https://otel.example/v1/traces": true, "http://[::1]:4318/": true,
		"localhost:4318": false, "grpc://localhost:4317": false, "http://": false, "yes": false, "http://user:secret@otel.example": false,
		"https://otel.example?token=secret": false, "http://a b": false,
	} {
		err := CheckEndpoint(endpoint)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	tracer, err := New("http://127.0.0.1:1", "test", new(log).logger())
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Close()
	now := time.Now()
	s := login.Step{Name: login.StepScan, Result: login.StepDone, Login: login.Login{Handle: "abcdefghijkl", App: "shop", Started: now, Scanned: now}, Began: now, Ended: now}
	b.ReportAllocs()
	for b.Loop() {
		tracer.Observe(s)
	}
}
