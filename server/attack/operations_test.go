package attack

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/auditlog"
	"qrlatch/server/login"
)

// T36, promise 9: a thousand addresses that a client has made up are one client; and a
// victim whose address it names is not kept away.
func TestAThousandMadeUpAddressesAreOneClient(t *testing.T) {
	_, proxies, _ := net.ParseCIDR("10.0.0.0/8")
	for name, trusted := range map[string][]*net.IPNet{"no proxy": nil, "behind a proxy": {proxies}} {
		t.Run(name, func(t *testing.T) {
			change := func(s *setup) {
				s.web.Limits.StartsPerAddress, s.web.TrustedProxies = 60, trusted
			}
			inTime(t, change, func(w *world) {
				attacker, appended := w.from(away), ""
				if trusted != nil {
					attacker, appended = w.from("10.1.2.3"), ", "+away
				}
				asks := func(made string) (refused bool) {
					return strings.Contains(attacker.get("/v1/logins.js?app=shop&callback=f", "X-Forwarded-For: "+made+appended,
						"X-Real-IP: "+made, "Forwarded: for="+made, "True-Client-IP: "+made).body, `"error"`)
				}
				refused := 0
				for i := 0; i < 1000 && refused < 20; i++ { // each is held for 5 s
					if asks(fmt.Sprintf("%d.%d.%d.%d", 1+i%200, i%251, i/7%251, i%256)) {
						refused++
					}
				}
				if refused < 20 {
					t.Errorf("%d of 1000 were refused", refused)
				}
				time.Sleep(time.Minute)
				for range 200 {
					go asks(home)
				}
				synctest.Wait()
				victim, from := w.from(home), []string(nil)
				if trusted != nil {
					victim, from = w.from("10.1.2.3"), []string{"X-Forwarded-For: " + home}
				}
				if got := victim.get("/v1/logins.js?app=shop&callback=f", from...); strings.Contains(got.body, `"error"`) {
					t.Errorf("the victim gets %v", got)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// T42: more logins than fit. Everybody is told so in its own words, after a while; when
// some have ended there is room again.
func TestAFloodOfLoginsEndsInWordsAndPasses(t *testing.T) {
	change := func(s *setup) { s.store.MaxLogins, s.web.Limits.StartsPerAddress = 1000, 0 }
	inTime(t, change, func(w *world) {
		flood := w.from(away)
		for range 1000 {
			flood.begins("shop")
		}
		for target, words := range map[string]string{
			"/jslogin?appid=shop": "window.QRLogin.code = 400", "/v1/logins.js?app=shop&callback=f": `"status":503`,
			"/qrcodelogin/generateQRCode4Login.do": `"success":false`, "/embed/plain?app=shop": "<h1>",
		} {
			if got := w.from(home).get(target); !strings.Contains(got.body, words) || got.took < 5*time.Second && !strings.HasPrefix(target, "/embed") {
				t.Errorf("%s: %v after %v", target, got, got.took)
			}
		}
		time.Sleep(10 * time.Minute)
		w.from(home).begins("shop")
	})
}

// Promise 10, T48: the log at its most talkative, the audit log and the metrics hold
// nothing of what was handed out on any way in.
func TestNoSecretOfAnyWayInReachesTheLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.jsonl")
	audit, err := auditlog.Open(name, auditlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = audit.Close() }()
	inTime(t, func(s *setup) { s.login.Audit = audit.Write }, func(w *world) {
		secrets := w.fullFlow()
		record, err := os.ReadFile(name)
		w.must(err)
		log := w.log.String() + w.scrape() + string(record)
		for _, must := range []string{"webwxnewloginpage", "/phone/frame", "/phone/callback", "/v1/ws", "/v1/tickets/redeem", "token refused", "/embed/plain/:id", "qrlatch_http_requests_total", "status=101", `"event":"redeem"`, `"event":"not_me"`} {
			if !strings.Contains(log, must) {
				t.Errorf("the test sees nothing of %s", must)
			}
		}
		if len(secrets) < 50 {
			t.Errorf("only %d secrets", len(secrets))
		}
		for _, s := range secrets {
			for _, form := range []string{s, escaped(s), base64.StdEncoding.EncodeToString([]byte(s))} {
				if strings.Contains(log, form) {
					i := strings.Index(log, form)
					t.Errorf("%q is in the log: …%.200s", s, log[max(0, i-80):])
				}
			}
		}
	})
}

// Promise 10, T49: twenty new keys while logins of every kind are under way.
func TestTwentyNewKeysInMidFlowLoseNoLogin(t *testing.T) {
	inTime(t, func(s *setup) { s.login.LoginTTL = time.Hour }, func(w *world) {
		lines := ""
		rotate := func() {
			lines = login.NewKeyLine() + "\n" + lines
			keys, err := login.ParseKeys(strings.NewReader(lines + w.firstKey))
			w.must(err)
			w.config.Keys = keys
			w.service.Configure(w.config)
		}
		handset := w.from(phones)
		handset.signsIn()
		alice := w.phone("token-of-alice")
		type flight struct {
			b begun
			q question
		}
		var open []flight
		for range 20 {
			b := w.from(home).begins("shop")
			rotate()
			open = append(open, flight{b, alice.scans(b.code)})
			rotate()
			time.Sleep(5 * time.Second)
		}
		for i, f := range open {
			if i%2 == 0 {
				if got := alice.approves(f.q.ID, w.number(f.b)); got.status != http.StatusOK {
					t.Errorf("login %d: %v", i, got)
				}
			} else { // on the phone's page, whose cookie is of the first key
				form := formOf(handset.get("/phone/scans/" + f.q.ID).body)
				rotate()
				form.Set("number", w.number(f.b))
				handset.post("/phone/scans/"+f.q.ID+"/approve", form.Encode())
			}
			onward := w.onward(f.b)
			rotate()
			if i%3 == 0 {
				if got := w.site("shop").post("/v1/tickets/redeem", `{"ticket":"`+onward.Query().Get("ticket")+`"}`); got.status != http.StatusOK {
					t.Errorf("login %d at its site: %v", i, got)
				}
			} else if got := w.from(home).get(onward.RequestURI() + "&fun=new"); !strings.Contains(got.body, "<ret>0</ret>") {
				t.Errorf("login %d: %v", i, got)
			}
		}
	})
}

// T50: an id that never was, one that is forgotten, one of another login's handle, one
// cut short and nonsense get the same answer, byte for byte, and as soon.
func TestUnknownForgottenAndForeignAnswerAlike(t *testing.T) {
	inTime(t, nil, func(w *world) {
		v := w.from(home)
		forgotten := v.begins("shop")
		time.Sleep(8 * time.Minute)
		live := v.begins("shop")
		other := unknown()
		keys := map[string]string{
			"forgotten": forgotten.id, "another login's handle": live.id[:12] + other[12:], "one letter off": live.id[:35] + map[bool]string{true: "A", false: "B"}[live.id[35] != 'A'],
			"cut short": live.id[:35], "too long": live.id + "A", "empty-ish": "%20", "nonsense": "nonsense", "another alphabet": strings.Replace(live.id, live.id[20:21], "+", 1),
		}
		for _, d := range doors() {
			want := d.knock(v, other)
			for name, key := range keys {
				got := d.knock(v, key)
				if got.status != want.status || strip(got.body, key) != strip(want.body, other) || got.took != want.took {
					t.Errorf("%s, %s: %v after %v, not %v after %v", d.name, name, got, got.took, want, want.took)
				}
			}
		}
	})
}

// T51: what is the operator's is not on the public listener.
func TestTheOperatorsPagesAreNotPublic(t *testing.T) {
	inTime(t, nil, func(w *world) {
		for _, path := range []string{
			"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/admin", "/config", "/keys", "/.git/config", "/qrlatch.yaml",
			"/static/../go.mod", "/assets/../../go.mod", "/server-status", "/actuator/health", "//metrics", "/metrics/", "/%6detrics",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
				if got := w.from(home).do(method, path, "", "X-Forwarded-For: 127.0.0.1"); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: %v", method, path, got)
				}
			}
		}
	})
}

// T35: requests whose end two servers could see in different places. Nobody's second
// request is ever answered, and the connection ends. But a line that begins with a space is
// no field: it goes on with the one before (RFC 9112, section 5.2), so that request has one
// end, and what follows is a request like any other.
func TestNoRequestHidesBehindAnother(t *testing.T) {
	hidden := "GET /jslogin?appid=shop HTTP/1.1\r\nHost: login.example\r\n\r\n"
	const one, two = "one answer", "two answers"
	for name, tt := range map[string]struct{ head, want string }{
		"no body at all":        {"Content-Length: 0\r\n\r\n", two}, // so that this test can see a second
		"both lengths":          {"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", one},
		"both, the other way":   {"Content-Length: 64\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", one},
		"chunked":               {"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", one},
		"chunked in disguise":   {"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", one},
		"chunked twice":         {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", one},
		"a space before colon":  {"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", one},
		"two lengths":           {"Content-Length: 0\r\nContent-Length: 64\r\n\r\n", one},
		"a signed length":       {"Content-Length: +0\r\n\r\n", one},
		"a length in hex":       {"Content-Length: 0x0\r\n\r\n", one},
		"a bare line feed":      {"Transfer-Encoding: chunked\r\n\r\n0\n\r\n", one},
		"an extension with one": {"Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n", one},
		"a folded field":        {"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", two},
		"a folded first field":  {" X: y\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", one},
		"a folded length":       {"Content-Length:\r\n 0\r\n\r\n", two},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, nil, func(w *world) {
				conn, err := w.address(away).DialContext(w.t.Context(), "tcp", "login.example:80")
				w.must(err)
				defer conn.Close()
				go func() {
					_, _ = io.WriteString(conn, "POST /v1/logins HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/json\r\n"+tt.head+hidden)
				}()
				w.must(conn.SetReadDeadline(time.Now().Add(time.Minute)))
				said, err := io.ReadAll(bufio.NewReader(conn))
				answers, begun := strings.Count(string(said), "HTTP/1.1 "), strings.Contains(string(said), "QRLogin.uuid")
				if tt.want == two && (answers != 2 || !begun) {
					t.Errorf("%d answers:\n%s", answers, said)
				}
				if tt.want == one && (answers != 1 || begun || err != nil) {
					t.Errorf("%d answers, then %v:\n%s", answers, err, said)
				}
			})
		})
	}
}
