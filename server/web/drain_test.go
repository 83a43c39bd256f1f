package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"
)

// TestDrainingEndsWhatWaitsOnAGoroutine ends the contexts of requests that wait, and no
// others. After each request its own has ended: what is left would be there until the drain.
func TestDrainingEndsWhatWaitsOnAGoroutine(t *testing.T) {
	for route, ends := range map[string]bool{waiting[0]: true, waiting[1]: true, "/v1/logins/:id": false} {
		for _, drains := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				draining, drain := context.WithCancel(t.Context())
				defer drain()
				front := newFixture(t, func(o *Options) { o.Draining = draining }).Handler.(*front)
				var ctx context.Context
				var ended bool
				front.echo.GET(route, func(c echo.Context) error {
					ctx = c.Request().Context()
					if drains {
						drain()
						synctest.Wait()
					}
					ended = ctx.Err() != nil
					return nil
				})
				target := "https://login.example" + strings.ReplaceAll(route, ":id", "x")
				front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
				if want := drains && ends; ctx == nil || ended != want || (ctx.Err() != nil) != ends {
					t.Errorf("%s, draining %v: ended %v, want %v; after it %v", route, drains, ended, want, ctx.Err())
				}
			})
		}
	}
}
