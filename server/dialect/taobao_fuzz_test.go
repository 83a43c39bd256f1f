package dialect_test

import (
	"bytes"
	"image"
	_ "image/gif" // what pictures are
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzTaobaoCheck: a check says one of five things, and of a login only to who has its token.
func FuzzTaobaoCheck(f *testing.F) {
	for _, query := range []string{
		"lgToken=ID", "lgToken=ID&lgToken=ID", "lgToken=ID%3D", "lgToken=&defaulturl=https://evil.example", "lgToken=%00", "%zz", ";", "lgToken=ID&callback=f", "lgToken=" + strings.Repeat("A", 36), "lgtoken=ID", "lgToken=ID&_ksTS=1_2",
	} {
		f.Add(query)
	}
	says := regexp.MustCompile(`"code":"1000[0134]"|"success":false`)
	f.Fuzz(func(t *testing.T, query string) {
		if strings.Contains(query, "callback") {
			t.Skip() // see FuzzCallback
		}
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			otherDialects(s)
			a := s.scanned(wxApp)
			query := strings.ReplaceAll(query, "ID", string(a.id))
			got := s.raw("/qrcodelogin/qrcodeLoginCheck.do", query)
			if got.status != http.StatusOK || !says.MatchString(got.body) || got.took > time.Second {
				t.Fatalf("%q: %d %.200q after %v", query, got.status, got.body, got.took)
			}
			values, err := url.ParseQuery(query)
			knows := err == nil && slices.Equal(values["lgToken"], []string{string(a.id)})
			if strings.Contains(got.body, `"10001"`) != knows {
				t.Fatalf("%q hears %.100q", query, got.body)
			}
		})
	})
}

// FuzzPicture: under no other name than a login's id, with an ending or without, there is a
// picture; and what there is, is one, of a size that may be asked for.
func FuzzPicture(f *testing.F) {
	for _, seed := range [][2]string{
		{"ID", ""}, {"ID.png", "size=1"}, {"ID.gif", "size=1024"}, {"ID.svg", "size=64"}, {"ID.jpg", "size=-1"}, {"ID%3D%3D", "size=1e3"}, {"../ID", ""}, {"ID/..", ""}, {"ID.", "size=１"}, {"", "size=64&size=65"},
		{"%2e", "%zz"}, {"ID.png.gif", "t=webwx"}, {"%", "size=99999999999999999999"}, {"ID;x", "size=0x10"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, query string) {
		if len(query) > 20 || strings.Contains(name, ".gif") && len(query) > 7 {
			t.Skip() // large animations only take long
		}
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			a := s.pending(wxApp)
			path := "/qrcode/" + strings.ReplaceAll(name, "ID", string(a.id))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.URL = &url.URL{Path: path, RawQuery: query}
			r.Host, r.RemoteAddr = "login.example", "192.0.2.1:1234"
			w := httptest.NewRecorder()
			s.echo.ServeHTTP(w, r)
			if !slices.Contains([]int{200, 400, 404, 405}, w.Code) {
				t.Fatalf("%q?%q: %d", path, query, w.Code)
			}
			if w.Code != http.StatusOK {
				return
			}
			if !strings.Contains(path, string(a.id)) {
				t.Fatalf("%q?%q is a picture", path, query)
			}
			if kind := w.Header().Get("Content-Type"); strings.HasPrefix(kind, "image/svg") {
				return
			}
			size, _, err := image.DecodeConfig(bytes.NewReader(w.Body.Bytes()))
			if err != nil || size.Width > 1024+64 || size.Width != size.Height {
				t.Fatalf("%q?%q: %+v, %v", path, query, size, err)
			}
		})
	})
}
