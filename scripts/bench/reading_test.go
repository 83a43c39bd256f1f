//go:build linux

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAResponseIsReadOnceItIsWhole(t *testing.T) {
	for _, c := range []struct {
		name, bytes, body string
		status            int
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nwindow.code=408;", "window.code=408;", 200},
		{"a field's name in any case", "HTTP/1.1 201 Created\r\nX: 1\r\ncontent-length:2\r\n\r\n{}", "{}", 201},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", 200},
		{"no body", "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", "", 204},
		{"empty body", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "", 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cut := range c.bytes {
				if _, _, size, err := readResponse([]byte(c.bytes[:cut])); size != 0 || err != nil {
					t.Fatalf("the first %d bytes are a response of %d, %v", cut, size, err)
				}
			}
			h, body, size, err := readResponse([]byte(c.bytes + "HTTP/1.1"))
			if err != nil || size != len(c.bytes) || string(body) != c.body || h.status != c.status {
				t.Errorf("got %d %q of %d bytes, %v; want %d %q of %d", h.status, body, size, err, c.status, c.body, len(c.bytes))
			}
		})
	}
}

func TestWhatIsNoResponseIsAnError(t *testing.T) {
	for _, bytes := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nuntil it closes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		if _, _, _, err := readResponse([]byte(bytes)); err == nil {
			t.Errorf("%q was read", bytes)
		}
	}
}

func TestFramesAreReadOnceTheyAreWhole(t *testing.T) {
	for _, c := range []struct {
		name    string
		bytes   string
		opcode  byte
		payload string
	}{
		{"short", "\x81\x02{}", 1, "{}"},
		{"ping", "\x89\x00", framePing, ""},
		{"two bytes of length", "\x81\x7e\x01\x00" + strings.Repeat("x", 256), 1, strings.Repeat("x", 256)},
		{"eight", "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01y", 2, "y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cut := range c.bytes {
				if _, _, size := readFrame([]byte(c.bytes[:cut])); size != 0 {
					t.Fatalf("the first %d bytes are a frame of %d", cut, size)
				}
			}
			opcode, payload, size := readFrame([]byte(c.bytes + "\x81"))
			if opcode != c.opcode || string(payload) != c.payload || size != len(c.bytes) {
				t.Errorf("got %x %q of %d bytes", opcode, payload, size)
			}
		})
	}
	if got := string(clientFrame(framePong, []byte("hi"))); got != "\x8a\x82\x00\x00\x00\x00hi" {
		t.Errorf("a pong is %q", got)
	}
}

func TestAnEventEndsWithAnEmptyLine(t *testing.T) {
	event, size := readEvent([]byte("id: pending\ndata: {}\n\nevent"))
	if string(event) != "id: pending\ndata: {}" || size != 22 {
		t.Errorf("got %q of %d bytes", event, size)
	}
	if _, size := readEvent([]byte("data: {}\n")); size != 0 {
		t.Errorf("half an event has %d bytes", size)
	}
}

func TestWhatServersSayOfThemselves(t *testing.T) {
	var now sample
	err := now.readMemStats(strings.NewReader("heap profile: 1: 2\n# HeapAlloc = 4000000\n# HeapIdle = 7\n# HeapInuse = 4284416\n# Stack = 458752 / 500000\n"))
	if now != (sample{heap: 4284416, objects: 4000000, stacks: 458752}) || err != nil {
		t.Errorf("memory: %+v, %v", now, err)
	}
	if err := now.readMemStats(strings.NewReader("# HeapInuse = 1\n# HeapAlloc = 1\n")); err == nil {
		t.Error("a profile without stacks was read")
	}
	metrics := "# TYPE qrlatch_waiters gauge\nqrlatch_waiters{dialect=\"jsonp\"} 3\nqrlatch_waiters{dialect=\"sse\"} 4e+01\nqrlatch_waiters_total 9\ngo_goroutines 12\n"
	if n, err := readMetric(strings.NewReader(metrics), "qrlatch_waiters"); n != 43 || err != nil {
		t.Errorf("waiters: %v, %v", n, err)
	}
	if n, err := readMetric(strings.NewReader(metrics), "go_goroutines"); n != 12 || err != nil {
		t.Errorf("goroutines: %v, %v", n, err)
	}
	if n, err := readPSS(strings.NewReader("Rss:  9 kB\nPss:                1234 kB\nPss_Anon: 1 kB\n")); n != 1234<<10 || err != nil {
		t.Errorf("PSS: %d, %v", n, err)
	}
	if d, err := readCPU("42 (a (odd) name) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0"); d != 2*time.Second || err != nil {
		t.Errorf("CPU: %v, %v", d, err)
	}
	if n, err := readSubscribers("channels: 7\nsubscribers: 5\nredis\n"); n != 5 || err != nil {
		t.Errorf("subscribers: %d, %v", n, err)
	}
}

func TestABrowsersRequestsHaveTheSizeOfABrowsers(t *testing.T) {
	for name, s := range speeches() {
		if s.wait == nil {
			continue // it goes on with what another has begun
		}
		total := 0
		for i := range 100 {
			b := &browser{number: i, id: "3JZpHJUcYqHIWeHU34fIfKoDpIdvIsTvegKZ"}
			r := string(s.wait(b, "127.0.0.1:34567"))
			line, fields, _ := strings.Cut(r, "\r\n")
			if !strings.HasPrefix(line, "GET /") || !strings.HasSuffix(r, "\r\n\r\n") {
				t.Fatalf("%s: %q", name, r)
			}
			total += len(fields)
		}
		// A handshake has 120 more.
		if mean := total / 100; mean < 380 || mean > 480 && name != "ws" {
			t.Errorf("%s: header fields of %d bytes, want about 430", name, mean)
		}
	}
}

func TestTheLineThatDrawsIsThere(t *testing.T) {
	source, err := os.ReadFile("../../" + pictureSource)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte(drawsOurs)); n != 1 {
		t.Errorf("it is there %d times", n)
	}
}
