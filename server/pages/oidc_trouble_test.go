package pages_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/pages"
)

func TestAProviderInTroubleIsToldInWordsAndAskedAgain(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	huge := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"x":"%s"}`, strings.Repeat("x", 2<<20))
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "stack trace of theirs", code) }
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, issuer+"/elsewhere", http.StatusTemporaryRedirect)
	}
	for trouble, handler := range map[string]http.HandlerFunc{
		"hangs": hang, "says too much": huge, "is broken": status(500), "is not found": status(404), "sends away": away, "says nonsense": status(200),
	} {
		for _, path := range []string{"/.well-known/openid-configuration", "/token", "/keys"} {
			t.Run(path+" "+trouble, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newIDP(t)
					p.broken = func(w http.ResponseWriter, r *http.Request) bool {
						if r.URL.Path == path {
							handler(w, r)
						}
						return r.URL.Path == path
					}
					w, said := newProviderWorld(t, p)
					v := w.guest(p)
					before := time.Now()
					failed := v.get("/phone/sign-in/provider?next=/phone/scans/abc")
					if waited := time.Since(before); waited > 10*time.Second {
						t.Errorf("waited %s", waited)
					}
					failed.expect(t, failed.status, "Nothing was done", "Try again", `href="/phone/scans/abc"`)
					if failed.status != 503 && path != "/keys" || strings.Contains(failed.body, "theirs") || !strings.Contains(said.String(), "sign-in failed") {
						t.Errorf("%d: %s\n%s", failed.status, failed.body, said.String())
					}
					p.leaked(t, said.String()+failed.body)

					p.mu.Lock()
					if p.asked["/elsewhere"] > 0 {
						t.Error("what is for the provider went elsewhere")
					}
					p.broken = nil
					p.mu.Unlock()
					time.Sleep(time.Second) // nobody types faster
					v.get("/phone/sign-in/provider").expect(t, 200, "Phone of <bdi>Ada</bdi>")
				})
			})
		}
	}
}

func TestASlowProviderIsNotWaitedForStepByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newIDP(t)
		p.broken = func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(6 * time.Second)
			return false
		}
		w, _ := newProviderWorld(t, p)
		v := w.guest(p)
		back, before := v.halfway("/phone"), time.Now()
		v.get(back.RequestURI()).expect(t, 503, "The sign-in service did not answer")
		if waited := time.Since(before); waited != 10*time.Second {
			t.Errorf("waited %s", waited)
		}
		time.Sleep(time.Minute) // until the provider has noticed that nobody waits
	})
}

func TestWhoHasNoNameInTheTokenIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		name     string
		userinfo map[string]any
		want     string // in the page; empty: refused
	}{
		{"userinfo knows", map[string]any{"sub": "ada-1815", "name": "Ada L."}, "Phone of <bdi>Ada L.</bdi>"},
		{"only a short name", map[string]any{"sub": "ada-1815", "preferred_username": "ada"}, "Phone of <bdi>ada</bdi>"},
		{"userinfo knows nothing either", map[string]any{"sub": "ada-1815"}, "Phone of <bdi>ada-1815</bdi>"},
		{"a hostile name", map[string]any{"sub": "ada-1815", "name": "<script>\n", "picture": "javascript:alert(1)"}, "Phone of <bdi>&lt;script&gt;</bdi>"},
		{"userinfo of somebody else", map[string]any{"sub": "bob", "name": "Bob"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newIDP(t)
			p.discovery["userinfo_endpoint"] = issuer + "/userinfo"
			p.claims["name"], p.userinfo = nil, test.userinfo
			w, _ := newProviderWorld(t, p)
			v := w.guest(p)
			in := v.get("/phone/sign-in/provider")
			if test.want == "" {
				in.expect(t, 403, "The sign-in could not be checked")
				return
			}
			in.expect(t, 200, test.want)
			if strings.Contains(in.body, "javascript:") {
				t.Error(in.body)
			}
		})
	}
}

func TestAnswersOfAProviderAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newIDP(t)
		w, _ := newProviderWorld(t, p)
		v := w.guest(p)
		back := v.halfway("/phone")
		for range 300 {
			v.get(pages.CallbackPath+"?state=x").expect(t, 403, "This sign-in was not begun here")
		}
		v.get(back.RequestURI()).expect(t, 429, "Too many tries")
	})
}
