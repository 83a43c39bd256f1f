package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gobwas/ws/wsutil"

	"qrlatch/server/login"
	"qrlatch/server/redistest"
)

// A site's message finds the socket of its session at the other node.
func TestAMessageComesToASocketAtAnotherNode(t *testing.T) {
	redis := redistest.Start(t)
	keys, file := write(t, "keys", login.NewKeyLine()+"\n"), write(t, "q.yaml", sites)
	var nodes []client
	for range 2 {
		p := start(t, "--config="+file, "--key-file="+keys, "--store="+redis.URL())
		redistest.Eventually(t, "a node is ready", func() bool {
			status, _ := fetch(t, p.admin+"/readyz")
			return status == http.StatusOK
		})
		nodes = append(nodes, client{p.url, http.DefaultTransport})
	}
	var l struct {
		ID string
		QR struct{ Text string }
	}
	nodes[0].post(t, "/v1/logins", map[string]string{"app": "shop"}, &l)
	socket := browser{client: nodes[0], t: t}.open(t.Context(), "/v1/ws?id="+l.ID, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: https://shop.example")
	defer socket.Body.Close()
	// says reads until the socket says kind.
	says := func(kind string) string {
		t.Helper()
		for {
			text, err := wsutil.ReadServerText(socket.Body.(io.ReadWriter))
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if strings.Contains(string(text), `"type":"`+kind+`"`) {
				return string(text)
			}
		}
	}
	says("qr")
	var scan struct{ ID string }
	nodes[1].post(t, "/v1/scans", map[string]string{"code": l.QR.Text}, &scan)
	nodes[1].post(t, "/v1/scans/"+scan.ID+"/approve", map[string]string{}, nil)
	ticket := regexp.MustCompile(`[?&]ticket=([\w-]+)`).FindStringSubmatch(says("approved"))
	if ticket == nil {
		t.Fatal("no ticket")
	}
	var redeemed struct {
		Session struct{ ID string }
	}
	nodes[1].post(t, "/v1/tickets/redeem", map[string]string{"ticket": ticket[1]}, &redeemed, "shop")
	says("redeemed")
	nodes[1].post(t, "/v1/sessions/"+redeemed.Session.ID+"/messages", map[string]any{"data": map[string]int{"order": 7}}, nil, "shop")
	if got := says("message"); !strings.Contains(got, `{"order":7}`) {
		t.Errorf("it heard %s", got)
	}
}
