package phone

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"qrlatch/server/login"
)

// BenchmarkAPI is what a phone asks for in every login, again and again, without a network.
func BenchmarkAPI(b *testing.B) {
	s := newServer(b, func(a *API) { a.Auth, a.Strangers = a.Auth.(Tokens).Index(), NewStrangers(nil) })
	_, l, err := s.Start(b.Context(), login.Request{App: "shop", Browser: login.Browser{
		Addr: firefox.Addr, UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
	}})
	if err != nil {
		b.Fatal(err)
	}
	code, _, _ := s.Code(l, l.Started)
	path := "/v1/scans/" + string(l.Handle)
	for _, asked := range []struct{ name, method, path, body string }{
		{"scan", http.MethodPost, "/v1/scans", `{"code":"` + code + `"}`}, {"scanned", http.MethodGet, path, ""}, {"approve", http.MethodPost, path + "/approve", "{}"},
	} {
		b.Run(asked.name, func(b *testing.B) {
			body := strings.NewReader(asked.body)
			r := httptest.NewRequestWithContext(b.Context(), asked.method, asked.path, body)
			r.Header = http.Header{"Authorization": {"Bearer alice-token"}, "Content-Type": {"application/json"}}
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(asked.body)
				r.Body = io.NopCloser(body)
				clear(w.header)
				if s.echo.ServeHTTP(w, r); w.status/100 != 2 {
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
