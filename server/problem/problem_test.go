package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// answer runs a handler on an Echo with the error handler and returns what a client
// sees and what the log says.
func answer(t *testing.T, r *http.Request, handle echo.HandlerFunc) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	e := echo.New()
	e.HTTPErrorHandler = ErrorHandler(slog.New(slog.NewTextHandler(&log, nil)))
	e.Add(r.Method, "/thing/:id", handle)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, log.String()
}

func TestEveryLoginErrorHasItsAnswer(t *testing.T) {
	table := map[string]struct {
		err    error
		status int
		kind   string
		retry  string
	}{
		"ErrNotFound":        {login.ErrNotFound, 404, "/problems/not-found", ""},
		"ErrRefused":         {login.ErrRefused, 404, "/problems/ticket-refused", ""},
		"ErrNotYours":        {login.ErrNotYours, 403, "/problems/not-yours", ""},
		"ErrBlocked":         {login.ErrBlocked, 403, "/problems/blocked", ""},
		"ErrTaken":           {login.ErrTaken, 409, "/problems/taken", ""},
		"ErrRedeemed":        {login.ErrRedeemed, 409, "/problems/redeemed", ""},
		"ErrDecided":         {login.ErrDecided, 410, "/problems/decided", ""},
		"ErrExpired":         {login.ErrExpired, 410, "/problems/expired", ""},
		"ErrWrongNumber":     {login.ErrWrongNumber, 422, "/problems/wrong-number", ""},
		"ErrPasskeyRequired": {login.ErrPasskeyRequired, 401, "/problems/passkey-required", ""},
		"ErrPasskeyUnknown":  {login.ErrPasskeyUnknown, 401, "/problems/passkey-unknown", ""},
		"ErrPasskeyRefused":  {login.ErrPasskeyRefused, 401, "/problems/passkey-refused", ""},
		"ErrTooMany":         {login.ErrTooMany, 429, "/problems/too-many-prompts", "600"},
		"ErrTooManyCodes":    {login.ErrTooManyCodes, 429, "/problems/too-many-codes", "600"},
		"ErrUnknownApp":      {login.ErrUnknownApp, 400, "/problems/unknown-app", ""},
		"ErrRedirectURI":     {login.ErrRedirectURI, 400, "/problems/redirect-uri", ""},
		"ErrTooLong":         {login.ErrTooLong, 400, "/problems/too-long", ""},
		"ErrFull":            {login.ErrFull, 503, "/problems/full", "10"},
		"ErrExists":          {login.ErrExists, 500, "/problems/internal", ""},
	}
	for _, name := range loginErrors(t) {
		if _, ok := table[name]; !ok {
			t.Errorf("login.%s has no line here: give it an answer", name)
		}
	}
	for name, want := range table {
		t.Run(name, func(t *testing.T) {
			w, _ := answer(t, httptest.NewRequest(http.MethodGet, "/thing/1", nil), func(echo.Context) error {
				return FromLogin(fmt.Errorf("scan: %w", want.err))
			})
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != want.status || got["status"] != float64(want.status) || got["type"] != want.kind {
				t.Errorf("got %d %v, want %d %s", w.Code, got, want.status, want.kind)
			}
			if got["title"] == "" || got["detail"] == "" || len(got) != 4 {
				t.Errorf("got members %v, want type, title, status and detail", got)
			}
			h := w.Header()
			if challenges := h.Values("WWW-Authenticate"); want.status == 401 && (len(challenges) != 1 || challenges[0] != PasskeyChallenge) {
				t.Errorf("it asks for %q", challenges)
			}
			if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") != want.retry {
				t.Errorf("got headers %v", h)
			}
		})
	}
}

// loginErrors reads the names of the errors from the source of package login.
func loginErrors(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../login/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		}
		return true
	})
	if len(names) == 0 {
		t.Fatal("no errors found in package login")
	}
	return names
}

func TestUnforeseenErrorsShowNothingAndAreLogged(t *testing.T) {
	inner := errors.New("dial redis.internal: hunter2")
	for _, tc := range []struct {
		name   string
		err    error
		status int
		retry  string
		logged bool
	}{
		{"a store that does not answer", FromLogin(fmt.Errorf("scan: %w", inner)), 503, "5", true},
		{"anything else", inner, 500, "", true},
		{"Echo's own, with an inner error", echo.NewHTTPError(502, inner.Error()).SetInternal(inner), 502, "", true},
		{"Echo's own, of the client", echo.NewHTTPError(418, inner.Error()), 418, "", false},
		{"a bare login error", login.ErrTaken, 409, "", false},
		{"one that says when to come back", FromLogin(fmt.Errorf("scan: %w", &login.RetryError{Err: login.ErrTooManyCodes, After: 90 * time.Second})), 429, "90", false},
		{"a refusal that could not be written down", errors.Join(login.ErrRefused, inner), 404, "", false},
		{"an Echo error that is none", echo.NewHTTPError(200, "fine"), 500, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, log := answer(t, httptest.NewRequest(http.MethodGet, "/thing/SECRET-ID?ticket=SECRET", nil),
				func(echo.Context) error { return tc.err })
			if w.Code != tc.status || w.Header().Get("Retry-After") != tc.retry {
				t.Errorf("got %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("the answer shows the inner error: %s", w.Body)
			}
			if got := strings.Contains(log, "request failed"); got != tc.logged {
				t.Errorf("logged: %v, want %v: %s", got, tc.logged, log)
			}
			if strings.Contains(log, "SECRET") {
				t.Errorf("the log shows the URL: %s", log)
			}
		})
	}
}

func TestClientThatWentAwayIsNotLogged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/thing/1", nil)
	if _, log := answer(t, r, func(c echo.Context) error { return FromLogin(c.Request().Context().Err()) }); log != "" {
		t.Errorf("logged: %s", log)
	}
}

func TestNothingIsWrittenAfterAnAnswer(t *testing.T) {
	w, _ := answer(t, httptest.NewRequest(http.MethodGet, "/thing/1", nil), func(c echo.Context) error {
		return errors.Join(c.String(200, "done"), login.ErrTaken)
	})
	if w.Code != 200 || w.Body.String() != "done" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w, _ := answer(t, httptest.NewRequest(http.MethodHead, "/thing/1", nil), func(echo.Context) error { return login.ErrTaken })
	if w.Code != 409 || w.Body.Len() != 0 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestChallengesAndRetryAfterAreHeaders(t *testing.T) {
	w, _ := answer(t, httptest.NewRequest(http.MethodGet, "/thing/1", nil), func(echo.Context) error {
		return Unauthorized("who?", "Bearer", "Basic")
	})
	if got := w.Header().Values("WWW-Authenticate"); w.Code != 401 || len(got) != 2 {
		t.Errorf("got %d %q", w.Code, got)
	}
	w, _ = answer(t, httptest.NewRequest(http.MethodGet, "/thing/1", nil), func(echo.Context) error {
		return RateLimited("slowly", 1) // a nanosecond
	})
	if got := w.Header().Get("Retry-After"); w.Code != 429 || got != "1" {
		t.Errorf("got %d, Retry-After %q; a wait is never 0", w.Code, got)
	}
}

func TestReadJSON(t *testing.T) {
	big := `{"code":"` + strings.Repeat("x", maxBody) + `"}`
	for _, tc := range []struct {
		name     string
		types    []string
		body     string
		status   int // as ReadJSON
		optional int // as ReadOptionalJSON; 0: the same
		simple   int // as ReadSimpleJSON; 0: the same
		detail   string
	}{
		{name: "an object", types: []string{"application/json"}, body: `{"code":"c"}`, status: 200},
		{name: "with a charset", types: []string{"application/json; charset=utf-8"}, body: `{"code":"c"}`, status: 200},
		{name: "in capitals", types: []string{"Application/JSON"}, body: `{"code":"c"}`, status: 200},
		{name: "no type", body: `{"code":"c"}`, status: 200},
		{name: "unknown members", body: `{"x":{"code":1},"code":"c","y":[]}`, status: 200},
		{name: "space around", body: " \r\n{\"code\":\"c\"}\n\t", status: 200},
		{name: "nothing", status: 400, optional: 200, detail: "empty"},
		{name: "nothing, as a form", types: []string{"application/x-www-form-urlencoded"}, status: 400, optional: 200, detail: "empty"},
		{name: "space only", body: "  \n", status: 400, detail: "not valid JSON"},
		{name: "half an object", body: `{"code":"c"`, status: 400, detail: "not valid JSON"},
		{name: "something after it", body: `{"code":"c"} {}`, status: 400, detail: "nothing after it"},
		{name: "an array", body: `["c"]`, status: 400, detail: "must be a JSON object"},
		{name: "null", body: `null`, status: 400, detail: "must be a JSON object"},
		{name: "a number for a text", body: `{"code":7}`, status: 400, detail: `"code" of the body must be a string`},
		{name: "an object for a text", body: `{"code":{}}`, status: 400, detail: `"code" of the body must be a string`},
		{name: "a member twice", body: `{"code":"a","code":"c"}`, status: 400, detail: "more than once"},
		{name: "a member twice, in another case", body: `{"code":"c","CODE":"a"}`, status: 400, detail: "more than once"},
		{name: "not UTF-8", body: "{\"code\":\"\xff\"}", status: 400, detail: "UTF-8"},
		{name: "too large", body: big, status: 413, detail: "16384"},
		{name: "a form", types: []string{"application/x-www-form-urlencoded"}, body: "code=c", status: 415, detail: "application/json"},
		{name: "text, as foreign pages may send", types: []string{"text/plain"}, body: `{"code":"c"}`, status: 415, simple: 200},
		{name: "text with its charset", types: []string{"text/plain;charset=UTF-8"}, body: `{"code":"c"}`, status: 415, simple: 200},
		{name: "two types", types: []string{"application/json", "text/plain"}, body: `{"code":"c"}`, status: 415},
		{name: "no type at all in the header", types: []string{""}, body: `{"code":"c"}`, status: 415},
	} {
		t.Run(tc.name, func(t *testing.T) {
			type request struct {
				Code string `json:"code"`
			}
			reads := []func(echo.Context, *request, ...Text) error{ReadJSON[request], ReadOptionalJSON[request], ReadSimpleJSON[request]}
			for i := range 2 * len(reads) { // without texts and with them
				want := tc.status
				if i/2 == 1 && tc.optional != 0 {
					want = tc.optional
				}
				if i/2 == 2 && tc.simple != 0 {
					want = tc.simple
				}
				var into request
				texts := []Text{{"code", &into.Code}}[:i%2]
				r := httptest.NewRequest(http.MethodPost, "/thing/1", strings.NewReader(tc.body))
				r.Header["Content-Type"] = tc.types
				w, _ := answer(t, r, func(c echo.Context) error {
					if err := reads[i/2](c, &into, texts...); err != nil {
						return err
					}
					return c.NoContent(http.StatusOK)
				})
				if w.Code != want || want != 200 && !strings.Contains(detail(t, w), tc.detail) {
					t.Errorf("got %d %s, want %d", w.Code, w.Body, want)
				}
				if want == 200 && tc.body != "" && into.Code != "c" {
					t.Errorf("read %q", into.Code)
				}
			}
		})
	}
}

func TestReadJSONOfABrokenConnection(t *testing.T) {
	body := io.MultiReader(strings.NewReader(`{"code"`), brokenPipe{})
	w, _ := answer(t, httptest.NewRequest(http.MethodPost, "/thing/1", body), func(c echo.Context) error {
		return ReadJSON(c, &struct{}{})
	})
	if w.Code != 400 {
		t.Errorf("got %d", w.Code)
	}
}

type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func detail(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("not a problem: %s", w.Body)
	}
	return p.Detail
}
