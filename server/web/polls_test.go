package web

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// TestPollsOfALoginAreOneCountWhateverTheirDialect asks in JSON as often as may be, and then
// in Taobao's words, which have none for "too often".
func TestPollsOfALoginAreOneCountWhateverTheirDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Limits = DefaultLimits() })
		id, _, err := f.service.Start(t.Context(), login.Request{App: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			if w := f.ask("GET", "/v1/logins/"+string(id), ""); w.Code != http.StatusOK {
				t.Fatalf("poll %d: %d", n+1, w.Code)
			}
		}
		began := time.Now()
		w := f.ask("GET", "/qrcodelogin/qrcodeLoginCheck.do?lgToken="+string(id), "")
		if took := time.Since(began); took != time.Second || !strings.Contains(w.Body.String(), `"code":"10000"`) {
			t.Errorf("a check: %s after %v", w.Body, took)
		}
		if w := f.ask("GET", "/v1/logins/"+string(id), ""); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
			t.Errorf("and one more poll: %d", w.Code)
		}
	})
}
