package login_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

var (
	alice = login.Identity{Phone: login.Phone{Issuer: "test", Subject: "alice"}, Profile: login.Profile{Name: "Alice"}}
	bob   = login.Identity{Phone: login.Phone{Issuer: "test", Subject: "bob"}, Profile: login.Profile{Name: "Bob"}}

	desk  = login.Browser{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "Desk/1.0"}
	other = login.Browser{Addr: netip.MustParseAddr("192.0.2.2"), UserAgent: "Desk/1.0"}
)

const pageURI = "https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"

// world is a Service with two apps over a store in memory.
type world struct {
	*login.Service
	t      *testing.T
	ctx    context.Context
	store  login.Store
	config login.Config
	app    *login.App // the one that logins here are for, with a login page

	noJanitor func() // makes months of virtual time pass at once

	others []*login.Service // further nodes, which the browsers use
	turn   int
}

// keyLine is a line of a key file whose secret is 32 times b.
func keyLine(id string, b byte) string {
	return id + " " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) + "\n"
}

func keyring(t testing.TB, lines ...string) login.Keyring {
	t.Helper()
	ring, err := login.ParseKeys(strings.NewReader(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// newWorld opens a world; wrap may put something between Service and store.
func newWorld(t *testing.T, wrap func(login.Store) login.Store) *world {
	mem := memstore.New(memstore.Options{})
	t.Cleanup(mem.Close)
	w := &world{t: t, ctx: t.Context(), store: mem.Store, noJanitor: mem.Close, config: login.Config{
		Keys: keyring(t, keyLine("k1", 1)),
		Apps: []login.App{
			{ID: "shop", Name: "Shop", RedirectURIs: []string{pageURI, "https://shop.example/in?a=1&b=2"}},
			{ID: "forum", Name: "Forum", RedirectURIs: []string{"https://forum.example/in"}},
		},
	}}
	if wrap != nil {
		w.store = wrap(w.store)
	}
	w.app = &w.config.Apps[0]
	w.Service = login.NewService(w.store, w.config)
	return w
}

// inTime runs test on a new world in virtual time.
func inTime(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t, nil)) })
}

// configure changes the app and takes the configuration into use.
func (w *world) configure(change func(*login.App)) *world {
	change(w.app)
	w.Configure(w.config)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wants(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("got error %v, want %v", err, want)
	}
}

func (w *world) start() (login.Holder, login.Login) {
	w.t.Helper()
	id, l, err := w.Start(w.ctx, login.Request{App: "shop", SiteState: "s t;a/te&é", Lang: "zh_CN", Browser: desk})
	w.must(err)
	return login.Holder{ID: string(id)}, l
}

// asks is a short poll of the login's browser.
func (w *world) asks(h login.Holder) {
	w.t.Helper()
	_, err := w.browsers().Get(w.ctx, h)
	w.must(err)
}

func (w *world) code(l login.Login) string {
	w.t.Helper()
	code, _, ok := w.Code(l, time.Now())
	if !ok {
		w.t.Fatal("the login shows no code")
	}
	return code
}

func (w *world) scanned() (login.Holder, login.Login) {
	w.t.Helper()
	h, l := w.start()
	l, err := w.Scan(w.ctx, alice, w.code(l), time.Time{})
	w.must(err)
	return h, l
}

func (w *world) approved() (login.Holder, login.Login) {
	w.t.Helper()
	h, l := w.scanned()
	number, _ := w.Number(l)
	l, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
	w.must(err)
	return h, l
}

// query is what the browser of an approved login brings to the login page.
func (w *world) query(l login.Login) url.Values {
	w.t.Helper()
	uri, ok := w.RedirectURI(l)
	if !ok {
		w.t.Fatal("no redirect_uri")
	}
	u, err := url.Parse(uri)
	w.must(err)
	return u.Query()
}

// signedIn runs a whole login of alice.
func (w *world) signedIn() (login.Session, login.Credentials) {
	w.t.Helper()
	_, l := w.approved()
	v, err := w.RedeemPage(w.ctx, w.query(l), desk)
	w.must(err)
	c, err := w.Credentials(v)
	w.must(err)
	return v, c
}

func (w *world) state(h login.Holder) login.State {
	w.t.Helper()
	l, err := w.Get(w.ctx, h)
	w.must(err)
	return l.State
}

// race runs try on n goroutines at once and counts those that return true.
func race(n int, try func(i int) bool) int {
	var won atomic.Int64
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			if try(i) {
				won.Add(1)
			}
		})
	}
	start.Done()
	done.Wait()
	return int(won.Load())
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

type ctx = context.Context

// ticketIn is the ticket of a redirect_uri.
func ticketIn(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Query().Get("ticket")
}

// altered is another id with the same handle.
func altered(id string) string {
	last := "A"
	if strings.HasSuffix(id, last) {
		last = "B"
	}
	return id[:len(id)-1] + last
}
