package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"qrlatch/server/dialect"
	"qrlatch/server/phone"
)

// The requests of a login, from the start to the ticket's page, are asked for ever so often,
// and what each allocates is much of what it costs. This is how much that may be, net/http
// and the wait of a poll apart. It is that of the cheapest of many logins, so that neither
// maps that grow count, nor the pools of the race detector, which lose things.
func TestALoginAllocatesLittle(t *testing.T) {
	w := newHotPath(t)
	most := map[string]float64{"start": 17, "picture": 4, "scan": 22, "poll": 6, "approve": 15, "collect": 44}
	least := map[string]float64{}
	for range 300 {
		w.login(func(step string, do func()) {
			// AllocsPerRun runs once more, before it counts: that is not the login's.
			first := true
			n := testing.AllocsPerRun(1, func() {
				if !first {
					do()
				}
				first = false
			})
			if before, counted := least[step]; !counted || n < before {
				least[step] = n
			}
		})
	}
	t.Log(least)
	for step, most := range most {
		if n := least[step]; n == 0 || n > most {
			t.Errorf("%s: %.0f allocations, want 1 to %.0f", step, n, most)
		}
	}
}

func BenchmarkLogin(b *testing.B) {
	w := newHotPath(b)
	b.ReportAllocs()
	for b.Loop() {
		w.login(func(_ string, do func()) { do() })
	}
}

// hotPath is a browser and a phone that log in without a network.
type hotPath struct {
	testing.TB
	handler        http.Handler
	browser, phone http.Header
	answer         memory
	request        http.Request
	plain          *http.Request
}

func newHotPath(t testing.TB) *hotPath {
	symbols := dialect.NewEncoder("https://login.example")
	if err := symbols.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *Options) {
		o.Log, o.Symbols, o.Draining = slog.New(slog.NewTextHandler(io.Discard, nil)), symbols, t.Context()
		o.Phones = o.Phones.(phone.Tokens).Index()
	})
	return &hotPath{
		TB: t, handler: f, answer: memory{header: http.Header{}},
		browser: http.Header{
			"User-Agent": {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
			"Accept":     {"*/*"}, "Referer": {"https://login.example/"}, "Cookie": {"lang=en"}, "Content-Type": {"application/json"},
		},
		phone: http.Header{"Authorization": {"Bearer alice"}, "Content-Type": {"application/json"}},
		plain: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.example/", nil),
	}
}

// login logs in once. Each request is made by count, within do, and has the name of its step.
func (w *hotPath) login(count func(step string, do func())) {
	ask := func(step, method, target, body string, header http.Header) string {
		w.prepare(method, target, body, header)
		count(step, func() { w.handler.ServeHTTP(&w.answer, &w.request) })
		if w.answer.status/100 != 2 {
			w.Fatalf("%s: %d %s", step, w.answer.status, w.answer.body)
		}
		return string(w.answer.body)
	}
	started := ask("start", "POST", "/v1/logins", `{"app":"shop"}`, w.browser)
	id, code := w.between(started, `"id":"`, `"`), w.between(started, `/l/`, `"`)
	ask("picture", "GET", "/qrcode/"+id+".png", "", w.browser)
	handle := w.between(ask("scan", "POST", "/v1/scans", `{"code":"`+code+`"}`, w.phone), `"id":"`, `"`)
	poll := "/cgi-bin/mmwebwx-bin/login?r=-1234567890&_=1795279688000&uuid=" + id
	ask("poll", "GET", poll+"&tip=1", "", w.browser)
	ask("approve", "POST", "/v1/scans/"+handle+"/approve", "{}", w.phone)
	query := w.between(ask("poll", "GET", poll+"&tip=0", "", w.browser), "webwxnewloginpage?", `"`)
	page := ask("collect", "GET", "/cgi-bin/mmwebwx-bin/webwxnewloginpage?fun=new&"+query, "", w.browser)
	w.between(page, "<ret>0", "</ret>")
}

func (w *hotPath) prepare(method, target, body string, header http.Header) {
	clear(w.answer.header)
	w.answer.status, w.answer.body = 0, w.answer.body[:0]
	path, query, _ := strings.Cut(target, "?")
	w.request = *w.plain
	w.request.Method, w.request.Header, w.request.URL = method, header, &url.URL{Path: path, RawQuery: query}
	w.request.ContentLength, w.request.Body = int64(len(body)), http.NoBody
	if body != "" {
		w.request.Body = io.NopCloser(strings.NewReader(body))
	}
}

func (w *hotPath) between(text, before, after string) string {
	_, rest, ok := strings.Cut(text, before)
	found, _, closed := strings.Cut(rest, after)
	if !ok || !closed {
		w.Fatalf("no %s in %q", before, text)
	}
	return found
}

// memory is a ResponseWriter that allocates nothing. Like that of a parked connection, which
// nearly all of a login comes from, it has no deadlines.
type memory struct {
	header http.Header
	status int
	body   []byte
}

func (m *memory) Header() http.Header    { return m.header }
func (m *memory) WriteHeader(status int) { m.status = status }
func (m *memory) Write(b []byte) (int, error) {
	m.body = append(m.body, b...)
	return len(b), nil
}
