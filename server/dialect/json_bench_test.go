package dialect

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// BenchmarkJSON is a start of the JSON dialect, and a poll that is answered at once, without
// a network.
func BenchmarkJSON(b *testing.B) {
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		b.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	defer store.Close()
	j := &JSON{PublicURL: "https://login.example", Service: login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{
		{ID: "shop", Name: "Corner Shop", RedirectURIs: []string{"https://shop.example/in"}, Lang: "en"},
	}})}
	id, _, err := j.Service.Start(b.Context(), login.Request{App: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	e := echo.New()
	j.Routes(e)
	for _, asked := range []struct{ name, method, path, body string }{
		{"start", http.MethodPost, "/v1/logins", `{"app":"shop"}`}, {"poll", http.MethodGet, "/v1/logins/" + string(id) + "?since=pending&wait=0", ""},
		{"script", http.MethodGet, "/v1/logins/" + string(id) + ".js?since=pending&wait=0&callback=cb", ""},
	} {
		b.Run(asked.name, func(b *testing.B) {
			body := strings.NewReader(asked.body)
			r := httptest.NewRequestWithContext(b.Context(), asked.method, asked.path, body)
			r.Header = http.Header{"Origin": {"https://shop.example"}, "Content-Type": {"application/json"}}
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(asked.body)
				r.Body = io.NopCloser(body)
				clear(w.header)
				if e.ServeHTTP(w, r); w.status/100 != 2 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// nowhere is a ResponseWriter that allocates nothing.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
