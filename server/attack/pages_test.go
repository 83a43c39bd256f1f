package attack

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// T24, promise 8: a script tag on a hostile page sends the victim's cookies with it. They
// change nothing of what it is told.
func TestCookiesChangeNothingOfWhatAScriptIsTold(t *testing.T) {
	inTime(t, nil, func(w *world) {
		victim := w.from(home)
		b := victim.beginsWeChat("shop")
		alice := w.phone("token-of-alice")
		alice.approves(alice.scans(b.code).ID, "")
		victim.get(w.onward(b).RequestURI() + "&fun=new")
		victim.signsIn()
		if len(victim.jar) < 8 {
			t.Fatalf("the victim has %d cookies", len(victim.jar))
		}
		other := w.from(home).begins("shop")
		ids := regexp.MustCompile(`[A-Za-z0-9_-]{36}|/l/[a-z]{28}|\?v=[a-z]{4}|"(expires_in|retry_after)":\d+`)
		for _, target := range []string{
			"/v1/logins/" + other.id + ".js?callback=f", "/v1/logins/" + unknown() + ".js?callback=f", "/v1/logins.js?callback=f&app=shop",
			"/qrcodelogin/generateQRCode4Login.do?callback=f", "/qrcodelogin/qrcodeLoginCheck.do?callback=f&lgToken=" + other.id,
			cgi + "login?tip=0&uuid=" + unknown(), "/jslogin?appid=shop",
		} {
			with, without := victim.get(target).body, w.from(home).get(target).body
			if ids.ReplaceAllString(with, "") != ids.ReplaceAllString(without, "") || strings.Contains(with, "Alice") {
				t.Errorf("%s: with cookies %s, without %s", target, with, without)
			}
		}
		// What does need cookies needs a secret beside them, or a page of ours.
		skey := "@crypt_00000000_00000000000000000000000000000000"
		for _, site := range []string{"cross-site", "same-site"} {
			victim.get(cgi+"webwxlogout?skey=", "Sec-Fetch-Site: "+site)
			victim.get(cgi+"webwxlogout?skey="+skey, "Sec-Fetch-Site: "+site)
		}
		if got := w.phone("token-of-alice").get("/v1/sessions"); !strings.Contains(got.body, `"app"`) {
			t.Errorf("a foreign page has signed the victim out: %v", got)
		}
	})
}

// T23, T25: what is served for script tags runs as nothing else: not as a page, a plugin's
// file or a download that somebody has named.
func TestAScriptIsNeverAPageOrADownload(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		for target, named := range map[string]bool{
			"/v1/logins/" + b.id + ".js?callback=f": true, "/v1/logins.js?app=shop&callback=f": true, "/v1/logins.js?app=%3Cscript%3E&callback=f": true,
			"/qrcodelogin/generateQRCode4Login.do?callback=f": true, "/qrcodelogin/qrcodeLoginCheck.do?callback=f&lgToken=x": true,
			"/jslogin?appid=shop": false, "/jslogin?appid=%3Cscript%3E": false, cgi + "login?uuid=%3Cscript%3E": false,
		} {
			got := w.from(home).get(target)
			h := got.header
			if h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.Contains(h.Get("Cache-Control"), "no-store") || named != (h.Get("Content-Disposition") == `attachment; filename="f.txt"`) || strings.Contains(got.body, "<") {
				t.Errorf("%s: %v %v", target, got, h)
			}
			if !named {
				continue
			}
			if got := w.from(home).get(target, "Sec-Fetch-Dest: document"); got.status != http.StatusBadRequest {
				t.Errorf("%s as a page: %v", target, got)
			}
			path, query, _ := strings.Cut(target, "?")
			for _, evil := range []string{path + ";/setup.bat?" + query, path + "/setup.bat?" + query, path + "%3b/setup.bat?" + query, path + "/..;/setup.cmd?" + query} {
				if got := w.from(home).get(evil); got.status < 400 && !strings.Contains(got.body, `"error"`) {
					t.Errorf("%s: %v", evil, got)
				}
			}
		}
		for _, callback := range []string{
			"<script>", "alert(1)//", "a;b", "a b", "a[0]", "a..b", ".a", "a.", "1a", "a\n", "a\u2028b", "é", "a.b.c.d.e", strings.Repeat("a", 65), "calc|calc", "\"||calc||",
			"CWSMIKI0hCD0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3Snn7iiudIbEAt333swW0ssG03sDDtDDDt0333333Gt333swwv3wwwFPOHtoHHvwHHFhH3D0Up0IZUnnnn", "if", "this", "",
		} {
			for _, path := range []string{"/v1/logins/" + b.id + ".js", "/v1/logins.js", "/qrcodelogin/qrcodeLoginCheck.do", "/qrcodelogin/generateQRCode4Login.do"} {
				if got := w.from(home).get(path + "?app=shop&callback=" + url.QueryEscape(callback)); got.status != http.StatusBadRequest || callback != "" && len(callback) > 3 && strings.Contains(got.body, callback) {
					t.Errorf("%s calls %q: %v", path, callback, got)
				}
			}
		}
	})
}

// T27: pages that decide or show something of a person are framed by nobody; the page
// for frames by the site's own origins.
func TestNobodyFramesWhatPeopleDecideOn(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		handset := w.from(phones)
		handset.signsIn()
		handset.scansPage(b)
		for _, path := range []string{"/", "/l/" + b.code, "/l/nonsense", "/phone", "/phone/scans/" + string(w.handle(b)), "/phone/scans/nonsense", "/nothing"} {
			got := handset.get(path, "Accept: text/html")
			csp := got.header.Get("Content-Security-Policy")
			if got.header.Get("X-Frame-Options") != "DENY" || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") ||
				!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "base-uri 'none'") || !strings.Contains(csp, "form-action 'self'") {
				t.Errorf("%s: %q, %q", path, got.header.Get("X-Frame-Options"), csp)
			}
		}
		for _, path := range []string{"/embed?app=shop", "/embed/plain?app=shop"} {
			csp := w.from(home).get(path).header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "frame-ancestors") || !strings.Contains(csp, "https://shop.example") || strings.Contains(csp, "bank.example") || strings.Contains(csp, "*") {
				t.Errorf("%s: %q", path, csp)
			}
		}
	})
}

// T31: a page of somebody else's makes the phone's browser send what it likes. Nothing
// of it decides.
func TestAForeignPageDecidesNothing(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		handset := w.from(phones)
		handset.signsIn()
		handset.scansPage(b)
		path := "/phone/scans/" + string(w.handle(b))
		form := formOf(handset.get(path).body)
		for name, headers := range map[string][]string{
			"no token": nil, "cross-site": {"Sec-Fetch-Site: cross-site"}, "a sibling": {"Sec-Fetch-Site: same-site"},
			"an origin": {"Origin: https://evil.example"}, "null": {"Origin: null"},
		} {
			body := form.Encode()
			if headers == nil {
				body = "csrf="
			}
			for _, to := range []string{path + "/approve", path + "/deny"} {
				if got := handset.post(to, body, headers...); got.status != http.StatusForbidden {
					t.Errorf("%s to %s: %v", name, to, got)
				}
			}
			// The app's interface takes no cookies at all.
			if got := handset.post("/v1/scans/"+string(w.handle(b))+"/approve", `{}`, headers...); got.status != http.StatusUnauthorized {
				t.Errorf("%s to the app's interface: %v", name, got)
			}
		}
		if w.status(b) != "scanned" {
			t.Error(w.status(b))
		}
		if got := handset.post(path+"/approve", form.Encode()); got.status >= 400 || w.status(b) != "approved" {
			t.Errorf("its own page: %v", got)
		}
	})
}

// T32: a page of somebody else's opens a socket, and the browser sends what cookies it has.
func TestAForeignPageOpensNoSocket(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		for origin, want := range map[string]int{
			"https://evil.example": 403, "null": 403, "https://shop.example.evil.example": 403, "http://shop.example": 403, "https://bank.example": 403, "": 403,
			"https://shop.example": 101, base: 101,
		} {
			for _, target := range []string{"/v1/ws?app=shop", "/v1/ws?id=" + b.id} {
				status, _, _ := w.from(home).dial(target, http.Header{"Origin": {origin}})
				if status != want {
					t.Errorf("%s from %q: %d, want %d", target, origin, status, want)
				}
				time.Sleep(time.Minute / 4)
			}
		}
		if status, _, _ := w.from(home).dial("/v1/ws?app=shop", nil); status != 101 {
			t.Errorf("a program: %d", status)
		}
	})
}

// T34, promise 7: what a request calls us is nowhere in what we say.
func TestAForeignHostNameIsNeverRepeated(t *testing.T) {
	inTime(t, nil, func(w *world) {
		for _, headers := range [][]string{
			{"Host: evil.example"}, {"Host: evil.example:443"}, {"Host: login.example.evil.example"}, {"Host: login.example:1@evil.example"}, {"Host: evil.example#login.example"},
			{"X-Forwarded-Host: evil.example"}, {"X-Host: evil.example"}, {"Forwarded: host=evil.example"}, {"X-Original-Host: evil.example"}, {"X-Rewrite-URL: https://evil.example/"},
			{"X-Forwarded-Server: evil.example"}, {"X-Forwarded-Proto: evil.example"}, {"Origin: https://evil.example"}, {"X-Original-URL: https://evil.example/"},
		} {
			for _, target := range []string{"/", "/jslogin?appid=shop", "/v1/logins.js?app=shop&callback=f", "/phone", "/phone/sign-in/provider", "/embed?app=shop", "/embed/plain?app=shop", "/nothing", "/.well-known/jwks.json", "/qrcodelogin/generateQRCode4Login.do"} {
				got := w.from(home).get(target, headers...)
				said := got.body
				for _, values := range got.header {
					said += strings.Join(values, "\n")
				}
				if strings.Contains(said, "evil.example") {
					t.Errorf("%s with %q: %v", target, headers[0], got)
				}
				if name, _, _ := strings.Cut(headers[0], ":"); name == "Host" && got.status != http.StatusMisdirectedRequest && got.status != http.StatusBadRequest {
					t.Errorf("%s with %q: %v", target, headers[0], got)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}
