package nodes_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/metrics"
	"qrlatch/server/park"
	"qrlatch/server/redisstore"
	"qrlatch/server/web"
)

const (
	host   = "login.example"
	public = "http://" + host

	// pageApp has its tickets collected on WeChat's login page, siteApp by a site.
	pageApp    = "page"
	siteApp    = "shop"
	siteSecret = "shop-secret"
	loginPage  = public + "/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	sitePage   = "https://shop.example/in"
)

// people are phones. A token is the name of who has it.
type people struct{}

func (people) Authenticate(_ context.Context, token string) (login.Identity, error) {
	return login.Identity{Phone: login.Phone{Issuer: "test", Subject: token}, Profile: login.Profile{Name: token}}, nil
}

// world is an installation, in this process.
type world struct {
	t       *testing.T
	redis   string // its URL
	hold    time.Duration
	options redisstore.Options
	keys    login.Keyring

	mu    sync.Mutex
	nodes []*node // those that live
}

func newWorld(t *testing.T, redis string, nodes int, hold time.Duration, o redisstore.Options) *world {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, redis: redis, hold: hold, options: o, keys: keys}
	for range nodes {
		w.start()
	}
	return w
}

// node is one server: all of the public listener, and of the operator's.
type node struct {
	addr  string
	store *redisstore.Store
	admin http.Handler
	kill  func() // cuts every connection and ends the node
}

// start adds a node that is ready.
func (w *world) start() *node {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	store, err := redisstore.Open(context.Background(), w.redis, w.options)
	must(err)
	at, err := url.Parse(public)
	must(err)
	counts, lot := metrics.New("test"), park.New(park.Options{Idle: time.Minute})
	handler, err := web.New(web.Options{
		Service: login.NewService(store.Store, login.Config{Keys: w.keys, Apps: []login.App{
			{ID: pageApp, Name: "Page", RedirectURIs: []string{loginPage}},
			{ID: siteApp, Name: "Shop", RedirectURIs: []string{sitePage}, Secret: sha256.Sum256([]byte(siteSecret))},
		}}),
		Phones: people{}, PublicURL: at, Log: slog.New(slog.DiscardHandler), Metrics: counts,
		PollHold: w.hold, Limits: web.DefaultLimits(), Lot: lot,
	})
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	var served sync.WaitGroup
	served.Go(func() { _ = lot.Serve(server, listener) }) // ends when it is killed
	n := &node{addr: listener.Addr().String(), store: store, admin: web.Admin(counts, store.Ready)}
	n.kill = sync.OnceFunc(func() {
		w.forget(n)
		_ = server.Close() // the listener may be closed already
		lot.Close()
		served.Wait()
		store.Close()
	})
	w.t.Cleanup(n.kill)
	eventually(w.t, "a node is ready", func() bool { return n.says("/readyz") == http.StatusOK })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) forget(dead *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var rest []*node
	for _, n := range w.nodes {
		if n != dead {
			rest = append(rest, n)
		}
	}
	w.nodes = rest
}

// alive are the nodes that have not been killed.
func (w *world) alive() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes
}

// says is the status of one of the operator's pages.
func (n *node) says(path string) int {
	answer := httptest.NewRecorder()
	n.admin.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code
}

// waiting is how many browsers wait here.
func (n *node) waiting() (sum int) {
	answer := httptest.NewRecorder()
	n.admin.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var n int
		if _, err := fmt.Sscan(value, &n); err == nil && strings.HasPrefix(name, "qrlatch_waiters{") {
			sum += n
		}
	}
	return sum
}

// waiting is how many browsers wait, on all nodes.
func (w *world) waiting() (sum int) {
	for _, n := range w.alive() {
		sum += n.waiting()
	}
	return sum
}
