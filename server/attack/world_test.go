// Package attack attacks a whole server: every promise that qrlatch makes about security
// is a test with the promise as its name. What the tests of another package prove already
// is not proved again here: promises_test.go names for every promise what proves it.
//
// That each of them can fail is shown by `make mutations`, which takes the mitigations
// away one by one.
package attack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
	"qrlatch/server/pages"
	"qrlatch/server/phone"
	"qrlatch/server/web"
)

const (
	base = "https://login.example"
	cgi  = "/cgi-bin/mmwebwx-bin/"

	home   = "203.0.113.9"  // the browser's address
	away   = "198.51.100.7" // an attacker's
	phones = "192.0.2.33"   // the phones'

	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// The sites: shop redeems as WeChat clients do, bank by itself and always with the number.
const (
	shopPage = base + cgi + "webwxnewloginpage"
	bankPage = "https://bank.example/signed-in"
)

func apps() []login.App {
	return []login.App{
		{
			ID: "shop", Name: "Corner Shop", RedirectURIs: []string{shopPage}, Origins: []string{"https://shop.example"},
			Secret: sha256.Sum256([]byte("shop-secret")),
		},
		{
			ID: "bank", Name: "River Bank", RedirectURIs: []string{bankPage}, Origins: []string{"https://bank.example"},
			Secret: sha256.Sum256([]byte("bank-secret")), Number: login.NumberAlways,
		},
	}
}

var alicePhone = login.Phone{Issuer: phone.TokensIssuer, Subject: "alice-7f3"}

func tokens() phone.Tokens {
	return phone.Tokens{
		{TokenSHA256: sha256.Sum256([]byte("token-of-alice")), Subject: "alice-7f3", Name: "Alice"},
		{TokenSHA256: sha256.Sum256([]byte("token-of-bob")), Subject: "bob-92c", Name: "Bob"},
	}
}

type ctx = context.Context

// world is a server with every interface, at addresses without a network.
type world struct {
	t        *testing.T
	service  *login.Service
	config   login.Config
	store    login.Store
	log      *buffer
	metrics  *metrics.Metrics
	issuer   *identityProvider
	firstKey string
	address  func(addr string) *http.Transport

	uin string // of Alice's account at shop, which is no secret

	mu    sync.Mutex
	heard []exchange
}

// exchange is what was said, for those tests that look at all of it.
type exchange struct {
	path   string // with its query
	status int
	header http.Header
	body   string
}

// setup changes a server before it starts.
type setup struct {
	login *login.Config
	web   *web.Options
	store *memstore.Options
	wrap  func(*login.Store) // puts something between the server and its store
}

func newWorld(t *testing.T, change func(*setup)) *world {
	t.Helper()
	line := login.NewKeyLine()
	keys, err := login.ParseKeys(strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	public, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, firstKey: line, log: &buffer{}, metrics: metrics.New("test"), issuer: newIdentityProvider(t), config: login.Config{Keys: keys, Apps: apps()}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := web.Options{
		PublicURL: public, PollHold: 25 * time.Second, Metrics: w.metrics, Phones: w.issuer.phones(log), SignIn: w.issuer.signIn(),
		Limits:   web.DefaultLimits(),
		Log:      log,
		Accounts: []pages.Account{{Identity: login.Identity{Phone: alicePhone, Profile: login.Profile{Name: "Alice"}}, Password: "alices-password"}},
	}
	with := setup{login: &w.config, web: &o, store: &memstore.Options{}, wrap: func(*login.Store) {}}
	if change != nil {
		change(&with)
	}
	store := memstore.New(*with.store)
	t.Cleanup(store.Close)
	w.store = store.Store
	with.wrap(&w.store)
	w.service = login.NewService(w.store, w.config)
	o.Service = w.service
	handler, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.address = serve(t, handler)
	return w
}

// inTime runs a test with a world in virtual time.
func inTime(t *testing.T, change func(*setup), run func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(newWorld(t, change)) })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// find returns what expr's group matches.
func (w *world) find(expr, in string) string {
	w.t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(in)
	if m == nil {
		w.t.Fatalf("no %s in %q", expr, in)
	}
	return m[1]
}

// buffer is a log that may be written to from everywhere.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
