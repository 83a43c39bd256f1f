package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"qrlatch/server/metrics"
)

func TestNoForeignPageAsksTheAdminListenerForAnything(t *testing.T) {
	admin := LoopbackOnly(Admin(metrics.New("test"), func(context.Context) error { return nil }))
	for name, test := range map[string]struct {
		site, origin string
		want         int
	}{
		"a program":                      {"", "", http.StatusOK},
		"a person who types":             {"none", "", http.StatusOK},
		"a page of its own":              {"same-origin", "http://127.0.0.1:9090", http.StatusOK},
		"a page of another site":         {"cross-site", "https://evil.example", http.StatusForbidden},
		"one that hides its name":        {"cross-site", "null", http.StatusForbidden},
		"a server beside it":             {"same-site", "http://127.0.0.1:8000", http.StatusForbidden},
		"a page in an old browser":       {"", "https://evil.example", http.StatusForbidden},
		"one that hides there":           {"", "null", http.StatusForbidden},
		"one that says what is not said": {"cross-site", "", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9090/debug/free", http.NoBody)
		for key, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		got := httptest.NewRecorder()
		admin.ServeHTTP(got, r)
		if got.Code != test.want {
			t.Errorf("%s: %d, want %d", name, got.Code, test.want)
		}
	}
}
