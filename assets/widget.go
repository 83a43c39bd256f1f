package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	_ "embed" // for the widget
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// The widget as scripts/widget.mjs makes it from widget/qrlatch.js and the messages.
//
//go:embed widget/qrlatch.v1.js
var widget []byte

// The widget's addresses. The one with the version never changes what it answers, so that
// a site can embed it with its hash (SRI); the plain one is the newest.
const (
	WidgetPath          = "/qrlatch.js"
	WidgetVersionedPath = "/qrlatch.v1.js"
)

// Widget serves the script that sites embed. It is an http.Handler for both addresses.
type Widget struct {
	zipped []byte
	etag   string
}

// NewWidget compresses the script once for all.
func NewWidget() *Widget {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one
	_, _ = w.Write(widget)                                     // a Buffer takes everything
	_ = w.Close()
	return &Widget{zipped: zipped.Bytes(), etag: `"` + WidgetHash()[7:23] + `"`}
}

// WidgetHash is what a site puts into the integrity attribute.
func WidgetHash() string {
	sum := sha512.Sum384(widget)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

// ServeHTTP serves the script. It tells nothing of anybody, so any page may read it, and
// with integrity it has to.
func (s *Widget) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", contentTypes[".js"])
	h.Set("Cache-Control", cacheSoon)
	if r.URL.Path == WidgetVersionedPath {
		h.Set("Cache-Control", cacheForEver)
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	body, etag := widget, s.etag
	if zips(r.Header.Get("Accept-Encoding")) {
		body, etag = s.zipped, strings.TrimSuffix(s.etag, `"`)+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// zips tells whether a browser takes gzip. "gzip;q=0" says that it does not.
func zips(accepted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.ContainsAny(weight, "123456789")
		}
	}
	return false
}
