package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
	"qrlatch/server/passkey"
	"qrlatch/server/phone"
)

// fixture is a server for the site shop and the phone of alice (bearer "alice").
type fixture struct {
	http.Handler
	service *login.Service
	log     *bytes.Buffer
}

func newFixture(t testing.TB, change func(*Options)) *fixture {
	t.Helper()
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	public, err := url.Parse("https://login.example")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{log: &bytes.Buffer{}, service: login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{{
		ID: "shop", Name: "Shop", RedirectURIs: []string{"https://login.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"},
		Secret: sha256.Sum256([]byte("secret")),
	}}})}
	o := Options{
		Service: f.service, PublicURL: public, PollHold: 10 * time.Millisecond, Metrics: metrics.New("test"),
		Phones: phone.Tokens{{TokenSHA256: sha256.Sum256([]byte("alice")), Subject: "alice", Name: "Alice"}},
		Log:    slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),

		Passkeys: &passkey.RelyingParty{ID: "login.example", Origins: []string{"https://login.example"}},
	}
	if change != nil {
		change(&o)
	}
	if f.Handler, err = New(o); err != nil {
		t.Fatal(err)
	}
	return f
}

// ask sends a request with "Name: value" headers.
func (f *fixture) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://login.example"+target, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "Peer":
			r.RemoteAddr = value
		default:
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestOnlyKnownHostsAreAnswered(t *testing.T) {
	_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
	for _, tt := range []struct {
		name   string
		change func(*Options)
		host   string
		more   string
		want   int
	}{
		{"the public URL's", nil, "login.example", "", 200},
		{"in capitals", nil, "LOGIN.example", "", 200},
		{"with the port that https has anyway", nil, "login.example:443", "", 200},
		{"another port", nil, "login.example:8080", "", 421},
		{"another name", nil, "evil.example", "", 421},
		{"a name that ends like ours", nil, "evil-login.example", "", 421},
		{"ours in front of another", nil, "login.example.evil.example", "", 421},
		{"empty", nil, "", "", 421},
		{"loopback on a public listener", nil, "127.0.0.1", "", 421},
		{"the standard port written out", func(o *Options) { o.PublicURL.Host = "login.example:443" }, "login.example", "", 200},
		{"the other scheme's port", nil, "login.example:80", "", 421},
		{"loopback at the standard port", func(o *Options) { o.Loopback = true; o.PublicURL.Scheme, o.PublicURL.Host = "http", "127.0.0.1" }, "localhost:80", "", 200},
		{"a further host", func(o *Options) { o.Hosts = []string{"wx.example"} }, "wx.example", "", 200},
		{"a further host at any port", func(o *Options) { o.Hosts = []string{"wx.example"} }, "wx.example:8443", "", 200},
		{"a further host with a port", func(o *Options) { o.Hosts = []string{"wx.example:1"} }, "wx.example:2", "", 421},
		{"any host", func(o *Options) { o.Hosts = []string{"*"} }, "evil.example", "", 200},
		{"X-Forwarded-Host of anybody", nil, "evil.example", "X-Forwarded-Host: login.example", 421},
		{"X-Forwarded-Host of a proxy", func(o *Options) { o.TrustedProxies = []*net.IPNet{proxy} }, "inner", "X-Forwarded-Host: login.example", 200},
		{"a foreign X-Forwarded-Host of a proxy", func(o *Options) { o.TrustedProxies = []*net.IPNet{proxy} }, "login.example", "X-Forwarded-Host: evil.example", 421},
		{"a client's X-Forwarded-Host before the proxy's line", func(o *Options) { o.TrustedProxies = []*net.IPNet{proxy} }, "inner", "X-Forwarded-Host: login.example|evil.example", 421},
		{"localhost on a loopback listener", func(o *Options) { o.Loopback = true }, "localhost", "", 200},
		{"::1 on a loopback listener", func(o *Options) { o.Loopback = true }, "[::1]", "", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{"Host: " + tt.host, "Peer: 10.1.2.3:4567"}
			if tt.more != "" {
				name, values, _ := strings.Cut(tt.more, ": ")
				for _, v := range strings.Split(values, "|") {
					headers = append(headers, name+": "+v)
				}
			}
			if got := newFixture(t, tt.change).ask("GET", "/", "", headers...); got.Code != tt.want {
				t.Errorf("got %d, want %d", got.Code, tt.want)
			}
		})
	}
}

func TestASpoofedForwardedForChangesNothing(t *testing.T) {
	_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
	for _, tt := range []struct {
		name, peer, forwarded, want string
		trusted                     []*net.IPNet
	}{
		{"nobody is trusted", "203.0.113.9:1", "1.2.3.4", "203.0.113.9", nil},
		{"not even loopback", "127.0.0.1:1", "1.2.3.4", "127.0.0.1", nil},
		{"a proxy is", "10.0.0.1:1", "203.0.113.9", "203.0.113.9", []*net.IPNet{proxy}},
		{"what the client wrote before is not", "10.0.0.1:1", "1.2.3.4, 203.0.113.9", "203.0.113.9", []*net.IPNet{proxy}},
		{"a chain of proxies", "10.0.0.1:1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9", []*net.IPNet{proxy}},
		{"another peer", "192.0.2.1:1", "203.0.113.9", "192.0.2.1", []*net.IPNet{proxy}},
		{"private addresses are not proxies by themselves", "10.0.0.1:1", "203.0.113.9, 192.168.1.1", "192.168.1.1", []*net.IPNet{proxy}},
		{"nonsense next to the proxy", "10.0.0.1:1", "203.0.113.9, nonsense", "10.0.0.1", []*net.IPNet{proxy}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Forwarded-For", tt.forwarded)
			if got := clientAddress(tt.trusted)(r); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestStartsAreLimitedPerAddressAndHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Limits.StartsPerAddress = 3 })
		start := func(peer string) (string, time.Duration) {
			began := time.Now()
			return f.ask("GET", "/jslogin?appid=shop", "", "Peer: "+peer).Body.String(), time.Since(began)
		}
		for range 3 {
			if body, _ := start("[2001:db8::1]:1"); !strings.Contains(body, "code = 200") {
				t.Fatalf("within the limit: %s", body)
			}
		}
		body, took := start("[2001:db8::ffff]:1") // the same /64
		if !strings.Contains(body, "code = 400") || took != 5*time.Second {
			t.Errorf("over the limit: %s after %v", body, took)
		}
		if body, _ := start("[2001:db8:0:1::1]:1"); !strings.Contains(body, "code = 200") {
			t.Errorf("another network: %s", body)
		}
		time.Sleep(time.Minute)
		if body, _ := start("[2001:db8::1]:1"); !strings.Contains(body, "code = 200") {
			t.Errorf("a minute later: %s", body)
		}
	})
}

func TestAnIPv4AddressIsOneCustomer(t *testing.T) {
	if a, b := login.Network(netip.MustParseAddr("192.0.2.1")), login.Network(netip.MustParseAddr("192.0.2.2")); a == b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestTransferEncodingClosesTheConnection(t *testing.T) {
	s := httptest.NewServer(newFixture(t, func(o *Options) { o.Hosts = []string{"*"} }))
	defer s.Close()
	body := io.MultiReader(strings.NewReader("appid="), strings.NewReader("shop")) // of unknown length
	r, err := http.Post(s.URL+"/jslogin", "application/x-www-form-urlencoded", body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if !r.Close {
		t.Error("the connection stays open")
	}
}

func TestErrorsComeInTheWordsOfWhoeverAsks(t *testing.T) {
	f := newFixture(t, nil)
	for _, tt := range []struct {
		method, target, accept string
		status                 int
		kind                   string
	}{
		{"GET", "/nothing", "text/html,*/*;q=0.8", 404, "text/html"},
		{"GET", "/nothing", "*/*", 404, "text/plain"},
		{"GET", "/v1/nothing", "text/html", 404, "application/problem+json"},
		{"PUT", "/v1/scans", "", 405, "application/problem+json"},
		{"DELETE", "/jslogin", "", 405, "text/plain"},
		{"POST", "/cgi-bin/mmwebwx-bin/login", "", 405, "text/plain"},
		{"GET", "/jslogin;/setup.bat?appid=shop", "", 404, "text/plain"},
		{"DELETE", "/v1/sessions/x", "", 401, "application/problem+json"},
		{"POST", "/v1/tickets/redeem", "", 401, "application/problem+json"},
	} {
		got := f.ask(tt.method, tt.target, "", "Accept: "+tt.accept)
		if got.Code != tt.status || !strings.HasPrefix(got.Header().Get("Content-Type"), tt.kind) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.target, got.Code, got.Header().Get("Content-Type"), tt.status, tt.kind)
		}
	}
}

func TestAPanicReachesNobody(t *testing.T) {
	f := newFixture(t, nil)
	f.Handler.(*front).echo.GET("/panic", func(echo.Context) error { panic("the secret of a request") })
	w := f.ask("GET", "/panic", "")
	if w.Code != 500 || strings.Contains(w.Body.String()+f.log.String(), "the secret") || !strings.Contains(f.log.String(), "web_test.go") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, f.log)
	}
}

// TestNoSecretReachesTheLog runs a whole login at debug level and looks for everything
// that was handed out.
func TestNoSecretReachesTheLog(t *testing.T) {
	f := newFixture(t, nil)
	find := func(expr, in string) string {
		m := regexp.MustCompile(expr).FindStringSubmatch(in)
		if m == nil {
			t.Fatalf("no %s in %q", expr, in)
		}
		return m[1]
	}
	begun := f.ask("GET", "/jslogin?appid=shop&state=thestate", "")
	id := find(`uuid = "(.+)";`, begun.Body.String())
	l, err := f.service.Get(context.Background(), login.Holder{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := f.service.Code(l, time.Now())
	alice := "Authorization: Bearer alice"
	f.ask("GET", "/qrcode/"+id, "")
	f.ask("GET", "/l/"+code, "")
	f.ask("POST", "/v1/scans", `{"code":"`+code+`"}`, alice)
	f.ask("POST", "/v1/scans/"+string(l.Handle)+"/approve", "", alice)
	uri := find(`redirect_uri="(.+)";`, f.ask("GET", "/cgi-bin/mmwebwx-bin/login?uuid="+id, "").Body.String())
	page := f.ask("GET", strings.TrimPrefix(uri, "https://login.example")+"&fun=new", "")
	body := page.Body.String()
	f.ask("GET", "/nothing?ticket="+find(`ticket=([^&]+)`, uri), "")
	secrets := []string{
		id, code, find(`ticket=([^&]+)`, uri), find(`sig=(.+)`, uri), "thestate", "Bearer", "alice",
		find(`<skey>(.+)</skey>`, body), find(`<wxsid>(.+)</wxsid>`, body), find(`<pass_ticket>(.+)</pass_ticket>`, body),
	}
	for _, c := range append(begun.Result().Cookies(), page.Result().Cookies()...) {
		if len(c.Value) > 8 {
			secrets = append(secrets, c.Value)
		}
	}
	if !strings.Contains(f.log.String(), "webwxnewloginpage") || len(secrets) < 14 {
		t.Fatalf("the test sees nothing: %d secrets, log:\n%s", len(secrets), f.log)
	}
	for _, s := range secrets {
		if strings.Contains(f.log.String(), s) {
			t.Errorf("%q is in the log:\n%s", s, f.log)
		}
	}
}
