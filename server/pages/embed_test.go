package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// The page with the widget begins nothing: the widget does, by the JSON dialect.
func TestThePageInAFrameHoldsTheWidgetAndBeginsNothing(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, c *login.Config) {
		c.Apps[0].Origins = []string{"https://shop.example"}
		o.Limit = func(login.Browser) bool {
			t.Error("it began a login")
			return true
		}
	})
	const query = "?app=demo&lang=es&nonce=0123456789abcdef&origin=https%3A%2F%2Fshop.example&state=%22%3E&theme=dark"
	p := w.visitor().get("/embed" + query)
	p.expect(t, http.StatusOK,
		`<html lang="es"`, `<script src="/qrlatch.js"></script>`,
		`data-app="demo"`, `data-state="&#34;&gt;"`, `data-lang="es"`, `data-theme="dark"`,
		`data-origin="https://shop.example"`, `data-nonce="0123456789abcdef"`,
		`<noscript><meta http-equiv="refresh" content="0;url=/embed/plain`+strings.ReplaceAll(query, "&", "&amp;")+`"></noscript>`)
	if regexp.MustCompile(`<script>|<style|style=`).MatchString(p.body) {
		t.Error("its policy forbids what is in it")
	}
	if len(p.header.Values("Set-Cookie")) > 1 { // that of the language
		t.Error(p.header)
	}
}

// Scripts run on the page with the widget, and on no other that may be framed.
func TestThePolicyOfAFrameNamesWhatTheWidgetNeeds(t *testing.T) {
	w := newWorld(t, nil)
	for path, scripts := range map[string]bool{"/embed?app=demo": true, "/embed/plain?app=demo": false, "/embed?app=nobody": false} {
		policy := w.visitor().get(path).header.Get("Content-Security-Policy")
		if got := strings.Contains(policy, "script-src 'self'; connect-src 'self'; "); got != scripts || !strings.Contains(policy, "default-src 'none'; ") {
			t.Errorf("%s: %s", path, policy)
		}
		if !strings.Contains(policy, "frame-ancestors 'self'") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}

// What the frame tells goes to nobody but a page of the app's.
func TestAFrameTalksToTheAppsPagesOnly(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Origins = []string{"https://shop.example", "*"} })
	for _, path := range []string{"/embed", "/embed/plain"} {
		for query, status := range map[string]int{
			"&origin=https://shop.example&nonce=abcdefgh":      200,
			"&origin=https://shop.example":                     400, // its messages would have no nonce
			"&nonce=abcdefgh":                                  400,
			"&origin=https://evil.example&nonce=abcdefgh":      400,
			"&origin=https://shop.example.evil&nonce=abcdefgh": 400,
			"&origin=https://shop.example/&nonce=abcdefgh":     400,
			"&origin=null&nonce=abcdefgh":                      400,
			"&origin=*&nonce=abcdefgh":                         400,
			"&origin=https://shop.example&nonce=%22onload%3D1": 400,
			"&origin=https://shop.example&nonce=short":         400,
			"&theme=blue":                           400,
			"&redirect_uri=https://evil.example/in": 400,
		} {
			if p := w.visitor().get(path + "?app=demo" + query); p.status != status {
				t.Errorf("%s %s: %d, want %d", path, query, p.status, status)
			}
		}
	}
}
