package dialect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// This file tests who may not open a socket, and what he is told.

func TestOnlyPagesOfTheAppMayOpenASocket(t *testing.T) {
	for _, tt := range []struct {
		name, origin string
		opens        bool
	}{
		{"no page: a native client", "", true},
		{"a page of the app", "Origin: https://shop.example", true},
		{"a page at its redirect_uri", "Origin: https://wx.qq.com", true},
		{"a page of ours", "Origin: https://login.example", true},
		{"a page of another app", "Origin: https://plain.example", false},
		{"a foreign page", "Origin: https://evil.example", false},
		{"a sandboxed page", "Origin: null", false},
		{"an origin that is empty", "Origin: ", false},
		{"one that begins like ours", "Origin: https://shop.example.evil.example", false},
		{"one of another scheme", "Origin: http://shop.example", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				a, b := w.pending(wxApp), w.approved(wxApp)
				secret, _ := w.service.ResumeSecret(b.Login)
				started := false
				w.limit = func(login.Browser) bool { started = true; return true }
				for _, query := range []string{"app=" + wxApp, "id=" + string(a.id), "resume=" + secret} {
					var fields []string
					if tt.origin != "" {
						fields = []string{tt.origin}
					}
					c, refused := w.dial(query, fields...)
					if tt.opens {
						if refused != nil {
							t.Errorf("%s: refused with %d", query, refused.StatusCode)
						}
						continue
					}
					wsRefused(t, refused, http.StatusForbidden, "/problems/foreign-page")
					if c != nil || started {
						t.Errorf("%s: a login was started for it", query)
					}
				}
			}, func(c *login.Config) { c.Apps[0].Origins = append(c.Apps[0].Origins, "null") })
		})
	}
}

func TestASocketThatMayNotOpenIsToldWhy(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		a := w.pending(wxApp)
		for query, want := range map[string]struct {
			status int
			kind   string
		}{
			"app=nobody": {400, "/problems/unknown-app"},
			"app=" + wxApp + "&redirect_uri=https://evil": {400, "/problems/redirect-uri"},
			"app=" + wxApp + "&lang=%3Cscript%3E":         {400, "/problems/bad-request"},
			"app=" + wxApp + "&app=" + wxApp:              {400, "/problems/bad-request"},
			"app=" + wxApp + "&id=" + string(a.id):        {400, "/problems/bad-request"},
			"app=" + wxApp + "&state=" + rep("x", 1025):   {400, "/problems/too-long"},
			"":                       {400, "/problems/bad-request"},
			"id=" + rep("A", 36):     {404, "/problems/not-found"},
			"id=" + string(a.Handle): {404, "/problems/not-found"},
			"id=" + string(a.id) + "&resume=" + rep("A", 9): {400, "/problems/bad-request"},
		} {
			_, refused := w.dial(query)
			wsRefused(t, refused, want.status, want.kind)
		}
		w.limit = func(login.Browser) bool { return false }
		began := time.Now()
		_, refused := w.dial("app=" + wxApp)
		wsRefused(t, refused, http.StatusTooManyRequests, "/problems/rate-limited")
		if took := time.Since(began); took != 5*time.Second || refused.header.Get("Retry-After") == "" {
			t.Errorf("refused after %v, %v", took, refused.header)
		}
	})
}

func rep(s string, n int) string { return strings.Repeat(s, n) }

func TestAPlainRequestIsNoSocket(t *testing.T) {
	good := []string{"Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	for _, tt := range []struct {
		name   string
		fields []string
		body   string
		want   int
	}{
		{"a plain request", nil, "", 426},
		{"an upgrade to something else", append([]string{"Upgrade: h2c"}, good[2:]...), "", 426},
		{"an upgrade to one of two", []string{good[0], "Upgrade: websocket, h2c", good[2], good[3]}, "", 426},
		{"an old version", append([]string{good[0], good[1], "Sec-WebSocket-Version: 8"}, good[3]), "", 426},
		{"no key", good[:3], "", 400},
		{"a body", good, "x", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				got := w.send(http.MethodGet, "/v1/ws?app="+wxApp, tt.body, tt.fields...)
				if got.status != tt.want || tt.want == 426 && (got.header.Get("Upgrade") != "websocket" || got.header.Get("Sec-WebSocket-Version") != "13") {
					t.Errorf("answered %d %v", got.status, got.header)
				}
			})
		})
	}
}
