package assets_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// answer is what a request for path gets.
func answer(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	newFiles(t).ServeHTTP(w, r)
	return w
}

// A site embeds it from another origin, with integrity (which needs CORS), in a page that
// may be isolated (which needs CORP).
func TestAnySiteMayEmbedTheWidget(t *testing.T) {
	for path, cache := range map[string]string{
		"/qrlatch.js":    "public, max-age=300",
		"/qrlatch.v1.js": "public, max-age=31536000, immutable",
	} {
		h := answer(t, path).Header()
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

// Internet Explorer 6 asks for gzip, and its early builds cannot be trusted with it.
func TestInternetExplorer6GetsWhatIsPlain(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)": "",
		"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)": "gzip",
	} {
		if got := answer(t, "/qrlatch.js", "Accept-Encoding", "gzip, deflate", "User-Agent", agent).Header().Get("Content-Encoding"); got != want {
			t.Errorf("%s: Content-Encoding is %q, want %q", agent, got, want)
		}
	}
}

func TestWhatIsTextIsCompressedForThoseWhoTakeIt(t *testing.T) {
	for path, source := range map[string]string{"/qrlatch.js": "widget/qrlatch.v1.js", "/assets/page.css": "page.css", "/assets/camera.js": "camera.js"} {
		plain, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for accepted, zipped := range map[string]bool{
			"": false, "gzip": true, "br, GZIP ;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "deflate": false, "gzip;q=1": true,
		} {
			res := answer(t, path, "Accept-Encoding", accepted)
			if res.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s, %q: a cache may give it to others", path, accepted)
			}
			body := io.Reader(res.Body)
			if got := res.Header().Get("Content-Encoding") == "gzip"; got != zipped {
				t.Errorf("%s, %q: gzip is %v", path, accepted, got)
				continue
			}
			if zipped {
				if body, err = gzip.NewReader(res.Body); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(body)
			if err != nil || string(got) != string(plain) {
				t.Errorf("%s, %q: %v, %d bytes of another content", path, accepted, err, len(got))
			}
		}
	}
}

func TestAPictureIsNotCompressedAgain(t *testing.T) {
	if got := answer(t, "/assets/alice.jpg", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"); got != "" {
		t.Errorf("it is %s", got)
	}
}

func TestNothingIsFetchedTwice(t *testing.T) {
	for _, path := range []string{"/qrlatch.js", "/assets/page.css", "/assets/alice.jpg"} {
		tag := answer(t, path, "Accept-Encoding", "gzip").Header().Get("ETag")
		if got := answer(t, path, "Accept-Encoding", "gzip", "If-None-Match", tag).Code; got != http.StatusNotModified {
			t.Errorf("%s, the same again: %d", path, got)
		}
	}
	tag := answer(t, "/qrlatch.js", "Accept-Encoding", "gzip").Header().Get("ETag")
	if got := answer(t, "/qrlatch.js", "If-None-Match", tag).Code; got != http.StatusOK {
		t.Errorf("the zipped one’s tag for the plain one: %d", got)
	}
}
