package audit_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"qrlatch/server/login"
)

// broken is one server for each check, or more, that must fail it.
func broken() []struct {
	check, what string
	breaks      breaker
	config      func(*login.App)
} {
	counter := func(_ *http.Request, n int) string { return strconv.Itoa(100_000 + n) }
	chosen := func(r *http.Request, _ int) string { return r.URL.Query().Get("uuid") }
	leak := func(worth, more string) breaker {
		return said("/cgi-bin/mmwebwx-bin/login|/jslogin", func(_ *http.Request, got *httptest.ResponseRecorder) {
			if strings.Contains(got.Body.String(), worth) {
				got.Body.WriteString(more)
			}
		})
	}
	return []struct {
		check, what string
		breaks      breaker
		config      func(*login.App)
	}{
		{"F1", "the picture shows the id that polls", drawsTheID, nil},
		{"F2", "polls go on saying 200", repeats("/v1/logins/", `"state":"approved"`), nil},
		{"F3", "ids are counted", aliases(counter), nil},
		{"F4", "the client's uuid is taken", aliases(chosen), nil},
		{"F5", "a scan without a token is alice's", asked(func(r *http.Request) {
			if r.URL.Path == "/v1/scans" && strings.Contains(peeked(r), "user_id") && r.Header.Get("Authorization") == "" {
				asAlice(r)
			}
		}), nil},
		{"F5", "an approval with alg=none is alice's", asked(func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/approve") && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ") {
				asAlice(r)
			}
		}), nil},
		{"F6", "the start names a telephone", leak("QRLogin.code = 200", `window.user = {"name":"A","mobile":"13800138000"};`), nil},
		{"F6", "the scan names an address", leak("code=201", `window.mail = 'alice@shop.example';`), nil},
		{"F6", "the scan gives the user's id", leak("code=201", `window.user = {"user_id":"7"};`), nil},
		{"S1", "the picture's code polls", photographs(), nil},
		{"S1", "the picture shows the id that polls", drawsTheID, nil},
		{"S2", "a self-drawn code needs no cookie", nil, func(a *login.App) { a.UnboundScan = true }},
		{"S3", "GET of the link scans", scansOnGet, nil},
		{"S4", "any phone is the first one", asked(func(r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer bob-token" {
				asAlice(r)
			}
		}), nil},
		{"S5", "the ticket page repeats itself to anybody", repeats("webwxnewloginpage", "<ret>0</ret>"), nil},
		{"S6", "malformed ids are told from unknown ones", said("^/v1/logins/[^/]*$", func(r *http.Request, got *httptest.ResponseRecorder) {
			if len(r.URL.Path) < 30 {
				got.Code = http.StatusBadRequest
			}
		}), nil},
		{"J1", "any callback is called", func(_ *testing.T, good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name := r.URL.Query().Get("callback")
				if name == "" {
					good.ServeHTTP(w, r)
					return
				}
				query(r, func(q url.Values) { q.Set("callback", "x") })
				got := answered(good, r)
				body(got, strings.Replace(got.Body.String(), "x(", name+"(", 1))
				send(w, got)
			})
		}, nil},
		{"J2", "nothing before the callback", said(`^/v1/logins\.js$`, func(_ *http.Request, got *httptest.ResponseRecorder) {
			body(got, strings.TrimPrefix(got.Body.String(), "/**/"))
		}), nil},
		{"J3", "the app's id is repeated", said("^/jslogin$", func(r *http.Request, got *httptest.ResponseRecorder) {
			got.Body.WriteString("// no app " + r.URL.Query().Get("appid"))
		}), nil},
		{"J4", "path parameters are cut off", asked(func(r *http.Request) { r.URL.Path, _, _ = strings.Cut(r.URL.Path, ";") }), nil},
		{"H1", "no nosniff", header("X-Content-Type-Options", ""), nil},
		{"H1", "scripts are text/html", said("^/jslogin$", func(_ *http.Request, got *httptest.ResponseRecorder) {
			got.Header().Set("Content-Type", "text/html; charset=utf-8")
		}), nil},
		{"H2", "caches may keep it", header("Cache-Control", "max-age=60"), nil},
		{"H2", "caches may keep pictures", said("^/qrcode/", func(_ *http.Request, got *httptest.ResponseRecorder) { got.Header().Del("Cache-Control") }), nil},
		{"H3", "any origin may read", header("Access-Control-Allow-Origin", "*"), nil},
		{"H3", "the origin is repeated", said("", func(r *http.Request, got *httptest.ResponseRecorder) {
			if origin := r.Header.Get("Origin"); origin != "" {
				got.Header().Set("Access-Control-Allow-Origin", origin)
				got.Header().Set("Access-Control-Allow-Credentials", "true")
			}
		}), nil},
		{"H4", "sockets do not ask for the origin", asked(func(r *http.Request) {
			if r.URL.Path == "/v1/ws" {
				r.Header.Del("Origin")
			}
		}), nil},
		{"H5", "pages can be framed", said("", func(_ *http.Request, got *httptest.ResponseRecorder) {
			got.Header().Del("Content-Security-Policy")
			got.Header().Del("X-Frame-Options")
		}), nil},
		{"H5", "pages can be framed by all", said("", func(_ *http.Request, got *httptest.ResponseRecorder) {
			got.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors *")
		}), nil},
		{"H6", "a cookie without attributes", header("Set-Cookie", "session=1"), nil},
		{"H6", "a cookie for scripts", header("Set-Cookie", "session=1; SameSite=Lax"), nil},
		{"H6", "a cookie for other sites", header("Set-Cookie", "session=1; HttpOnly; SameSite=None; Secure"), nil},
		{"N1", "any Host is answered", asked(func(r *http.Request) { r.Host = "127.0.0.1:8080" }), nil},
		{"N1", "X-Forwarded-Host makes addresses", said("", func(r *http.Request, got *httptest.ResponseRecorder) {
			if host := r.Header.Get("X-Forwarded-Host"); host != "" {
				body(got, strings.ReplaceAll(got.Body.String(), "127.0.0.1:8080", host))
			}
		}), nil},
		{"N2", "addresses that begin like a registered one are taken", asked(func(r *http.Request) {
			query(r, func(q url.Values) {
				if strings.HasPrefix(q.Get("redirect_uri"), base+"/cgi-bin/") {
					q.Del("redirect_uri")
				}
			})
		}), nil},
		{"N3", "metrics are public", said("^/metrics$", func(_ *http.Request, got *httptest.ResponseRecorder) {
			got.Code = http.StatusOK
			body(got, "# HELP go_goroutines Number of goroutines.\n")
		}), nil},
	}
}
