package dialect_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// modelWorld is the real dialect over a real store in virtual time, with an oracle
// that watches one login.
type modelWorld struct {
	echo    http.Handler   // where requests go
	nodes   []*modelNode   // what they may come to
	service *login.Service // of the node where phones and sites are
	store   *memstore.Store
	ctx     context.Context
	stop    context.CancelFunc
	clients sync.WaitGroup

	started time.Time
	id      string // WeChat's uuid
	qrb     string
	first   login.Login // as it was when it began

	mu       sync.Mutex
	oracle   *oracle
	open     map[*modelPoll]bool
	browsers []*modelBrowser
	pages    map[string]string // what the login page gave to each client
	said     tally
	failed   error
}

// tally counts what happened, to know that something did.
type tally map[string]int

func (n tally) note(w *modelWorld) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for said, times := range w.said {
		n[said] += times
	}
	clear(w.said)
	o := w.oracle
	for what, is := range map[string]bool{
		o.state.String(): true, "void": o.void, "bound": o.bound, "number": o.number, "wrong number": o.wrong > 0,
	} {
		if is {
			n[what]++
		}
	}
}

const modelApp = "shop"

// newModelWorld has so many nodes on one store; each request goes to any of them.
func newModelWorld(t *testing.T, nodes int) *modelWorld {
	keys, err := login.ParseKeys(strings.NewReader("k1 " + base64.StdEncoding.EncodeToString(make([]byte, 32))))
	if err != nil {
		t.Fatal(err)
	}
	w := &modelWorld{
		store: memstore.New(memstore.Options{}),
		open:  map[*modelPoll]bool{}, pages: map[string]string{}, said: tally{}, started: time.Now(),
	}
	w.ctx, w.stop = context.WithCancel(t.Context())
	avatar := []byte("not really a JPEG")
	shared := share(w.store.Store)
	for range nodes {
		w.nodes = append(w.nodes, newModelNode(shared, keys, avatar))
	}
	w.service, w.echo = w.nodes[0].service, anyNode(w.nodes)

	w.id, w.qrb = w.start(t)
	w.first, err = w.service.Get(w.ctx, login.Holder{ID: w.id})
	if err != nil {
		t.Fatal(err)
	}
	w.oracle = &oracle{
		state: login.Pending, since: make(map[login.State]time.Time), deadline: w.started.Add(5 * time.Minute),
		avatar: base64.StdEncoding.EncodeToString(avatar), hold: 25 * time.Second, slow: time.Second, ticket: time.Minute,
	}
	w.oracle.become(login.Pending, w.started)
	return w
}

// start begins a login as every client does, and returns its uuid and cookie.
func (w *modelWorld) start(t *testing.T) (uuid, qrb string) {
	r := httptest.NewRequestWithContext(w.ctx, http.MethodGet, "/jslogin?appid="+modelApp+"&fun=new&lang=zh_CN&_=1", nil)
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	var code int
	if _, err := fmt.Sscanf(rec.Body.String(), "window.QRLogin.code = %d; window.QRLogin.uuid = %q;", &code, &uuid); err != nil || code != 200 {
		t.Fatalf("jslogin answered %q", rec.Body)
	}
	for _, c := range rec.Result().Cookies() {
		if c.Name == "qrb" {
			qrb = c.Value
		}
	}
	return uuid, qrb
}

// close ends all that waits, and reports sessions that should not be there.
func (w *modelWorld) close() error {
	w.mu.Lock()
	o, now := w.oracle, time.Now()
	want := 0
	if o.at(now) == login.Redeemed && !o.void {
		want = 1
	}
	got := 0
	for _, phone := range modelPhones {
		list, err := w.service.SessionsOf(context.Background(), phone.Phone)
		if err != nil {
			w.fail(err)
		}
		got += len(list)
	}
	w.mu.Unlock()
	w.stop()
	w.clients.Wait()
	w.store.Close()
	if got != want {
		return fmt.Errorf("%s: %d sessions at the end, want %d", o.state, got, want)
	}
	return nil
}

// fail keeps the first failure. Call it with mu held.
func (w *modelWorld) fail(err error) {
	if w.failed == nil && err != nil {
		w.failed = err
		w.stop()
	}
}

// quiet is called when everybody waits: whoever does must have a reason.
func (w *modelWorld) quiet() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return
	}
	for p := range w.open {
		if !w.oracle.mayWait(p, time.Now()) {
			w.fail(fmt.Errorf("%s: a poll that began %v after the login got no answer", w.oracle.state, p.start.Sub(w.started)))
		}
	}
	if w.oracle.owed202 && !w.oracle.said202 {
		w.fail(errors.New("denied: a poll with loginicon heard 400, and nobody heard 202"))
	}
}

// modelBrowser is one client's connection, cookie jar and address.
type modelBrowser struct {
	world   *modelWorld
	addr    string
	jar     bool // it sends the binding cookie
	current *modelPoll
	uri     string // where it was sent in the end
}

// modelPoll is one request that waits.
type modelPoll struct {
	start        time.Time
	icon, cookie bool
	cancel       context.CancelFunc
	lost         bool
}

var errLost = errors.New("the connection was lost")

// poll sends one poll and has the oracle judge the answer.
func (b *modelBrowser) poll(query string) (string, error) {
	w := b.world
	r := httptest.NewRequest(http.MethodGet, "/cgi-bin/mmwebwx-bin/login?"+strings.ReplaceAll(query, "UUID", w.id), nil)
	r.RemoteAddr = b.addr + ":1024"
	if b.jar {
		r.AddCookie(&http.Cookie{Name: "qrb", Value: w.qrb})
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	p := &modelPoll{start: time.Now(), cookie: b.jar, icon: strings.Contains(query, "loginicon=true"), cancel: cancel}
	w.mu.Lock()
	w.open[p], b.current = true, p
	w.mu.Unlock()

	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r.WithContext(ctx))

	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, p)
	if p.lost {
		return "", errLost
	}
	if w.ctx.Err() != nil {
		runtime.Goexit() // the world is over
	}
	body := rec.Body.String()
	w.said[body[:min(16, len(body))]]++
	if kind := rec.Header().Get("Content-Type"); rec.Code != http.StatusOK || kind != "text/javascript; charset=utf-8" {
		w.fail(fmt.Errorf("a poll was answered %d %s", rec.Code, kind))
	}
	w.fail(w.oracle.hears(p, body, time.Now()))
	if w.failed != nil {
		runtime.Goexit()
	}
	return body, nil
}

// rest is a pause of a client between two polls.
func (b *modelBrowser) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.world.ctx.Done():
		runtime.Goexit()
	}
}

// visit opens the login page as uri says, and returns the body.
func (b *modelBrowser) visit(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return err.Error()
	}
	r := httptest.NewRequest(http.MethodGet, u.RequestURI()+"&fun=new", nil)
	r.RemoteAddr = b.addr + ":2048"
	rec := httptest.NewRecorder()
	b.world.echo.ServeHTTP(rec, r)
	return rec.Body.String()
}

// join lets a new browser with a client's habit poll the login to its end.
func (w *modelWorld) join(h habit) *modelBrowser {
	b := &modelBrowser{world: w, addr: fmt.Sprintf("192.0.2.%d", len(w.browsers)+1), jar: h.jar}
	w.browsers = append(w.browsers, b)
	w.clients.Go(func() {
		uri := h.poll(b)
		w.mu.Lock()
		defer w.mu.Unlock()
		b.uri = uri
	})
	return b
}
