package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Target is the server under audit.
type Target struct {
	base     *url.URL
	app      string
	phones   []string
	agent    string
	patience time.Duration
	dialects []dialect // those that it serves; the first login of each was started
	firsts   map[string]begun

	transport http.RoundTripper
	gate      *rate.Limiter
	asked     atomic.Int64

	mu       sync.Mutex
	answers  []answer            // all that had to do with a login, for the checks of headers
	controls map[string]outcome  // by dialect: what it says of an id that nobody minted
	ids      map[string][]string // by dialect: what it minted
}

// request is what the audit asks. path starts at the target's address.
type request struct {
	method, path string
	header       http.Header
	body         string
	host         string // instead of the target's own
	other        bool   // as another client than the rest of the audit
}

// answer is what it was told.
type answer struct {
	from   string // the method and path without secrets, for evidence
	status int
	header http.Header
	body   string
	held   bool // there was more to come when patience ended; without a status if nothing came
}

func (a answer) kind() string {
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// maxAnswer is more than any picture or page of a login needs.
const maxAnswer = 2 << 20

// newTarget finds out what the server speaks.
func newTarget(ctx context.Context, o Options) (*Target, error) {
	t := &Target{
		base: o.URL, app: o.App, phones: o.Phones, agent: o.Agent, patience: o.Patience, transport: o.Transport,
		controls: map[string]outcome{}, ids: map[string][]string{}, firsts: map[string]begun{},
	}
	if t.app == "" {
		t.app = DefaultApp
	}
	if t.agent == "" {
		t.agent = "qrlatch-audit"
	}
	if t.patience <= 0 {
		t.patience = DefaultPatience
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	t.gate = rate.NewLimiter(rate.Limit(o.Rate), 1)
	if t.transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // an upgrade to WebSocket needs HTTP/1.1
		own.ForceAttemptHTTP2 = false
		t.transport = own
	}
	if _, err := t.ask(ctx, request{path: "/"}); err != nil {
		return nil, fmt.Errorf("%s cannot be reached: %s", t.base, plainly(err))
	}
	return t, t.detect(ctx)
}

// ask sends a request when its turn has come. It follows no redirect and keeps no cookie.
func (t *Target) ask(ctx context.Context, q request) (answer, error) {
	if err := t.gate.Wait(ctx); err != nil {
		return answer{}, err
	}
	t.asked.Add(1)
	if q.method == "" {
		q.method = http.MethodGet
	}
	timed, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	r, err := http.NewRequestWithContext(timed, q.method, strings.TrimSuffix(t.base.String(), "/")+q.path, strings.NewReader(q.body))
	if err != nil {
		return answer{}, errors.New("an address cannot be made of what the server said")
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", t.agent)
	}
	if q.other {
		r.Header.Set("User-Agent", t.agent+" (another client)")
	}
	if q.body == "" {
		r.Body = http.NoBody
		r.ContentLength = 0
	}
	r.Host = q.host
	path, _, _ := strings.Cut(q.path, "?")
	a := answer{from: q.method + " " + path}
	client := http.Client{
		Transport:     t.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	got, err := client.Do(r)
	if err != nil {
		if timed.Err() != nil && ctx.Err() == nil {
			a.held = true
			return a, nil
		}
		return a, err
	}
	defer got.Body.Close()
	a.status, a.header = got.StatusCode, got.Header
	if a.status == http.StatusSwitchingProtocols {
		return a, nil
	}
	a.body, err = read(got.Body, a.kind() == "text/event-stream")
	if err != nil && timed.Err() != nil && ctx.Err() == nil {
		a.held, err = true, nil
	}
	return a, err
}

// askLogin is ask for what has to do with a login: the answer is kept for the checks that
// look at all of them. label stands for a path with a secret in it.
func (t *Target) askLogin(ctx context.Context, label string, q request) (answer, error) {
	a, err := t.ask(ctx, q)
	a.from = label
	if err == nil && a.status != 0 {
		t.mu.Lock()
		t.answers = append(t.answers, a)
		t.mu.Unlock()
	}
	return a, err
}

// forget leaves out what was said about a dialect that is not served after all.
func (t *Target) forget(d dialect) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = slices.DeleteFunc(t.answers, func(a answer) bool { return strings.HasSuffix(a.from, " of "+d.name) })
}

// local turns an address that the server gave into a path of the target, if it is one.
func (t *Target) local(address string) (path string, ok bool) {
	if strings.HasPrefix(address, "//") {
		address = t.base.Scheme + ":" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "" && !strings.EqualFold(u.Host, t.base.Host) {
		return "", false
	}
	return strings.TrimPrefix(u.RequestURI(), strings.TrimSuffix(t.base.Path, "/")), true
}

func (t *Target) names() []string {
	names := make([]string, 0, len(t.dialects))
	for _, d := range t.dialects {
		names = append(names, d.name)
	}
	return names
}

// starters are the dialects in which a login can be started.
func (t *Target) starters() []dialect {
	var all []dialect
	for _, d := range t.dialects {
		if d.start != nil {
			all = append(all, d)
		}
	}
	return all
}

// each runs look for all at once; the gate keeps them apart. It returns the first error.
func each[T any](all []T, look func(T) error) error {
	failed := make(chan error, len(all))
	for _, one := range all {
		go func() { failed <- look(one) }()
	}
	var first error
	for range all {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// read takes the body; of a stream, which has no end, the first event.
func read(body io.Reader, stream bool) (string, error) {
	body = io.LimitReader(body, maxAnswer)
	if !stream {
		all, err := io.ReadAll(body)
		return string(all), err
	}
	var events strings.Builder
	piece := make([]byte, 4096)
	for {
		n, err := body.Read(piece)
		events.Write(piece[:n])
		if _, event, ok := strings.Cut(events.String(), "event:"); ok && strings.Contains(event, "\n\n") {
			return events.String(), nil
		}
		if err == io.EOF {
			return events.String(), nil
		}
		if err != nil {
			return events.String(), err
		}
	}
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}
