package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// answer is what a request got.
type answer struct {
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
	took    time.Duration
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

// visitor is a browser, an app or an attacker: an address, a name and a jar of cookies.
type visitor struct {
	w      *world
	addr   string
	agent  string
	header http.Header // of all its requests
	jar    map[string]*http.Cookie
}

func (w *world) from(addr string) *visitor {
	return &visitor{w: w, addr: addr, agent: firefox, header: http.Header{}, jar: map[string]*http.Cookie{}}
}

// phone is the app of somebody who is signed in with a bearer token.
func (w *world) phone(bearer string) *visitor {
	v := w.from(phones)
	v.header.Set("Authorization", "Bearer "+bearer)
	return v
}

// site is a site's own server.
func (w *world) site(app string) *visitor {
	v := w.from("192.0.2.80")
	r := http.Request{Header: v.header}
	r.SetBasicAuth(app, app+"-secret")
	return v
}

func (v *visitor) get(target string, headers ...string) answer {
	v.w.t.Helper()
	return v.do(http.MethodGet, target, "", headers...)
}

// post sends JSON, or a form if the body does not look like JSON.
func (v *visitor) post(target, body string, headers ...string) answer {
	v.w.t.Helper()
	kind := "Content-Type: application/json"
	if !strings.HasPrefix(body, "{") {
		kind = "Content-Type: application/x-www-form-urlencoded"
	}
	return v.do(http.MethodPost, target, body, append([]string{kind}, headers...)...)
}

// do sends a request with "Name: value" headers and keeps the cookies that it gets.
func (v *visitor) do(method, target, body string, headers ...string) answer {
	v.w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	got := v.open(ctx, method, target, body, headers...)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.w.t.Errorf("%s %s: %v", method, target, err)
	}
	a := answer{got.StatusCode, got.Header, string(text), got.Cookies(), time.Since(began)}
	v.w.mu.Lock()
	v.w.heard = append(v.w.heard, exchange{target, a.status, a.header, a.body})
	v.w.mu.Unlock()
	return a
}

// open is do for an answer that goes on.
func (v *visitor) open(ctx context.Context, method, target, body string, headers ...string) *http.Response {
	v.w.t.Helper()
	if !strings.HasPrefix(target, base) {
		target = base + target
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	v.w.must(err)
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for name, values := range v.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", v.agent)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	for _, c := range v.jar {
		if strings.HasPrefix(r.URL.Path, c.Path) || c.Path == "" {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	got, err := v.w.address(v.addr).RoundTrip(r)
	if err != nil {
		v.w.t.Fatalf("%s %s: %v", method, target, err)
	}
	for _, c := range got.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(v.jar, c.Name+c.Path)
			continue
		}
		v.jar[c.Name+c.Path] = c
	}
	return got
}
