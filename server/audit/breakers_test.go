package audit_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/skip2/go-qrcode"
)

// breaker makes one thing of a good server wrong.
type breaker func(t *testing.T, good http.Handler) http.Handler

// answered is what good says to r.
func answered(good http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	good.ServeHTTP(w, r)
	return w
}

func send(w http.ResponseWriter, got *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), got.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(got.Code)
	_, _ = w.Write(got.Body.Bytes())
}

// asked changes requests.
func asked(change func(r *http.Request)) breaker {
	return func(_ *testing.T, good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change(r)
			good.ServeHTTP(w, r)
		})
	}
}

// said changes the answers at paths that match, but those of streams and sockets.
func said(paths string, change func(r *http.Request, got *httptest.ResponseRecorder)) breaker {
	at := regexp.MustCompile(paths)
	return func(_ *testing.T, good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !at.MatchString(r.URL.Path) || strings.HasSuffix(r.URL.Path, "/events") || r.URL.Path == "/v1/ws" {
				good.ServeHTTP(w, r)
				return
			}
			got := answered(good, r)
			change(r, got)
			send(w, got)
		})
	}
}

// header is said for one field of all answers; "" takes it away.
func header(name, value string) breaker {
	return said("", func(_ *http.Request, got *httptest.ResponseRecorder) {
		got.Header().Del(name)
		if value != "" {
			got.Header().Set(name, value)
		}
	})
}

func body(got *httptest.ResponseRecorder, text string) {
	got.Body = bytes.NewBufferString(text)
}

// query changes the query of a request.
func query(r *http.Request, change func(url.Values)) {
	q := r.URL.Query()
	change(q)
	r.URL.RawQuery = q.Encode()
}

var (
	wechatID = regexp.MustCompile(`uuid = "([^"]+)"`)
	jsonID   = regexp.MustCompile(`"id":"([^"]+)"`)
	codeText = regexp.MustCompile(`/l/([^"]+)"`)
)

// aliases gives WeChat's logins the ids that name makes.
func aliases(name func(r *http.Request, n int) string) breaker {
	var mu sync.Mutex
	minted := map[string]string{}
	return func(_ *testing.T, good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Path == "/jslogin" {
				got := answered(good, r)
				if found := wechatID.FindStringSubmatch(got.Body.String()); found != nil {
					if alias := name(r, len(minted)); alias != "" {
						minted[alias] = found[1]
						body(got, strings.Replace(got.Body.String(), found[1], alias, 1))
					}
				}
				send(w, got)
				return
			}
			if id, ok := minted[r.URL.Query().Get("uuid")]; ok {
				query(r, func(q url.Values) { q.Set("uuid", id) })
			}
			if id, ok := minted[strings.TrimPrefix(r.URL.Path, "/qrcode/")]; ok {
				r.URL.Path = "/qrcode/" + id
			}
			mu.Unlock()
			good.ServeHTTP(w, r)
			mu.Lock()
		})
	}
}

// repeats answers a second time what it has said once, if that was worth it.
func repeats(paths, worth string) breaker {
	var mu sync.Mutex
	old := map[string]*httptest.ResponseRecorder{}
	return said(paths, func(r *http.Request, got *httptest.ResponseRecorder) {
		mu.Lock()
		defer mu.Unlock()
		key := r.URL.RequestURI()
		if was, ok := old[key]; ok {
			*got = *was
			body(got, was.Body.String())
		} else if strings.Contains(got.Body.String(), worth) {
			kept := *got
			kept.Body = bytes.NewBuffer(bytes.Clone(got.Body.Bytes()))
			old[key] = &kept
		}
	})
}

// asAlice forges a request of hers.
func asAlice(r *http.Request) { r.Header.Set("Authorization", "Bearer alice-token") }

// peeked is a request's body, which stays to be read.
func peeked(r *http.Request) string {
	all, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(all))
	return string(all)
}

// photographs lets the JSON dialect take what the picture says for the login's id.
func photographs() breaker {
	var mu sync.Mutex
	ids := map[string]string{}
	return func(_ *testing.T, good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Path == "/v1/logins" {
				got := answered(good, r)
				if id, code := jsonID.FindStringSubmatch(got.Body.String()), codeText.FindStringSubmatch(got.Body.String()); id != nil && code != nil {
					mu.Lock()
					ids[code[1]] = id[1]
					mu.Unlock()
				}
				send(w, got)
				return
			}
			mu.Lock()
			id, ok := ids[strings.TrimPrefix(r.URL.Path, "/v1/logins/")]
			mu.Unlock()
			if ok {
				r.URL.Path = "/v1/logins/" + id
			}
			good.ServeHTTP(w, r)
		})
	}
}

// scansOnGet marks a login as soon as its link is fetched.
func scansOnGet(_ *testing.T, good http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code, ok := strings.CutPrefix(r.URL.Path, "/l/"); ok {
			scan := httptest.NewRequest(http.MethodPost, base+"/v1/scans", strings.NewReader(`{"code":"`+code+`"}`))
			scan.Header.Set("Content-Type", "application/json")
			asAlice(scan)
			answered(good, scan)
		}
		good.ServeHTTP(w, r)
	})
}

// drawsTheID puts the id that the browser polls into the picture.
func drawsTheID(t *testing.T, good http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := strings.CutPrefix(r.URL.Path, "/qrcode/")
		if !ok {
			good.ServeHTTP(w, r)
			return
		}
		id, _, _ = strings.Cut(id, ".")
		picture, err := qrcode.Encode(base+"/l/"+id, qrcode.Medium, 256)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture)
	})
}
