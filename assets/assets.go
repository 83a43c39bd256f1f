// Package assets holds the style sheets, scripts and pictures of the pages, and the
// widget that sites embed, and serves them, compressed to those who take it. A name that
// carries the hash of its content may be kept for ever; the plain name is for people and
// is looked at again soon.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed *.css *.js *.svg *.jpg *.png
var files embed.FS

// The widget as scripts/widget.mjs makes it from widget/qrlatch.js and the messages.
//
//go:embed widget/qrlatch.v1.js
var widget []byte

// Prefix is the path under which the pages ask for assets.
const Prefix = "/assets/"

// The widget's addresses. The one with the version never changes what it answers, so that
// a site can embed it with its hash (SRI); the plain one is the newest.
const (
	WidgetPath          = "/qrlatch.js"
	WidgetVersionedPath = "/qrlatch.v1.js"
)

const (
	cacheForEver = "public, max-age=31536000, immutable"
	cacheSoon    = "public, max-age=300"
)

// contentTypes is our own table: package mime reads the machine's, which may say
// something else.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".jpg": "image/jpeg",
	".png": "image/png",
}

// Files are the assets by path. It is an http.Handler for paths below Prefix and for the
// widget's.
type Files struct {
	byPath map[string]file // "/assets/login.js" and "/assets/login.0123456789abcdef.js" alike
	hashed map[string]string
}

type file struct {
	body   []byte
	zipped func() []byte // nil for what is compressed by its nature
	kind   string
	mark   string // of the content
	cache  string
}

// New reads the embedded files. Each is compressed once, when somebody takes it so.
func New() (*Files, error) {
	f := &Files{byPath: map[string]file{}, hashed: map[string]string{}}
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read asset: %w", err)
		}
		ext := path.Ext(name)
		one := newFile(body, ext)
		f.hashed[name] = Prefix + strings.TrimSuffix(name, ext) + "." + one.mark + ext
		f.add(one, Prefix+name, f.hashed[name])
	}
	f.add(newFile(widget, ".js"), WidgetPath, WidgetVersionedPath)
	return f, nil
}

func newFile(body []byte, ext string) file {
	sum := sha256.Sum256(body)
	one := file{body: body, kind: contentTypes[ext], mark: hex.EncodeToString(sum[:8])}
	switch ext {
	case ".css", ".js", ".svg":
		one.zipped = sync.OnceValue(func() []byte { return zip(body) })
	}
	return one
}

func zip(body []byte) []byte {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one
	_, _ = w.Write(body)                                       // a Buffer takes everything
	_ = w.Close()
	return zipped.Bytes()
}

// add serves one at a path whose content may change and at one whose content may not.
func (f *Files) add(one file, plain, lasting string) {
	one.cache = cacheSoon
	f.byPath[plain] = one
	one.cache = cacheForEver
	f.byPath[lasting] = one
}

// URL returns the path of the asset name with its content's hash in it; ok is
// false when there is no such asset.
func (f *Files) URL(name string) (url string, ok bool) {
	url, ok = f.hashed[name]
	return url, ok
}

// Read returns the content of the asset name and its content type.
func (f *Files) Read(name string) (body []byte, contentType string, ok bool) {
	one, ok := f.byPath[Prefix+name]
	return one.body, one.kind, ok
}

// ServeHTTP serves one asset. It tells nothing of anybody, so any page may have it: sites
// show the avatars and the mark in pages of their own, and run the widget, which with
// integrity they have to be able to read.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := f.byPath[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", one.kind)
	h.Set("Cache-Control", one.cache)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// An SVG that is opened by itself is a document: it may do nothing.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	body := one.body
	if one.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if zips(r.Header.Get("Accept-Encoding")) && !strings.Contains(r.UserAgent(), "MSIE 6.") { // which loses the start of some, before XP's SP 2
			body, one.mark = one.zipped(), one.mark+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+one.mark+`"`)
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
