package attack

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// forged are addresses that look like a registered one, each in a way that some server
// has fallen for.
func forged(uri string) []string {
	u, _ := url.Parse(uri)
	host, path := u.Host, u.Path
	all := []string{
		"https://evil.example", "https://evil.example/", "http://evil.example" + path, "//evil.example" + path, "///evil.example", "/\\evil.example",
		"https:evil.example", "https:/evil.example", "https:\\\\evil.example" + path, "https://evil.example\\@" + host + path, "https://evil.example#" + uri,
		"https://evil.example?" + uri, "https://evil.example/" + uri, "https://" + host + "@evil.example" + path, "https://" + host + ":pass@evil.example" + path,
		"https://" + host + "%40evil.example" + path, "https://" + host + ".evil.example" + path, "https://evil" + host + path, "https://evil-" + host + path,
		"https://" + host + "%2eevil.example" + path, "https://" + host + "%00.evil.example" + path, "https://" + host + "%0d%0a.evil.example", "https://sub." + host + path,
		"https://" + host + "." + path, "https://" + host + ":443" + path, "https://" + host + ":8443" + path, "http://" + host + path, "ftp://" + host + path,
		"HTTPS://" + host + path, "https://" + strings.ToUpper(host) + path, "javascript:alert(1)//" + uri, "data:text/html,<script>" + uri, "vbscript:" + uri, "about:blank#" + uri,
		uri + "/", uri + "/../evil", uri + "/..;/evil", uri + "%2f..%2fevil", uri + "/%2e%2e/evil", uri + "?", uri + "?a=b", uri + "?redirect_uri=https://evil.example", uri + "#", uri + "#@evil.example",
		uri + "&ticket=x", uri + ";x=y", uri + "%23", uri + "%00", uri + "\t", uri + " ", " " + uri, "\t" + uri, "\ufeff" + uri, uri + "\r\nSet-Cookie: a=b", uri + "\u2028",
		strings.Replace(uri, "://", ":///", 1), strings.Replace(uri, "://", ":/\\", 1), strings.ReplaceAll(uri, "/", "\\"), strings.Replace(uri, "e", "%65", 1), strings.Replace(uri, "e", "е", 1),
		strings.Replace(uri, ".", "。", 1), strings.Replace(uri, "p", "ｐ", 1), strings.ToUpper(uri), uri[:len(uri)-1], uri[1:], strings.TrimSuffix(uri, path), strings.TrimSuffix(uri, path) + "/", uri + uri, uri + "," + uri, "*", "https://*", "null",
	}
	return all
}

// starts are the ways in which a login takes an address to go back to.
func starts() map[string]func(v *visitor, uri string) (id string, refused bool) {
	by := func(expr string, ask func(v *visitor, uri string) answer) func(v *visitor, uri string) (string, bool) {
		return func(v *visitor, uri string) (string, bool) {
			got := ask(v, uri)
			if m := regexp.MustCompile(expr).FindStringSubmatch(got.body); m != nil {
				return m[1], false
			}
			return "", true
		}
	}
	return map[string]func(v *visitor, uri string) (string, bool){
		"WeChat": by(`uuid = "(.+)";`, func(v *visitor, uri string) answer {
			return v.get("/jslogin?appid=shop&redirect_uri=" + url.QueryEscape(uri))
		}),
		"JSON": by(`"id":"([^"]+)"`, func(v *visitor, uri string) answer {
			body, _ := jsonText(uri)
			return v.post("/v1/logins", `{"app":"shop","redirect_uri":`+body+`}`)
		}),
		"JSONP": by(`"id":"([^"]+)"`, func(v *visitor, uri string) answer {
			return v.get("/v1/logins.js?callback=f&app=shop&redirect_uri=" + url.QueryEscape(uri))
		}),
		"WebSocket": by(`"id":"([^"]+)"`, func(v *visitor, uri string) answer {
			_, first, _ := v.dial("/v1/ws?app=shop&redirect_uri="+url.QueryEscape(uri), nil)
			return answer{body: first}
		}),
		"the page without scripts": func(v *visitor, uri string) (string, bool) {
			to := v.get("/embed/plain?app=shop&redirect_uri=" + url.QueryEscape(uri)).header.Get("Location")
			path, _, _ := strings.Cut(to, "?")
			return lastPart(path), to == ""
		},
		"the frame": by(`()id="login"|data-app=`, func(v *visitor, uri string) answer {
			got := v.get("/embed?app=shop&redirect_uri=" + url.QueryEscape(uri))
			if got.status != http.StatusOK {
				got.body = ""
			}
			return got
		}),
	}
}

func jsonText(s string) (string, error) {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`, nil
}

// T20, promise 7: a ticket goes to a registered address, equal byte for byte, or nowhere.
func TestOnlyRegisteredAddressesGetTickets(t *testing.T) {
	second := "https://shop.example/in?a=1"
	change := func(s *setup) {
		s.login.Apps[0].RedirectURIs = append(s.login.Apps[0].RedirectURIs, second)
		s.web.Limits.StartsPerAddress = 0
	}
	inTime(t, change, func(w *world) {
		mutations := append(forged(shopPage), forged(second)...)
		if len(mutations) < 120 {
			t.Fatalf("%d mutations", len(mutations))
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 300 { // and some that nobody has thought of; login.FuzzRedirectMatch thinks of more
			uri := []byte([]string{shopPage, second}[r.IntN(2)])
			for range 1 + r.IntN(3) {
				i := r.IntN(len(uri))
				switch r.IntN(3) {
				case 0:
					uri[i] = byte(33 + r.IntN(94))
				case 1:
					uri = append(uri[:i], uri[i+1:]...)
				default:
					uri = append(uri[:i], append([]byte{byte(33 + r.IntN(94))}, uri[i:]...)...)
				}
			}
			mutations = append(mutations, string(uri))
		}
		for name, start := range starts() {
			v := w.from(home)
			for _, good := range []string{"", shopPage, second} {
				if _, refused := start(v, good); refused {
					t.Errorf("%s refuses %q", name, good)
				}
			}
			for _, uri := range mutations {
				if uri == "" || uri == shopPage || uri == second {
					continue
				}
				if id, refused := start(v, uri); !refused {
					t.Errorf("%s begins a login for %q: %s", name, uri, id)
				}
			}
		}
	})
}
