// Package assets holds the style sheets, scripts and pictures of the pages, and
// serves them. A name that carries the hash of its content may be kept for ever;
// the plain name is for people and is looked at again soon.
package assets

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed *.css *.js *.svg *.jpg *.png
var files embed.FS

// Prefix is the path under which the pages ask for assets.
const Prefix = "/assets/"

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

// Files are the assets by name. It is an http.Handler for paths below Prefix.
type Files struct {
	byName map[string]file // "login.js" and "login.0123456789abcdef.js" alike
	hashed map[string]string
}

type file struct {
	body  []byte
	kind  string
	etag  string
	cache string
}

// New reads the embedded files.
func New() (*Files, error) {
	f := &Files{byName: map[string]file{}, hashed: map[string]string{}}
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
		sum := sha256.Sum256(body)
		mark := hex.EncodeToString(sum[:8])
		one := file{body: body, kind: contentTypes[ext], etag: `"` + mark + `"`, cache: cacheSoon}
		f.byName[name] = one
		one.cache = cacheForEver
		f.hashed[name] = strings.TrimSuffix(name, ext) + "." + mark + ext
		f.byName[f.hashed[name]] = one
	}
	return f, nil
}

// URL returns the path of the asset name with its content's hash in it; ok is
// false when there is no such asset.
func (f *Files) URL(name string) (url string, ok bool) {
	hashed, ok := f.hashed[name]
	return Prefix + hashed, ok
}

// Read returns the content of the asset name and its content type.
func (f *Files) Read(name string) (body []byte, contentType string, ok bool) {
	one, ok := f.byName[name]
	return one.body, one.kind, ok
}

// ServeHTTP serves one asset.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := f.byName[strings.TrimPrefix(r.URL.Path, Prefix)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", one.kind)
	h.Set("Cache-Control", one.cache)
	h.Set("ETag", one.etag)
	h.Set("X-Content-Type-Options", "nosniff")
	// Sites show the avatars and the mark in pages of their own.
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// An SVG that is opened by itself is a document: it may do nothing.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(one.body))
}
