package metrics_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
	"qrlatch/server/passkey"
	"qrlatch/server/phone"
	"qrlatch/server/web"
)

// world is a server that counts, with the site shop and the phone of alice.
type world struct {
	t       *testing.T
	url     string
	metrics *metrics.Metrics
	browser *http.Client
	secrets []string // all that was said of a login, and must not be counted by
}

const browserName = "Firefox of the Test"

func newWorld(t *testing.T) *world {
	t.Helper()
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	public := &url.URL{Scheme: "http", Host: server.Listener.Addr().String()}
	w := &world{t: t, url: public.String(), metrics: metrics.New("v1.2.3")}
	page := w.url + "/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	app := func(id string, number login.NumberRule) login.App {
		return login.App{ID: id, Name: id, RedirectURIs: []string{page}, Secret: sha256.Sum256([]byte("secret-of-shop")), Number: number}
	}
	config := login.Config{
		Keys: keys, Observe: w.metrics.Observe,
		Apps: []login.App{app("shop", login.NumberNever), app("careful", login.NumberAlways), app("vault", login.NumberNever)},
	}
	config.Apps[2].Passkey, config.Passkeys = true, &passkey.RelyingParty{ID: "localhost"}
	w.metrics.Stored(store.Count)
	handler, err := web.New(web.Options{
		Service: login.NewService(store.Store, config), PublicURL: public, Log: slog.New(slog.DiscardHandler),
		Metrics: w.metrics, PollHold: 5 * time.Second, Limits: web.DefaultLimits(),
		Phones: phone.Tokens{{TokenSHA256: sha256.Sum256([]byte("token-of-alice")), Subject: "alice-7f3", Name: "Alice"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	w.newBrowser()
	return w
}

func (w *world) newBrowser() {
	jar, err := cookiejar.New(nil)
	w.must(err)
	w.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask sends a request with "Name: value" headers and returns the answer's body.
func (w *world) ask(method, target, body string, headers ...string) (int, string) {
	w.t.Helper()
	answer := w.open(method, target, body, headers...)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	w.must(err)
	return answer.StatusCode, string(text)
}

func (w *world) open(method, target, body string, headers ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+strings.TrimPrefix(target, w.url), strings.NewReader(body))
	w.must(err)
	r.Header.Set("User-Agent", browserName)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := w.browser.Do(r)
	w.must(err)
	return answer
}

// find returns what expr's group matches, which is a secret from now on.
func (w *world) find(expr, in string) string {
	w.t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(in)
	if m == nil {
		w.t.Fatalf("no %s in %q", expr, in)
	}
	w.secrets = append(w.secrets, m[1])
	return m[1]
}

const (
	asJSON  = "Content-Type: application/json"
	asAlice = "Authorization: Bearer token-of-alice"
)

// scan has alice scan what any dialect's login shows.
func (w *world) scan(id string) (handle string) {
	_, said := w.ask("GET", "/v1/logins/"+id, "")
	code := w.find(`"text":"([^"]+)"`, said)
	w.secrets = append(w.secrets, code[strings.LastIndex(code, "/")+1:])
	_, said = w.ask("POST", "/v1/scans", fmt.Sprintf(`{"code":%q}`, code), asJSON, asAlice)
	return w.find(`"id":"([^"]+)"`, said)
}

func (w *world) decide(handle, word, body string) {
	w.ask("POST", "/v1/scans/"+handle+"/"+word, body, asJSON, asAlice)
}

// page redeems at the login page.
func (w *world) page(redirect string, headers ...string) string {
	_, said := w.ask("GET", redirect, "", headers...)
	return said
}

// site redeems as the site does.
func (w *world) site(redirect string) (status int) {
	u, err := url.Parse(redirect)
	w.must(err)
	status, said := w.ask("POST", "/v1/tickets/redeem", fmt.Sprintf(`{"ticket":%q}`, u.Query().Get("ticket")), asJSON, "Authorization: Basic c2hvcDpzZWNyZXQtb2Ytc2hvcA==")
	if status == http.StatusOK {
		w.find(`"session":{"id":"([^"]+)"`, said)
	}
	return status
}

// dialects are the ways in which a browser starts a login, and hears of the approval.
func (w *world) dialects() map[string]struct {
	start    func() (id string)
	redirect func(id string) string
} {
	type dialect = struct {
		start    func() (id string)
		redirect func(id string) string
	}
	var conn socket
	jsonStart := func() string {
		_, said := w.ask("POST", "/v1/logins", `{"app":"shop"}`, asJSON)
		return w.find(`"id":"([^"]+)"`, said)
	}
	return map[string]dialect{
		"wechat": {
			func() string {
				_, said := w.ask("GET", "/jslogin?appid=shop&fun=new", "")
				return w.find(`uuid = "([^"]+)"`, said)
			},
			func(id string) string {
				_, said := w.ask("GET", "/cgi-bin/mmwebwx-bin/login?tip=0&uuid="+id, "")
				return w.find(`redirect_uri="([^"]+)"`, said)
			},
		},
		"json": {jsonStart, func(id string) string {
			_, said := w.ask("GET", "/v1/logins/"+id+"?since=scanned&wait=5", "")
			return w.redirectIn(said)
		}},
		"jsonp": {
			func() string {
				_, said := w.ask("GET", "/v1/logins.js?app=shop&callback=cb", "")
				return w.find(`"id":"([^"]+)"`, said)
			},
			func(id string) string {
				_, said := w.ask("GET", "/v1/logins/"+id+".js?since=scanned&wait=5&callback=cb", "")
				return w.redirectIn(strings.TrimSuffix(strings.TrimPrefix(said, "/**/cb("), ");"))
			},
		},
		"sse": {jsonStart, func(id string) string {
			answer := w.open("GET", "/v1/logins/"+id+"/events?since=scanned", "")
			defer answer.Body.Close()
			lines := bufio.NewScanner(answer.Body)
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(data, `"approved"`) {
					return w.redirectIn(data)
				}
			}
			w.t.Fatal("the stream ended")
			return ""
		}},
		"websocket": {
			func() string {
				to, first, _, err := ws.Dial(w.t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/v1/ws?app=shop")
				w.must(err)
				conn = socket{to, to}
				if first != nil { // what came with the handshake
					conn.Reader = first
				}
				return w.find(`"id":"([^"]+)"`, w.message(conn, `"qr"`))
			},
			func(string) string {
				defer conn.Close()
				return w.redirectIn(w.message(conn, `"approved"`))
			},
		},
		"taobao": {
			func() string {
				_, said := w.ask("GET", "/qrcodelogin/generateQRCode4Login.do?appkey=shop", "")
				return w.find(`"lgToken":"([^"]+)"`, said)
			},
			func(id string) string {
				_, said := w.ask("GET", "/qrcodelogin/qrcodeLoginCheck.do?lgToken="+id, "")
				var v struct{ URL string }
				w.must(json.Unmarshal([]byte(said), &v))
				return v.URL
			},
		},
	}
}

// socket is a connection of which something may have been read already.
type socket struct {
	net.Conn
	io.Reader
}

func (s socket) Read(b []byte) (int, error) { return s.Reader.Read(b) }

// message reads messages until one has word in it.
func (w *world) message(conn socket, word string) string {
	w.must(conn.SetReadDeadline(time.Now().Add(10 * time.Second)))
	for {
		said, err := wsutil.ReadServerText(conn)
		w.must(err)
		if bytes.Contains(said, []byte(word)) {
			return string(said)
		}
	}
}

func (w *world) redirectIn(said string) string {
	var v struct {
		Redirect string `json:"redirect_uri"`
	}
	w.must(json.Unmarshal([]byte(said), &v))
	u, err := url.Parse(v.Redirect)
	w.must(err)
	w.secrets = append(w.secrets, u.Query().Get("ticket"), u.Query().Get("sig"))
	return v.Redirect
}

// scrape is what Prometheus is told.
func (w *world) scrape() string {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil)
	answer := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(answer, r)
	return answer.Body.String()
}
