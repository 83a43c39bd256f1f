//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// framing is how what a waiting browser hears is cut into messages.
type framing uint8

const (
	responses framing = iota // one answer, and then it asks again
	events                   // text/event-stream
	frames                   // WebSocket
)

// speech is how a browser speaks to one kind of server: what it sends before it waits,
// how it waits, who wakes it and what it hears then.
type speech struct {
	framing framing
	start   func(b *browser, host string) []byte
	direct  bool // whoever waits need not start before
	wait    func(b *browser, host string) []byte
	publish func(b *browser, host string) []byte
	news    string // a message with these words is what it has been waiting for
	names   bool   // it also has the id of the login
}

// speeches are all of them by name.
func speeches() map[string]speech {
	ours := func(f framing, names bool, news string, wait func(*browser, string) []byte) speech {
		return speech{framing: f, start: startLogin, wait: wait, publish: scan, news: news, names: names}
	}
	peer := func(f framing, dest string) speech {
		wait := func(b *browser, host string) []byte {
			return request(b, host, "GET", "/wait?stream="+b.id, dest, "")
		}
		return speech{framing: f, start: greet, direct: true, wait: wait, publish: publish, news: "scanned", names: true}
	}
	return map[string]speech{
		"wechat": ours(responses, false, "window.code=201", func(b *browser, host string) []byte {
			return request(b, host, "GET", "/cgi-bin/mmwebwx-bin/login?uuid="+b.id+"&tip=1&r=-1234567890&_=1795279688000", "script", "")
		}),
		"json": ours(responses, true, `"scanned"`, func(b *browser, host string) []byte {
			return request(b, host, "GET", "/v1/logins/"+b.id+"?since=pending&wait=60", "empty", "")
		}),
		"jsonp": ours(responses, true, `"scanned"`, func(b *browser, host string) []byte {
			return request(b, host, "GET", "/v1/logins/"+b.id+".js?since=pending&wait=60&callback=qrlatch_1", "script", "")
		}),
		"sse": ours(events, true, `"scanned"`, func(b *browser, host string) []byte {
			return request(b, host, "GET", "/v1/logins/"+b.id+"/events", "eventsource", "")
		}),
		"ws": ours(frames, false, `"scanned"`, func(b *browser, host string) []byte {
			return request(b, host, "GET", "/v1/ws?id="+b.id, "websocket", "")
		}),
		"message": {framing: frames, start: startLogin, publish: message, news: `"message"`},
		"poll":    peer(responses, "empty"),
		"stream":  peer(events, "eventsource"),
	}
}

// The app and the phones of the server under test.
const (
	appID   = "bench"
	appPage = "https://shop.example"
	phones  = 1000
)

func phoneToken(i int) string { return fmt.Sprintf("bench-phone-%04d", i%phones) }

func startLogin(b *browser, host string) []byte {
	return request(b, host, "POST", "/v1/logins", "empty", `{"app":"`+appID+`"}`)
}

func scan(b *browser, host string) []byte {
	return phoneSays(b, host, "/v1/scans", `{"code":"`+b.code+`"}`)
}

// The peers know nothing of logins: who waits, waits on a channel, with the first request
// of its connection, which is cheaper for them than with a second one.
func greet(b *browser, host string) []byte {
	return request(b, host, "POST", "/start", "empty", `{"app":"`+appID+`"}`)
}

func publish(b *browser, host string) []byte {
	body := `{"id":"` + b.id + `","state":"scanned","expires_in":120}`
	return fmt.Appendf(nil, "POST /pub?stream=%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		b.id, host, len(body), body)
}

// message is what a site sends to a browser that is signed in.
func message(b *browser, host string) []byte {
	return siteSays(host, "/v1/sessions/"+b.session+"/messages", `{"data":{"id":"`+b.id+`","state":"scanned"}}`)
}

// siteSays is a request of the site.
func siteSays(host, path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, base64.StdEncoding.EncodeToString([]byte(appID+":"+appSecret)), len(body), body)
}

// phoneSays is a request of a person's phone.
func phoneSays(b *browser, host, path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, phoneToken(b.number), len(body), body)
}

// began notes what the server answered to the start.
func (b *browser) began(body []byte) error {
	var login struct {
		ID string `json:"id"`
		QR struct {
			Text string `json:"text"`
		} `json:"qr"`
	}
	if err := json.Unmarshal(body, &login); err != nil {
		return fmt.Errorf("the answer to the start: %w", err)
	}
	if login.QR.Text != "" {
		b.id, b.code = login.ID, login.QR.Text[strings.LastIndexByte(login.QR.Text, '/')+1:]
	}
	return nil
}

// request is one of a browser, with the header fields that browsers send: about 430 bytes.
func request(b *browser, host, method, target, dest, body string) []byte {
	var r bytes.Buffer
	fmt.Fprintf(&r, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
	mode, accept := "no-cors", "*/*"
	if dest == "eventsource" {
		dest, accept = "empty", "text/event-stream"
	}
	switch dest {
	case "websocket":
		mode = "websocket"
		r.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	case "empty":
		mode = "cors"
		r.WriteString("Connection: keep-alive\r\n")
	default:
		r.WriteString("Connection: keep-alive\r\n")
	}
	fmt.Fprintf(&r, "User-Agent: %s\r\nAccept: %s\r\nAccept-Language: en,zh;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n", agent(b.number), accept)
	if dest != "script" {
		r.WriteString("Origin: " + appPage + "\r\n")
	}
	fmt.Fprintf(&r, "Referer: %s/login?from=%d\r\nCookie: _ga=GA1.%010d; lang=en\r\n", appPage, b.number, b.number)
	fmt.Fprintf(&r, "Sec-Fetch-Dest: %s\r\nSec-Fetch-Mode: %s\r\nSec-Fetch-Site: cross-site\r\n", dest, mode)
	if method == http.MethodPost {
		fmt.Fprintf(&r, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	r.WriteString("\r\n" + body)
	return r.Bytes()
}

func agent(i int) string {
	agents := [...]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.4 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0",
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:%d.0) like Gecko",
	}
	return fmt.Sprintf(agents[i%len(agents)], 100+i%40)
}
