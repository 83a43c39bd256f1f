package park_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// This file holds what is served on a parked connection against net/http: whatever a
// handler does, a client must not be able to tell the difference.

// manner is a handler with a manner of its own, and what it is asked.
type manner struct {
	name    string
	request string // "": a GET
	do      func(note *strings.Builder, w http.ResponseWriter, r *http.Request)
	want    string // the outcome here, where it is to be different; "": it is not

	elsewhere bool // it is not served here
}

func get(fields string) string { return "GET /odd HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" }

func post(body, fields string) string {
	return fmt.Sprintf("POST /odd HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s", len(body), fields, body)
}

// writes is a handler that writes words, after some fields were set in pairs.
func writes(fields ...string) func(*strings.Builder, http.ResponseWriter, *http.Request) {
	return func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		_, _ = io.WriteString(w, "<p>words")
	}
}

// status is a handler that writes this status, and then tries to write a body.
func status(code int) func(*strings.Builder, http.ResponseWriter, *http.Request) {
	return func(note *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/x")
		w.WriteHeader(code)
		n, err := w.Write([]byte("body"))
		m, wrong := io.WriteString(w, "body")
		fmt.Fprintln(note, n, err, m, wrong)
	}
}

// words is the outcome of a handler that writes words.
const words = `200 OKmap[Content-Type:[text/html; charset=utf-8]] false <p>words <nil>; "", open: true; `

var manners = []manner{
	{name: "nothing", do: func(*strings.Builder, http.ResponseWriter, *http.Request) {}},
	{name: "status only", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }},
	{name: "no content", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
	{name: "no content with a body", do: status(http.StatusNoContent)},
	{name: "not modified with a body", do: status(http.StatusNotModified)},
	{name: "created", do: status(http.StatusCreated)},
	{name: "unknown status", do: status(299), want: "299 map[Content-Type:[text/x]] false bodybody <nil>; \"\", open: true; 4 <nil> 4 <nil>\n"},
	{name: "not found", do: func(_ *strings.Builder, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }},
	{name: "error", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", 500) }},
	{name: "redirect", do: func(_ *strings.Builder, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/ä b?\"<", http.StatusFound)
	}},
	{name: "two statuses", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusNotFound)
	}},
	{name: "early hints", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "late")
	}, want: `200 OKmap[Content-Type:[text/plain; charset=utf-8]] false late <nil>; "", open: true; `},
	{name: "a field too late", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		_, _ = io.WriteString(w, "a")
		w.Header().Set("X-A", "2")
		w.Header().Set("Content-Type", "text/late")
	}},
	{name: "a field too late, in place", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-A"] = []string{"1"}
		w.WriteHeader(200)
		w.Header()["X-A"][0] = "2"
	}},
	{name: "sniffed", do: writes()},
	{name: "an empty write", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }},
	{name: "type", do: writes("Content-Type", "text/x")},
	{name: "empty type", do: writes("Content-Type", "")},
	{name: "no type", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<p>")
	}},
	{name: "encoded", do: writes("Content-Encoding", "gzip")},
	{name: "right length", do: writes("Content-Length", "8")},
	{name: "too long", do: writes("Content-Length", "3"), want: words},
	{name: "too short", do: writes("Content-Length", "30"), want: words},
	{name: "own coding", do: writes("Transfer-Encoding", "chunked"), want: words},
	{name: "no coding", do: writes("Transfer-Encoding", "identity"), want: words},
	{name: "odd coding", do: writes("Transfer-Encoding", "gzip"), want: words},
	{name: "trailer", do: writes(http.TrailerPrefix+"X-B", "b")},
	{name: "close", do: writes("Connection", "close")},
	{name: "Close", do: writes("Connection", "Close"), want: words},
	{name: "cookies", do: writes("Set-Cookie", "a=b; Path=/", "Set-Cookie", "c=d")},
	{name: "split", do: writes("X-A", "b\r\nX-Evil: c\r\n\r\n<script>", "X-B", "a\nb\rc")},
	{name: "split name", do: writes("X-A: b\r\nX-Evil", "c", "X B", "d", "", "e")},
	{name: "own date", do: writes("Date", "Mon, 02 Jan 2006 15:04:05 GMT"), want: `200 OKmap[Content-Type:[text/html; charset=utf-8] Date:[Sat, 01 Jan 2000 00:00:00 GMT]] false <p>words <nil>; "", open: true; `},
	{name: "large", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		for i := range 1 << 14 {
			fmt.Fprintf(w, "%063d\n", i)
		}
	}},
	{name: "flush in the middle", do: func(note *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<p>one")
		fmt.Fprintln(note, http.NewResponseController(w).Flush())
		_, _ = io.WriteString(w, "two")
		w.(http.Flusher).Flush()
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "three")
	}},
	{name: "flush first", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "<p>late")
	}},
	{name: "flush only", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
	{name: "flush without content", do: func(note *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		w.(http.Flusher).Flush()
		_, err := io.WriteString(w, "body")
		fmt.Fprintln(note, err)
	}},
	{name: "flush with a length", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6")
		_, _ = io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "two")
	}},
	{name: "copy", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("copy", 9000)), 35000))
	}},
	{name: "content", do: content},
	{name: "range", request: get("Range: bytes=2-4\r\n"), do: content},
	{name: "ranges", request: get("Range: bytes=99-\r\n"), do: content},
	{name: "none match", request: get("If-None-Match: \"tag\"\r\n"), do: content},
	{name: "abort", do: func(*strings.Builder, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{name: "panic", do: func(*strings.Builder, http.ResponseWriter, *http.Request) { panic("now") }},
	{name: "panic after a write", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("now")
	}},
	{name: "panic after a flush", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(errors.New("now"))
	}},
	{name: "body unread", request: post("body", ""), do: writes()},
	{name: "body half read", request: post("body", ""), do: reading(2)},
	{name: "body read", request: post("body", ""), do: reading(9)},
	{name: "body closed", request: post("body", ""), do: func(note *strings.Builder, _ http.ResponseWriter, r *http.Request) {
		err := r.Body.Close()
		n, wrong := r.Body.Read(make([]byte, 1))
		fmt.Fprintln(note, err, n, wrong)
	}},
	{name: "body of none", do: reading(1)},
	{name: "body of length 0", request: post("", ""), do: reading(1)},
	{name: "body of a GET", request: "GET /odd HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", do: reading(3)},
	{name: "body too large", request: post("body", ""), do: func(note *strings.Builder, w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2))
		fmt.Fprintln(note, err)
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	}, want: "413 Request Entity Too Largemap[Content-Type:[text/plain; charset=utf-8] X-Content-Type-Options:[nosniff]] false too large\n <nil>; \"\", open: true; http: request body too large\n"},
	{name: "form", request: post("a=b&c=%20+d", "Content-Type: application/x-www-form-urlencoded\r\n"), do: func(note *strings.Builder, _ http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(note, r.ParseForm(), r.PostForm)
	}},
	{name: "seen", request: "GET /a%2Fb;c+d//e/../f?g=%zz;h HTTP/1.1\r\nHost: X.Example:80\r\nx-a: \xe4\xff\r\nX-A: two  \r\nCookie: a=b; c\r\nCookie: d=e\r\nConnection: keep-alive\r\n\r\n", do: seen},
	{name: "seen last", request: get("Connection: close\r\n"), do: seen},
	{name: "seen with a body", request: post("abc", "connection: Close\r\n"), do: seen},
	{name: "seen odd", request: "DELETE //evil.example/\\..#x?y HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", do: seen},
	{name: "HEAD", request: "HEAD /odd HTTP/1.1\r\nHost: x\r\n\r\n", do: writes("X-A", "b"), elsewhere: true},
	{name: "OPTIONS", request: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", do: writes("X-A", "b"), elsewhere: true},
	{name: "deadlines", do: func(_ *strings.Builder, w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(time.Hour))
		_ = c.SetWriteDeadline(time.Now().Add(time.Hour))
		_ = c.EnableFullDuplex()
		_, _ = io.WriteString(w, "words")
	}},
}

func content(_ *strings.Builder, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"tag"`)
	http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader("content"))
}

func reading(n int64) func(*strings.Builder, http.ResponseWriter, *http.Request) {
	return func(note *strings.Builder, w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, n))
		fmt.Fprintln(note, string(b), err)
		_, _ = w.Write(b)
	}
}

func seen(note *strings.Builder, _ http.ResponseWriter, r *http.Request) {
	_, dated := r.Context().Deadline()
	fmt.Fprintf(note, "%s %q %q %q %q %v %d %v %v %q %q %v %v %v %v %v %d.%d", r.Method, r.RequestURI, r.URL, r.URL.RawPath, r.Host, r.Header,
		r.ContentLength, r.TransferEncoding, r.Close, r.RemoteAddr, r.Cookies(), r.Body == nil, r.TLS, r.Trailer, r.Context().Err(), dated, r.ProtoMajor, r.ProtoMinor)
}

// outcome is what the client hears to the second request on a connection, whose first was
// nothing special, and what its handler noted. Kind is the handler's ResponseWriter.
func (m *manner) outcome(t *testing.T, lot *park.Lot) (outcome, kind string) {
	t.Helper()
	var note strings.Builder
	network := parktest.Listen(8 << 10)
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/first" {
			kind = fmt.Sprintf("%T", w)
			m.do(&note, w, r)
		}
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if lot == nil {
			_ = s.Serve(network)
			return
		}
		_ = lot.Serve(s, network)
	}()
	c, err := network.Dial(context.Background(), "2001:db8::1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { c.Close(); lot.Close(); _ = s.Close(); <-served }()
	in := bufio.NewReader(c)
	for _, request := range []string{"GET /first HTTP/1.1\r\nHost: x\r\n\r\n", m.request} {
		outcome = ""
		synctest.Wait() // the connection may be parked now
		_, _ = io.WriteString(c, request)
		time.Sleep(100 * time.Millisecond) // the reader is slow
		method, _, _ := strings.Cut(request, " ")
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			outcome = "nothing"
			break
		}
		body, err := io.ReadAll(r.Body)
		if _, told := r.Header["Date"]; !told {
			outcome = "undated "
		} else if m.name != "own date" {
			r.Header.Del("Date") // it changes
		}
		r.Header.Del("Content-Length") // whether it is told, or the answer goes in pieces, is all the same
		outcome += fmt.Sprint(r.Status, r.Header, r.Close, " ", string(body), " ", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	rest, err := io.ReadAll(in)
	var late net.Error
	outcome += fmt.Sprintf("; %q, open: %v; %s", rest, errors.As(err, &late) && late.Timeout(), note.String())
	time.Sleep(time.Second) // net/http may wait for the end
	return outcome, kind
}

func TestWhateverAHandlerDoesIsAnsweredAsByNetHTTP(t *testing.T) {
	for _, m := range manners {
		t.Run(m.name, func(t *testing.T) {
			if m.request == "" {
				m.request = get("")
			}
			var plain, here, kind string
			synctest.Test(t, func(t *testing.T) { plain, _ = m.outcome(t, nil) })
			synctest.Test(t, func(t *testing.T) { here, kind = m.outcome(t, park.New(park.Options{Idle: time.Minute})) })
			if (kind == "*park.exchange") == m.elsewhere {
				t.Errorf("it was served by a %s", kind)
			}
			if want := cmp.Or(m.want, plain); here != want {
				t.Errorf("%.2000q\n here, want\n%.2000q", here, want)
			}
			if m.want == plain {
				t.Error("it is not different")
			}
		})
	}
}
