package attack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A door is a place where a secret lets somebody in who presents it.
type door struct {
	name  string
	lock  lock // which secret opens it
	knock func(v *visitor, key string) answer
}

// lock is a kind of secret.
type lock int

const (
	byID lock = iota // the login id
	byTicket
	byPush   // the push ticket
	byResume // a socket's
	bySession
	byBearer
	byPhoneCookie
)

func escaped(key string) string { return url.QueryEscape(key) }

func segment(key string) string { return strings.ReplaceAll(url.PathEscape(key), "+", "%2B") }

// getting is a door behind one GET; {} stands for the key in a query, [] in a path.
func getting(name string, l lock, target string, headers ...string) door {
	return door{name, l, func(v *visitor, key string) answer {
		target := strings.ReplaceAll(strings.ReplaceAll(target, "{}", escaped(key)), "[]", segment(key))
		var sent []string
		for _, h := range headers {
			sent = append(sent, strings.ReplaceAll(h, "{}", escaped(key)))
		}
		return v.get(target, sent...)
	}}
}

// doors are all of them.
func doors() []door {
	return []door{
		getting("WeChat's page", byID, cgi+"login?loginicon=true&tip=1&uuid={}"),
		getting("WeChat's clients", byID, cgi+"login?tip=0&uuid={}"),
		getting("JSON", byID, "/v1/logins/[]"),
		getting("JSON, held", byID, "/v1/logins/[]?since=pending&wait=1"),
		getting("JSONP", byID, "/v1/logins/[].js?callback=f"),
		getting("Taobao", byID, "/qrcodelogin/qrcodeLoginCheck.do?lgToken={}"),
		getting("Taobao's JSONP", byID, "/qrcodelogin/qrcodeLoginCheck.do?callback=f&lgToken={}"),
		{"SSE", byID, stream},
		socket("WebSocket", byID, "id"),
		socket("WebSocket, resumed", byResume, "resume"),
		getting("the page without scripts", byID, "/embed/plain/[]"),
		getting("the demo's phone", byID, "/demo/scan/[]"),
		getting("the login page", byTicket, cgi+"webwxnewloginpage?fun=new&ticket={}"),
		{"a site", byTicket, func(v *visitor, key string) answer {
			r := http.Request{Header: http.Header{}}
			r.SetBasicAuth("shop", "shop-secret")
			return v.post("/v1/tickets/redeem", `{"ticket":"`+strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(key)+`"}`, "Authorization: "+r.Header.Get("Authorization"))
		}},
		{"push login", byPush, func(v *visitor, key string) answer {
			return v.get(cgi+"webwxpushloginurl?uin="+v.w.uin, "Cookie: webwx_auth_ticket="+escaped(key))
		}},
		getting("synccheck", bySession, cgi+"synccheck?uin=1&skey={}&sid={}"),
		getting("synccheck by cookies", bySession, cgi+"synccheck", "Cookie: wxsid={}; wxuin=1; webwx_data_ticket={}"),
		{"webwxinit", bySession, func(v *visitor, key string) answer {
			return v.post(cgi+"webwxinit", `{"BaseRequest":{"Uin":"1","Sid":"`+escaped(key)+`","Skey":"`+escaped(key)+`"}}`)
		}},
		{"the phone's app", byBearer, func(v *visitor, key string) answer {
			// Each from another address: the limit of refused tokens would answer for the door.
			sum := sha256.Sum256([]byte(v.addr + " " + key))
			got := v.w.from(fmt.Sprintf("10.%d.%d.%d", sum[0], sum[1], sum[2])).get("/v1/scans", "Authorization: Bearer "+escaped(key))
			if got.status == http.StatusTooManyRequests {
				v.w.t.Errorf("it is not the door that says: %v", got)
			}
			return got
		}},
		getting("the phone's page", byPhoneCookie, "/phone", "Cookie: qrlatch_phone={}; qrlatch_visit={}"),
	}
}

// stream reads what an event stream says at once.
func stream(v *visitor, key string) answer {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	got := v.open(ctx, http.MethodGet, "/v1/logins/"+segment(key)+"/events", "", "Accept: text/event-stream")
	defer got.Body.Close()
	first := make([]byte, 1<<12)
	n, _ := got.Body.Read(first)
	return answer{status: got.StatusCode, body: string(first[:n]), took: time.Since(began)}
}

func socket(name string, l lock, parameter string) door {
	return door{name, l, func(v *visitor, key string) answer {
		status, first, took := v.dial("/v1/ws?"+parameter+"="+escaped(key), nil)
		return answer{status: status, body: first, took: took}
	}}
}

// dial opens a socket and returns how that went and what was said first.
func (v *visitor) dial(target string, header http.Header) (status int, first string, took time.Duration) {
	v.w.t.Helper()
	conn, status, took := v.connect(target, header)
	if conn == nil {
		return status, "", took
	}
	defer conn.Close()
	said, _, err := wsutil.ReadServerData(conn)
	v.w.must(err)
	return status, string(said), took
}

// connect opens a socket, or says with what status that was refused.
func (v *visitor) connect(target string, header http.Header) (conn net.Conn, status int, took time.Duration) {
	v.w.t.Helper()
	status = http.StatusSwitchingProtocols
	began := time.Now()
	d := ws.Dialer{
		Header:        ws.HandshakeHeaderHTTP(header),
		OnStatusError: func(code int, _ []byte, _ io.Reader) { status = code },
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return v.w.address(v.addr).DialContext(ctx, "tcp", "login.example:80")
		},
	}
	conn, _, _, err := d.Dial(context.Background(), "ws://login.example"+target)
	if err != nil {
		if status == http.StatusSwitchingProtocols {
			v.w.t.Fatal(err)
		}
		return nil, status, time.Since(began)
	}
	return conn, status, time.Since(began)
}

// unknown is a key that never was, of the shape of a login id.
func unknown() string {
	var b [27]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// opened tells whether a door says something else for key than for one that never was.
func opened(d door, v *visitor, key string) (answer, bool) {
	shut, got := d.knock(v, unknown()), d.knock(v, key)
	return got, got.status != shut.status || strip(got.body, key) != strip(shut.body, "")
}

// strip takes out of a body what differs from answer to answer and tells nothing.
func strip(body, key string) string {
	for _, f := range hiddenFields(body) {
		body = strings.ReplaceAll(body, f, "")
	}
	if key != "" {
		body = strings.ReplaceAll(body, key, "")
	}
	return body
}

func hiddenFields(body string) (values []string) {
	for _, of := range formOf(body) {
		for _, v := range of {
			if len(v) > 20 {
				values = append(values, v)
			}
		}
	}
	return values
}
