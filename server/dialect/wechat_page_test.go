package dialect_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"qrlatch/server/login"
)

// What webwxnewloginpage is asked with, and in what clothes each client wants the answer.

const (
	wxClientVersion = "client-version: 2.0.0"
	chromeAccept    = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	firefoxAccept   = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	ie6Accept       = "Accept: image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, application/x-shockwave-flash, */*"
	ie8Accept       = "Accept: application/x-ms-application, image/jpeg, application/xaml+xml, image/gif, image/pjpeg, */*"
	ie11Accept      = "Accept: text/html, application/xhtml+xml, image/jxr, */*"
	opera12Accept   = "Accept: text/html, application/xml;q=0.9, application/xhtml+xml, image/png, image/webp, image/jpeg, image/gif, image/x-xbitmap, */*;q=0.1"
	angularAccept   = "Accept: application/json, text/plain, */*"
)

func TestTheLoginPageAnswersEachClientAsItWants(t *testing.T) {
	type row struct {
		client, suffix string
		headers        []string
		status         int
		sentHome       bool // Location: /
	}
	for _, r := range []row{
		{"WeChat's page", "&fun=new&version=v2", []string{angularAccept}, 200, false},
		{"WeChat's page for the desktop", "&fun=new&version=v2&mod=desktop", []string{angularAccept}, 200, false},
		{"wechaty, which adds headers to the page's request", "&fun=new&version=v2", []string{angularAccept, wxClientVersion}, 200, false},
		{"the classic page", "&fun=new", []string{"Accept: */*"}, 200, false},
		{"openwechat", "&version=v2", []string{wxClientVersion}, 200, false},
		{"wechat4u", "", []string{wxClientVersion, angularAccept, "Referer: https://wx.qq.com/?&lang=zh_CN&target=t"}, 301, false},
		{"wechat4u until 2022", "&fun=new", []string{angularAccept}, 200, false},
		{"ItChat", "", []string{"Accept: */*"}, 200, false},
		{"ItChat-UOS", "", []string{"Accept: */*", wxClientVersion}, 301, false},
		{"wechat-go", "&fun=new", nil, 200, false},
		{"Weixinbot", "&fun=new", []string{angularAccept}, 200, false},
		{"WeixinBot", "&fun=new", nil, 200, false},
		{"wxBot", "&fun=new", []string{"Accept: */*"}, 200, false},
		{"Mojo-Weixin", "&fun=new&version=v2&lang=zh_CN", []string{"Referer: https://wx.qq.com/"}, 200, false},
		{"vbot", "&fun=new", nil, 200, false},
		{"itchat4j", "&fun=new&version=v2&mod=desktop&lang=zh_CN", []string{wxClientVersion}, 200, false},
		{"wechat-api", "", nil, 200, false},
		{"QRLogin, by a script tag", "", []string{"Accept: */*"}, 200, false},
		{"QRLogin, by a script tag of IE 11", "", []string{"Accept: application/javascript, */*;q=0.8"}, 200, false},
		{"Opera 12", "", []string{opera12Accept}, 302, true},
		{"IE 8 when it reloads", "", []string{"Accept: */*", "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"}, 302, true},
		{"the classic page in IE 8", "&fun=new", []string{"Accept: */*", "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"}, 200, false},
		{"Chrome", "", []string{chromeAccept}, 302, true},
		{"Firefox", "", []string{firefoxAccept}, 302, true},
		{"IE 6", "", []string{ie6Accept}, 302, true},
		{"IE 8", "", []string{ie8Accept}, 302, true},
		{"IE 11", "", []string{ie11Accept}, 302, true},
	} {
		t.Run(r.client, func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				got := s.get(s.redirect(s.approved(wxApp))+r.suffix, r.headers...)
				want := ""
				if r.sentHome {
					want = "/"
				}
				if got.status != r.status || got.header.Get("Location") != want {
					t.Errorf("status %d, Location %q; want %d, %q", got.status, got.header.Get("Location"), r.status, want)
				}
				if !r.sentHome && !strings.HasPrefix(got.body, "<error><ret>0</ret><message></message><skey>@crypt_") {
					t.Errorf("body %.80q", got.body)
				}
				if kind := got.header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
					t.Errorf("it is %s", kind)
				}
				if len(got.cookies) != 7 {
					t.Errorf("it sets %d cookies", len(got.cookies))
				}
				if _, there := got.header["Location"]; there && !r.sentHome {
					t.Error("an empty Location is not the absence of one")
				}
			})
		})
	}
}

// ChatApi opens redirect_uri with Java's HttpURLConnection, which follows redirects
// and names text/html of its own accord. It reads the XML, so it must get it.
func TestTheLoginPageTellsJavaFromABrowser(t *testing.T) {
	for java, accept := range map[string]string{
		"until 17": "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
		"since 18": "Accept: text/html, image/gif, image/jpeg, */*; q=0.2",
	} {
		t.Run(java, func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				got := s.get(s.redirect(s.approved(wxApp)), accept, "User-Agent: Mozilla/5.0 (Macintosh) Chrome/54.0.2840.71")
				if got.status != 200 || !strings.HasPrefix(got.body, "<error><ret>0</ret>") {
					t.Errorf("status %d, Location %q, body %.40q", got.status, got.header.Get("Location"), got.body)
				}
			})
		})
	}
}

// wxCookies are the cookies of a session as header lines.
func wxCookies(v wxSession) []string {
	expires := func(d time.Duration) string {
		return v.Created.Add(d).UTC().Format(http.TimeFormat)
	}
	const open, closed = "; Secure; SameSite=Lax", "; HttpOnly; Secure; SameSite=Lax"
	var lines []string
	for _, c := range []struct {
		name, value string
		life        time.Duration
		rest        string
	}{
		{"wxuin", strconv.FormatInt(v.UIN, 10), 12 * time.Hour, open},
		{"wxsid", v.SID, 12 * time.Hour, open},
		{"wxloadtime", strconv.FormatInt(v.Created.Unix(), 10), 12 * time.Hour, open},
		{"mm_lang", "en", 12 * time.Hour, open},
		{"webwx_data_ticket", v.DataTicket, 12 * time.Hour, open},
		{"webwxuvid", v.UVID, 3650 * 24 * time.Hour, open},
		{"webwx_auth_ticket", v.PushTicket, 30 * 24 * time.Hour, closed},
	} {
		lines = append(lines, fmt.Sprintf("%s=%s; Path=/; Expires=%s%s", c.name, c.value, expires(c.life), c.rest))
	}
	return lines
}

func TestTheLoginPageSetsTheCookiesOfASession(t *testing.T) {
	var got wxAnswer
	values := map[string]string{}
	inWX(t, func(t *testing.T, s *wxServer) {
		got = s.get(s.redirect(s.approved(wxApp)) + "&fun=new")
		sessions, err := s.service.SessionsOf(t.Context(), alice().Phone)
		s.must(err)
		v := s.credentials(sessions[0])
		if want := wxCookies(v); !slices.Equal(got.header["Set-Cookie"], want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got.header["Set-Cookie"], "\n"), strings.Join(want, "\n"))
		}
		for _, c := range got.cookies {
			values[c.Name] = c.Value
		}
		// ItChat-UOS, ChatApi and Mojo-Weixin take these from the cookies, not from the XML.
		for name, want := range map[string]string{"wxsid": v.SID, "wxuin": strconv.FormatInt(v.UIN, 10)} {
			if values[name] != want || !strings.Contains(got.body, "<"+name+">"+want+"<") {
				t.Errorf("%s is %q, want %q as in the XML", name, values[name], want)
			}
		}
	})
	t.Run("wechat4u needs an attribute after each value", func(t *testing.T) {
		js := goja.New()
		for _, line := range got.header["Set-Cookie"] {
			_ = js.Set("line", line)
			value, err := js.RunString(`line.match(/=(.*?);/)[1]`)
			if name, _, _ := strings.Cut(line, "="); err != nil || value.String() != values[name] {
				t.Errorf("%s: %v (%v)", line, value, err)
			}
		}
	})
	t.Run("WeChat's page finds a cookie by the first occurrence of name=", func(t *testing.T) {
		var document []string
		for _, c := range got.cookies {
			if !c.HttpOnly {
				document = append(document, c.Name+"="+c.Value)
			}
		}
		for _, name := range []string{"wxuin", "wxsid", "webwx_data_ticket", "webwxuvid"} {
			_, rest, _ := strings.Cut(strings.Join(document, "; "), name+"=")
			if value, _, _ := strings.Cut(rest, ";"); value != values[name] || value == "" {
				t.Errorf("%s is read as %q", name, value)
			}
		}
	})
	t.Run("values need no quoting and no encoding", func(t *testing.T) {
		plain := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
		for name, value := range values {
			if !plain.MatchString(value) {
				t.Errorf("%s=%s", name, value)
			}
		}
	})
}

func TestOverHTTPCookiesAreNotSecure(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		s.wechat.Secure = func(*http.Request) bool { return false }
		page := s.get(s.redirect(s.approved(wxApp)) + "&fun=new")
		for _, line := range append(page.header["Set-Cookie"], s.get("/jslogin?appid=" + wxApp).header["Set-Cookie"]...) {
			if strings.Contains(line, "Secure") {
				t.Error(line)
			}
		}
	})
}

// vbot looks for https:// only; what the operator registered decides.
func TestTheRedirectURIKeepsWhatWasRegistered(t *testing.T) {
	for _, uri := range []string{wxPage, wxPage + "?mod=desktop", "http://localhost:8080/webwxnewloginpage"} {
		inWX(t, func(t *testing.T, s *wxServer) {
			goes, _ := s.service.RedirectURI(s.approved("this").Login)
			mark := "?"
			if strings.Contains(uri, "?") {
				mark = "&"
			}
			shape := regexp.MustCompile("^" + regexp.QuoteMeta(uri+mark) + `ticket=[\w-]{36}&uuid=[\w-]{12}&lang=en&scan=\d+&state=&kid=k1&sig=[\w-]{43}$`)
			if !shape.MatchString(goes) {
				t.Errorf("%s goes to %s", uri, goes)
			}
		}, func(c *login.Config) { c.Apps = []login.App{{ID: "this", RedirectURIs: []string{uri}}} })
	}
}
