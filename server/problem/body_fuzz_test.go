package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// FuzzBody: a body of the phone's or a site's API is one JSON object whose every member is
// there once, or a problem in words.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"code":"a","number":"12"}`, `{}`, ``, ` `, `null`, `[]`, `{"code":"a"}{"code":"b"}`, `{"code":"a","Code":"b"}`, `{"code":"a","\u0063ode":"b"}`, "{\"code\":\"\xff\"}",
		`{"code":1}`, `{"code":{"code":"a"}}`, `{"code":"a",}`, `{"ſ":1,"s":2,"S":3}`, `{"K":1,"k":2}`, strings.Repeat(`{"a":`, 2000), `{"code":"` + strings.Repeat("a", 20000) + `"}`, "\ufeff{}", `{"code":1e999}`,
	} {
		f.Add(body, "application/json")
		f.Add(body, "text/plain")
	}
	f.Add(`{}`, "application/json; charset=utf-8; charset=x")
	f.Add(`{}`, "application/json, text/html")
	e := echo.New()
	type request struct {
		Code   string
		Number *string
		K, S   json.RawMessage
	}
	f.Fuzz(func(t *testing.T, body, kind string) {
		for _, read := range []func(echo.Context, *request, ...Text) error{ReadJSON[request], ReadSimpleJSON[request], ReadOptionalJSON[request]} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			r.Header["Content-Type"] = []string{kind}
			var got request
			err := read(e.NewContext(r, httptest.NewRecorder()), &got)
			if err != nil {
				var p *Problem
				if !errors.As(err, &p) || p.Status < 400 || p.Status > 499 || p.Detail == "" {
					t.Fatalf("%q: %v", body, err)
				}
				continue
			}
			var members map[string]json.RawMessage
			if body != "" && json.Unmarshal([]byte(body), &members) != nil || len(body) > maxBody {
				t.Fatalf("%q is taken", body)
			}
			codes := 0
			for name := range members {
				if strings.EqualFold(name, "code") {
					codes++
				}
			}
			if codes > 1 || got.Code != "" && codes != 1 {
				t.Fatalf("%q has the code %q", body, got.Code)
			}
		}
	})
}
