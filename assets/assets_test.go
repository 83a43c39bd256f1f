package assets_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"qrlatch/assets"
)

func TestEveryAssetIsServed(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
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
		answer := get(files, test.path, "")
		h := answer.Header()
		if answer.Code != test.status || h.Get("Content-Type") != test.contentType || h.Get("Cache-Control") != test.cache {
			t.Errorf("%s: %d %q %q", test.path, answer.Code, h.Get("Content-Type"), h.Get("Cache-Control"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", test.path)
		}
	}
}

func TestAnUnchangedAssetIsNotSentAgain(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	first := get(files, "/assets/page.css", "")
	if again := get(files, "/assets/page.css", first.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("status %d", again.Code)
	}
}

func TestAvatarsAreSmallJPEGs(t *testing.T) {
	files, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice.jpg", "bob.jpg"} {
		body, kind, ok := files.Read(name)
		if !ok || kind != "image/jpeg" || http.DetectContentType(body) != "image/jpeg" || len(body) > 6<<10 {
			t.Errorf("%s: %v, %s, %d bytes", name, ok, kind, len(body))
		}
	}
}

func get(files *assets.Files, path, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://login.example/", nil)
	r.URL.Path = path
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	w := httptest.NewRecorder()
	files.ServeHTTP(w, r)
	return w
}
