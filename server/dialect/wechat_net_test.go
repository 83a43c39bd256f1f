package dialect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/park/parktest"
)

// This file is the world around a whole client: a network on which every host name
// leads to our server, and a person with a phone.

// wxAddr is that of firefox.
const wxAddr = "192.0.2.1"

// wxBuffer is what a connection holds: little, so that who does not read is seen at once.
const wxBuffer = 512

// wxWorld is one client, the server it talks to, and what its person sees of it.
type wxWorld struct {
	*wxServer
	net    *parktest.Listener
	lot    *park.Lot
	http   *http.Client
	parked bool // who waits
	agent  string
	shows  chan string // texts of QR codes, on the client's screen
	polls  map[string]int
}

// wxModes are the ways to wait: parked, and on goroutines. Nobody may tell the difference.
var wxModes = []string{"blocking", "parked"}

// wxServe serves a network in one of wxModes.
func wxServe(mode string, server *http.Server, lot *park.Lot, network net.Listener) error {
	if mode == "parked" {
		return lot.Serve(server, network)
	}
	return server.Serve(network)
}

// inWXWorld runs a client, in each of wxModes. Its transport is plain HTTP/1.1 under https
// names: the cookie jar and the client see https, and the server believes it.
func inWXWorld(t *testing.T, run func(*wxWorld), change ...func(*login.Config)) {
	t.Helper()
	for _, mode := range wxModes {
		t.Run(mode, func(t *testing.T) { inWXWorldOf(t, mode, run, change...) })
	}
}

func inWXWorldOf(t *testing.T, mode string, run func(*wxWorld), change ...func(*login.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newWX(t, change...)
		network, lot := parktest.Listen(wxBuffer), park.New(park.Options{Idle: time.Minute})
		s.wechat.Lot = lot
		server := &http.Server{Handler: s.echo, ReadHeaderTimeout: time.Minute}
		served := make(chan error)
		go func() { served <- wxServe(mode, server, lot, network) }()
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return network.Dial(ctx, wxAddr) }
		transport := &http.Transport{DialContext: dial, DialTLSContext: dial}
		defer func() {
			transport.CloseIdleConnections()
			_ = server.Close()
			if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			lot.Close()
		}()
		w := &wxWorld{wxServer: s, net: network, lot: lot, parked: mode == "parked", shows: make(chan string, 1), polls: map[string]int{}}
		w.http = &http.Client{Transport: transport}
		w.agent = "Mozilla/5.0 (a client)"
		run(w)
	})
}

// keepsCookies gives the client a jar, as Python's sessions and Go's clients have.
func (w *wxWorld) keepsCookies() {
	w.http.Jar, _ = cookiejar.New(nil)
}

// followsNothing is the redirect policy of most clients.
func (w *wxWorld) followsNothing() {
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// do sends one request and fails the test when no answer comes within the client's
// patience. fields are header fields; ones that are empty are not sent at all.
func (w *wxWorld) do(patience time.Duration, method, target, body string, fields ...string) wxAnswer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	w.must(err)
	r.Header.Set("User-Agent", w.agent)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	begin := time.Now()
	answer, err := w.http.Do(r)
	if err != nil {
		w.t.Fatalf("after %v: %v", time.Since(begin), err)
	}
	return newWXAnswer(answer, begin)
}

func (w *wxWorld) get(target string, fields ...string) wxAnswer {
	w.t.Helper()
	return w.do(time.Minute, http.MethodGet, target, "", fields...)
}

func (w *wxWorld) post(target, body string, fields ...string) wxAnswer {
	w.t.Helper()
	return w.do(time.Minute, http.MethodPost, target, body, fields...)
}

// person watches the client's screen, scans what it shows after some seconds and
// says yes after some more.
func (w *wxWorld) person(think time.Duration) (done <-chan struct{}) {
	return w.later(0, func(ctx context.Context) error {
		var text string
		select {
		case text = <-w.shows:
		case <-ctx.Done():
			return errors.New("the client showed nothing")
		}
		time.Sleep(think) // virtual
		l, err := w.service.Scan(ctx, alice(), text, time.Time{})
		if err != nil {
			return err
		}
		time.Sleep(think) // virtual
		_, err = w.service.Approve(ctx, alice().Phone, string(l.Handle), "")
		return err
	})
}

// draws shows a code that the client makes of the login id itself.
func (w *wxWorld) draws(uuid string) { w.shows <- "https://login.weixin.qq.com/l/" + uuid }

// fetches shows the server's picture. People open its address anywhere, so no
// cookie comes with the request.
func (w *wxWorld) fetches(method, target, body string, fields ...string) {
	w.t.Helper()
	jar := w.http.Jar
	w.http.Jar = nil
	got := w.do(time.Minute, method, target, body, fields...)
	w.http.Jar = jar
	if got.status != http.StatusOK {
		w.t.Fatalf("no picture: %d", got.status)
	}
	w.shows <- wxDecode(w.t, []byte(got.body))
}

// wxDecode reads a picture as a phone's camera does. The library's search for a symbol
// in a photo misses about one flawless picture in a hundred, so those are read as what
// they are.
func wxDecode(t *testing.T, picture []byte) string {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	reader := qrcode.NewQRCodeReader()
	result, err := reader.Decode(bitmap, nil)
	if err != nil {
		pure := make(map[gozxing.DecodeHintType]any)
		pure[gozxing.DecodeHintType_PURE_BARCODE] = true
		result, err = reader.Decode(bitmap, pure)
	}
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

// polled counts the answers of a poll and stops a client that spins.
func (w *wxWorld) polled(code string) string {
	w.t.Helper()
	w.polls[code]++
	if w.polls[code] > 20 {
		w.t.Fatalf("the client spins: %v", w.polls)
	}
	return code
}

// wxBase is the BaseRequest of a client; uin as it spells it.
func wxBase(uin any, sid, skey, device string) map[string]any {
	return map[string]any{"Uin": uin, "Sid": sid, "Skey": skey, "DeviceID": device}
}

func wxJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// wxRet is BaseResponse.Ret of a JSON answer; -1 if there is none.
func wxRet(answer wxAnswer) int {
	var body struct {
		BaseResponse *struct{ Ret int }
	}
	if err := json.Unmarshal([]byte(answer.body), &body); err != nil || body.BaseResponse == nil {
		return -1
	}
	return body.BaseResponse.Ret
}

// wxQuery writes parameters in the order given: name, value, name, value.
func wxQuery(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, pairs[i]+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

// phoneSignsOut ends the client's session from the list of linked devices.
func (w *wxWorld) phoneSignsOut(after time.Duration) (done <-chan struct{}) {
	return w.later(after, func(ctx context.Context) error {
		all, err := w.service.SessionsOf(ctx, alice().Phone)
		if err != nil || len(all) == 0 {
			return errors.Join(err, errors.New("the phone sees no session"))
		}
		return w.service.SignOutByPhone(ctx, alice().Phone, string(all[0].ID))
	})
}

// keepsUp holds synccheck: once to its end, once until the phone signs out.
func (w *wxWorld) keepsUp(target string, fields ...string) {
	w.t.Helper()
	if got := w.get(target, fields...); got.body != `window.synccheck={retcode:"0",selector:"0"}` || got.took != wxHold {
		w.t.Fatalf("synccheck: %q after %v", got.body, got.took)
	}
	done := w.phoneSignsOut(10 * time.Second)
	if got := w.get(target, fields...); got.body != `window.synccheck={retcode:"1100",selector:"0"}` || got.took != 10*time.Second {
		w.t.Fatalf("signed out by the phone: %q after %v", got.body, got.took)
	}
	<-done
}
