package assets_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"qrlatch/assets"
)

func widgetAnswer(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	assets.NewWidget().ServeHTTP(w, r)
	return w
}

// A site embeds it from another origin, with integrity (which needs CORS), in a page that
// may be isolated (which needs CORP).
func TestAnySiteMayEmbedTheWidget(t *testing.T) {
	for path, cache := range map[string]string{
		"/qrlatch.js":    "public, max-age=300",
		"/qrlatch.v1.js": "public, max-age=31536000, immutable",
	} {
		h := widgetAnswer(t, path).Header()
		for name, want := range map[string]string{
			"Content-Type":                 "text/javascript; charset=utf-8",
			"Cache-Control":                cache,
			"Access-Control-Allow-Origin":  "*",
			"Cross-Origin-Resource-Policy": "cross-origin",
			"X-Content-Type-Options":       "nosniff",
			"Vary":                         "Accept-Encoding",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestTheWidgetIsCompressedForThoseWhoTakeIt(t *testing.T) {
	plain, err := os.ReadFile("widget/qrlatch.v1.js")
	if err != nil {
		t.Fatal(err)
	}
	for accepted, zipped := range map[string]bool{
		"": false, "gzip": true, "br, GZIP ;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "deflate": false, "gzip;q=1": true,
	} {
		res := widgetAnswer(t, "/qrlatch.js", "Accept-Encoding", accepted)
		body := io.Reader(res.Body)
		if got := res.Header().Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%q: gzip is %v", accepted, got)
			continue
		}
		if zipped {
			if body, err = gzip.NewReader(res.Body); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(body)
		if err != nil || string(got) != string(plain) {
			t.Errorf("%q: %v, %d bytes of another content", accepted, err, len(got))
		}
	}
}

func TestTheWidgetIsFetchedOnceOnly(t *testing.T) {
	tag := widgetAnswer(t, "/qrlatch.js", "Accept-Encoding", "gzip").Header().Get("ETag")
	if got := widgetAnswer(t, "/qrlatch.js", "Accept-Encoding", "gzip", "If-None-Match", tag).Code; got != http.StatusNotModified {
		t.Errorf("the same again: %d", got)
	}
	if got := widgetAnswer(t, "/qrlatch.js", "If-None-Match", tag).Code; got != http.StatusOK {
		t.Errorf("the zipped one’s tag for the plain one: %d", got)
	}
}
