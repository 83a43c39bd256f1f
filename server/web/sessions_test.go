package web

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"qrlatch/server/problem"
)

func TestSignOutGoesToWhoeverTheSchemeNames(t *testing.T) {
	says := func(text string) echo.HandlerFunc {
		return func(c echo.Context) error { return c.String(200, text) }
	}
	e := echo.New()
	e.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
	e.DELETE("/v1/sessions/:id", SignOut(says("phone"), says("site")))
	for header, want := range map[string]string{
		"Bearer x": "phone", "BEARER x": "phone", "Basic x": "site", "basic x": "site", "Bearer": "phone",
		"": "", "Digest x": "", "Bearerx": "", " Basic x": "",
	} {
		r := httptest.NewRequest("DELETE", "/v1/sessions/x", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if want != "" && (w.Code != 200 || w.Body.String() != want) {
			t.Errorf("%q went to %d %s, want the %s", header, w.Code, w.Body, want)
		}
		if challenges := w.Header().Values("WWW-Authenticate"); want == "" && (w.Code != 401 || len(challenges) != 2) {
			t.Errorf("%q: %d, challenges %q", header, w.Code, challenges)
		}
	}
}
