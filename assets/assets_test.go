package assets_test

import (
	"net/http"
	"strings"
	"testing"

	"qrlatch/assets"
)

func TestEveryAssetIsServed(t *testing.T) {
	files := newFiles(t)
	hashed, ok := files.URL("login.js")
	if !ok || !strings.HasPrefix(hashed, "/assets/login.") || hashed == "/assets/login.js" {
		t.Fatalf("URL = %q, %v", hashed, ok)
	}
	for _, test := range []struct {
		path, contentType, cache string
		status                   int
	}{
		{"/assets/login.js", "text/javascript; charset=utf-8", "public, max-age=300", 200},
		{hashed, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/page.css", "text/css; charset=utf-8", "public, max-age=300", 200},
		{"/assets/favicon.svg", "image/svg+xml", "public, max-age=300", 200},
		{"/assets/alice.jpg", "image/jpeg", "public, max-age=300", 200},
		{"/assets/bob.jpg", "image/jpeg", "public, max-age=300", 200},
		{"/assets/assets.go", "text/plain; charset=utf-8", "", 404},
		{"/assets/../go.mod", "text/plain; charset=utf-8", "", 404},
		{"/assets/", "text/plain; charset=utf-8", "", 404},
		{"/assets/login.0000000000000000.js", "text/plain; charset=utf-8", "", 404},
	} {
		got := answer(t, test.path)
		h := got.Header()
		if got.Code != test.status || h.Get("Content-Type") != test.contentType || h.Get("Cache-Control") != test.cache {
			t.Errorf("%s: %d %q %q", test.path, got.Code, h.Get("Content-Type"), h.Get("Cache-Control"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", test.path)
		}
	}
}

func TestAvatarsAreSmallJPEGs(t *testing.T) {
	files := newFiles(t)
	for _, name := range []string{"alice.jpg", "bob.jpg"} {
		body, kind, ok := files.Read(name)
		if !ok || kind != "image/jpeg" || http.DetectContentType(body) != "image/jpeg" || len(body) > 6<<10 {
			t.Errorf("%s: %v, %s, %d bytes", name, ok, kind, len(body))
		}
	}
}

func newFiles(t *testing.T) *assets.Files {
	t.Helper()
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	return files
}
