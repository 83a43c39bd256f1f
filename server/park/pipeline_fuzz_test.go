package park_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// punctual answers after a while.
type punctual struct {
	word  string
	until time.Time
}

// Wake is the Lot's.
func (g *punctual) Wake(s park.Spot) {
	if time.Now().Before(g.until) {
		s.Alarm(g.until)
		return
	}
	s.Answer(http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, []byte(g.word))
}

// Gone is the Lot's.
func (*punctual) Gone() {}

// script is what a client sends, and when.
type script struct {
	requests string
	cuts     []byte // how much each segment has, and how long a pause is behind it
}

// scriptOf makes a script of anything: each byte of what is a request, and the same bytes
// over and over again cut them. Whoever is not parked here must be served as by net/http.
func scriptOf(what, cuts []byte) script {
	var b strings.Builder
	for i, kind := range what {
		n := fmt.Sprint(i)
		switch kind % 9 {
		case 0, 1:
			b.WriteString("GET /now?" + n + " HTTP/1.1\r\nHost: x\r\n\r\n")
		case 2, 3, 4: // waits for up to 2 s
			b.WriteString("GET /wait?" + n + "-" + strings.Repeat("i", int(kind)/9%5) + " HTTP/1.1\r\nHost: x\r\n\r\n")
		case 5:
			body := strings.Repeat("b", int(kind)/9)
			fmt.Fprintf(&b, "POST /now?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, len(body), body)
		case 6:
			b.WriteString("POST /now?" + n + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
		case 7:
			b.WriteString("GET /wait?" + n + "- HTTP/1.1\nHost: x\nX-Long: " + strings.Repeat("l", int(kind)*8) + "\n\n")
		case 8: // rarely, or there would be little behind
			switch kind / 9 {
			case 0:
				b.WriteString("GET /wait?" + n + "-i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			case 1:
				b.WriteString("POST /wait?" + n + "-i HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
			case 2:
				b.WriteString("nonsense\r\n\r\n")
			default:
				b.WriteString("GET /wait?" + n + "-ii HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
			}
		}
	}
	return script{b.String(), cuts}
}

// send sends it, and rests. No header takes long.
func (s script) send(w io.Writer) {
	rest := s.requests
	for i := 0; rest != ""; i++ {
		size, pause := len(rest), time.Duration(0)
		if len(s.cuts) > 0 {
			cut := s.cuts[i%len(s.cuts)]
			size = min(len(rest), 1+int(cut/4)*3)
			pause = []time.Duration{0, 0, 100 * time.Millisecond, 1500 * time.Millisecond}[cut%4]
		}
		if _, err := io.WriteString(w, rest[:size]); err != nil {
			return
		}
		rest = rest[size:]
		time.Sleep(pause)
	}
}

// answers are what the client gets to hear, with or without a Lot.
func (s script) answers(t *testing.T, lot *park.Lot) (all []string) {
	t.Helper()
	network := parktest.Listen(200)
	server := &http.Server{IdleTimeout: 10 * time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Kept", "kept")
		number, wait, _ := strings.Cut(r.URL.RawQuery, "-")
		if r.URL.Path == "/wait" {
			lot.Wait(w, r, &punctual{"waited " + number, time.Now().Add(time.Duration(len(wait)) * 500 * time.Millisecond)})
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, r.Method, number, string(body), r.Context().Err())
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if lot != nil {
			_ = lot.Serve(server, network)
		} else {
			_ = server.Serve(network)
		}
	}()
	c, err := network.Dial(context.Background(), "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = heard.ReadFrom(c)
	}()
	s.send(c)
	time.Sleep(2 * time.Duration(1+len(s.requests)/20) * time.Second) // for all that wait, one after the other
	_ = c.SetReadDeadline(time.Now())
	<-read
	c.Close()
	lot.Close()
	_ = server.Close()
	<-served
	for in := bufio.NewReader(&heard); ; {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		r.Header.Del("Date")
		names := slices.Sorted(maps.Keys(r.Header))
		for i, name := range names {
			names[i] = name + ": " + strings.Join(r.Header[name], ", ")
		}
		all = append(all, fmt.Sprint(r.StatusCode, " ", names, r.Close, " ", string(body), err))
	}
	return all
}

// FuzzPipelines sends the same requests, cut in the same way, to a server that parks and
// to net/http alone: they must be answered alike, and in the same order. Behind a proxy, a
// request that is lost, or answered twice, gives the next person somebody else's answer.
func FuzzPipelines(f *testing.F) {
	f.Add([]byte{0, 2, 5 + 9, 3}, []byte{255})
	f.Add([]byte{2, 2, 2, 2}, []byte{1})
	f.Add([]byte{2, 0, 6, 4 + 18, 0}, []byte{3 + 4*3, 0, 2 + 4*9})
	f.Add([]byte{5 + 9*7, 5, 2, 5 + 9*20, 3 + 9, 7 + 9*20, 1}, []byte{3 + 4*11, 3 + 4*2, 4 * 60})
	f.Add([]byte{17 + 9*3, 2, 26, 0, 8, 0}, []byte{4 * 30, 3})
	f.Add([]byte{2, 8, 0, 2}, []byte{})
	f.Add([]byte{0, 0, 0}, []byte{3 + 4*8, 3, 3 + 4*9})
	f.Add(bytes.Repeat([]byte{0, 2, 7 + 9*25}, 12), []byte{})
	f.Add(bytes.Repeat([]byte{2, 5 + 9*26, 6}, 10), []byte{4 * 63, 2})
	f.Fuzz(func(t *testing.T, what, cuts []byte) {
		if len(what) > 40 || len(cuts) > 40 {
			t.Skip("more of the same")
		}
		s := scriptOf(what, cuts)
		var plain, parked []string
		synctest.Test(t, func(t *testing.T) { plain = s.answers(t, nil) })
		synctest.Test(t, func(t *testing.T) {
			lot := park.New(park.Options{Idle: 10 * time.Minute})
			parked = s.answers(t, lot)
		})
		if !slices.Equal(plain, parked) {
			t.Errorf("net/http:\n%s\nparked:\n%s\n%q", strings.Join(plain, "\n"), strings.Join(parked, "\n"), s.requests)
		}
		if len(plain) == 0 && s.requests != "" {
			t.Error("nothing is answered")
		}
	})
}
