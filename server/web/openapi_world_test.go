package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"qrlatch/server/login"
	"qrlatch/server/phone"
)

// TestSocketsKeepToTheOpenAPIFile opens one on a real connection, and has the site send it
// something.
func TestSocketsKeepToTheOpenAPIFile(t *testing.T) {
	c := readContract(t)
	c.fixture = newFixture(t, func(o *Options) { o.Hosts = []string{"*"} })
	s := httptest.NewServer(c.Handler)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/ws?app=shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range handshake() {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	c.check("openSocket", c.input(c.operations["openSocket"], r), w.StatusCode, w.Header, nil)
	if !c.met["openSocket 101"] {
		t.Fatalf("got %d", w.StatusCode)
	}
	hear := func(kind string) (m struct{ Type, Text, Redirect_URI string }) { //nolint:revive // as it stands in JSON
		text, err := wsutil.ReadServerText(w.Body.(io.ReadWriter))
		if err != nil || json.Unmarshal(text, &m) != nil || m.Type != kind {
			t.Fatalf("the socket says %s, %v, want %s", text, err, kind)
		}
		return m
	}
	scan := c.call("scan", 201, "/v1/scans", `{"code":"`+hear("qr").Text+`"}`, asAlice)
	hear("scanned")
	c.call("approve", 200, "/v1/scans/"+c.says("Scan", scan.Body.String())["id"].(string)+"/approve", "", asAlice)
	onward, _ := url.Parse(hear("approved").Redirect_URI)
	got := c.call("redeem", 200, "/v1/tickets/redeem", `{"ticket":"`+onward.Query().Get("ticket")+`"}`, asShop)
	hear("redeemed")
	session := c.says("Redeemed", got.Body.String())["session"].(map[string]any)["id"].(string)
	c.call("message", 202, "/v1/sessions/"+session+"/messages", `{"data":{"order":7}}`, asShop)
	hear("message")
}

func handshake() []string {
	return []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
}

// people are alice, who has just signed in, bob, of whom nobody says when he has, and
// somebody who has an hour ago. Of others their issuer would know, and is away.
type people struct{}

func (people) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	token := func(name string) phone.Token {
		return phone.Token{TokenSHA256: sha256.Sum256([]byte(name)), Subject: name, Name: name, Picture: name + ".png"}
	}
	if bearer == "outage" {
		return login.Identity{}, errors.New("the issuer is away")
	}
	who, err := phone.Tokens{token("alice"), token("bob"), token("long-ago")}.Authenticate(ctx, bearer)
	switch who.Subject {
	case "alice":
		who.AuthTime = time.Now()
	case "long-ago":
		who.AuthTime = time.Now().Add(-time.Hour)
	}
	return who, err
}

// places knows where everybody is, and breaks at one address.
type places struct{}

func (places) Place(a netip.Addr, _ string) (place, network string) {
	if a == netip.MustParseAddr("192.0.2.66") {
		panic("no such place")
	}
	return "Lisbon, Portugal", "Example Networks"
}

// away is a table that fails with an error, while there is one.
type away[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	why *error
}

func (a away[K, R]) Create(ctx context.Context, r R) error {
	if *a.why != nil {
		return *a.why
	}
	return a.Table.Create(ctx, r)
}

func (a away[K, R]) Get(ctx context.Context, key K) (r R, err error) {
	if *a.why != nil {
		return r, *a.why
	}
	return a.Table.Get(ctx, key)
}

func (a away[K, R]) Update(ctx context.Context, key K, change func(*R) error) (r R, err error) {
	if *a.why != nil {
		return r, *a.why
	}
	return a.Table.Update(ctx, key, change)
}

func (a away[K, R]) Owned(ctx context.Context, of login.Phone) ([]R, error) {
	if *a.why != nil {
		return nil, *a.why
	}
	return a.Table.Owned(ctx, of)
}
