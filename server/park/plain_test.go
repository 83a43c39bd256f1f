package park

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// plainSeeds are requests, and whether they are plain.
var plainSeeds = []struct {
	why, text string
	plain     bool
}{
	{"of a browser", "GET /jslogin?appid=shop HTTP/1.1\r\nHost: login.example:8080\r\nUser-Agent: Mozilla/5.0\r\nConnection: keep-alive\r\n\r\n", true},
	{"with a body", "POST /v1/logins HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"app\":\"shop\"}", true},
	{"without one", "POST /v1/scans/a/approve HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", true},
	{"the last", "DELETE /v1/sessions/a HTTP/1.1\r\nHost: [::1]:80\r\nconnection: close\r\n\r\n", true},
	{"not whole yet", "GET / HTTP/1.1\r\nHost: x\r\n", false},
	{"its body is not whole yet", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", false},
	{"something is behind", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"something is behind its body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcd", false},
	{"in chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", false},
	{"in chunks, in capitals", "POST / HTTP/1.1\r\nHost: x\r\nTRANSFER-ENCODING: chunked\r\nContent-Length: 0\r\n\r\n", false},
	{"a field that hides", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", false},
	{"a field on two lines", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", false},
	{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", false},
	{"a length with a sign", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", false},
	{"two lengths in one", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", false},
	{"no host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", false},
	{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", false},
	{"an odd host", "GET / HTTP/1.1\r\nHost: x/y@z\r\n\r\n", false},
	{"asks first", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
	{"a WebSocket", "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	{"the old protocol", "GET / HTTP/1.0\r\nHost: x\r\n\r\n", false},
	{"without an answer's body", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"of a proxy", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"line ends alone", "GET / HTTP/1.1\nHost: x\n\n", false},
	{"a line end within", "GET / HTTP/1.1\r\nHost: x\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", false},
	{"a zero byte", "GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", false},
	{"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"an empty line within a name", "GET / HTTP/1.1\r\nHost: x\r\n\rA: b\r\n\r\n", false},
	{"a bare return in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n", false},
	{"two returns", "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", false},
	{"a tab in a value", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\t3\r\n\r\nabc", false},
	{"a length behind two spaces", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:  3\r\n\r\nabc", false},
	{"a length with a comma behind", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3,\r\n\r\nabc", false},
	{"a length in hexadecimal", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", false},
	{"a length that wraps around", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551619\r\n\r\nabc", false},
	{"a negative length", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", false},
	{"an empty length", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", false},
	{"a connection that hides fields", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Forwarded-For\r\n\r\n", false},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"a space in its path", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"a space at the end", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", false},
	{"bytes in its path", "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"small letters", "get / HTTP/1.1\r\nHost: x\r\n\r\n", false},
	{"a name of nothing", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", false},
	{"a space before a name", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", false},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},
	{"nothing", "", false},
	{"only an end", "\r\n\r\n", false},
}

func TestOnlyWhatNobodyCanTakeForSomethingElseIsPlain(t *testing.T) {
	for _, test := range plainSeeds {
		if _, _, got := readPlain([]byte(test.text), new(plainHeader)); got != test.plain {
			t.Errorf("%s: %v: %q", test.why, got, test.text)
		}
	}
}

// BenchmarkReadPlain is what a browser's request costs here, beside what it does in net/http.
func BenchmarkReadPlain(b *testing.B) {
	request := []byte("GET /cgi-bin/mmwebwx-bin/login?uuid=QX2EsL9B7n4HTh8LkE0PW1tq9d5lXJqnmfFx&tip=1&r=-1234567890&_=1795279688000 HTTP/1.1\r\n" +
		"Host: login.example:8080\r\nConnection: keep-alive\r\n" +
		"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
		"Accept: */*\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\nReferer: https://shop.example/\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n")
	b.Run("here", func(b *testing.B) {
		b.ReportAllocs()
		var h plainHeader
		for b.Loop() {
			if _, _, ok := readPlain(request, &h); !ok {
				b.Fatal("it is not plain")
			}
			h.forget()
		}
	})
	b.Run("http.ReadRequest", func(b *testing.B) {
		b.ReportAllocs()
		var from bytes.Reader
		reader := bufio.NewReader(&from)
		for b.Loop() {
			from.Reset(request)
			reader.Reset(&from)
			if _, err := http.ReadRequest(reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}
