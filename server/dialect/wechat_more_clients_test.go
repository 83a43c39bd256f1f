package dialect_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"qrlatch/server/login"
)

// eval runs an answer as wechat4u does and returns a property of its window.
func (w *wxWorld) eval(body, property string) string {
	w.t.Helper()
	js := goja.New()
	_ = js.Set("body", body)
	got, err := js.RunString(`(function () { var window = {QRLogin: {}, synccheck: {}}; eval(body); return window.` + property + ` })()`)
	w.must(err)
	return got.String()
}

// wechat4u (Node): one flat jar for all hosts, filled by an expression of its own;
// POST to jslogin with an unencoded redirect_uri; tip=0 always; never follows; reads
// the login page only when its status is 301.
func TestWechat4u(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.followsNothing()
		jar := map[string]string{}
		send := func(method, target, body string, fields ...string) wxAnswer {
			t.Helper()
			var pairs []string
			for name, value := range jar {
				pairs = append(pairs, name+"="+value)
			}
			if pairs != nil {
				fields = append(fields, "Cookie: "+strings.Join(pairs, "; "))
			}
			got := w.do(time.Minute, method, target, body, append(fields, "Accept: application/json, text/plain, */*")...)
			for _, line := range got.header["Set-Cookie"] {
				if m := regexp.MustCompile(`^(.+?)\s?=\s?(.+?);`).FindStringSubmatch(line); m != nil {
					jar[m[1]] = m[2]
				}
			}
			return got
		}
		done := w.person(4 * time.Second)
		start := send(http.MethodPost, "https://login.wx.qq.com/jslogin?appid="+wxApp+"&fun=new&lang=zh-CN"+
			"&redirect_uri=https://wx.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage?mod=desktop", "")
		uuid := w.eval(start.body, "QRLogin.uuid")
		if w.eval(start.body, "QRLogin.code") != "200" {
			t.Fatal(start.body)
		}
		w.draws(uuid)
		uri := ""
		for uri == "" {
			got := send(http.MethodGet, "https://login.wx.qq.com"+wxLogin+"?tip=0&uuid="+uuid+"&loginicon=true&r=-5", "")
			switch w.polled(w.eval(got.body, "code")) {
			case "200":
				uri = w.eval(got.body, "redirect_uri")
			case "201":
				if !strings.HasPrefix(w.eval(got.body, "userAvatar"), "data:img/jpg;base64,") {
					t.Errorf("no avatar: %.60s", got.body)
				}
			case "408":
			default:
				t.Fatalf("wechat4u spins or stops: %s", got.body)
			}
		}
		<-done
		w.told()
		host := regexp.MustCompile(`(?:\w+\.)+\w+`).FindString(uri)
		got := send(http.MethodGet, uri, "", wxClientVersion, "extspam: Go8FCIkF", "Referer: https://wx.qq.com/?&lang=zh_CN&target=t")
		if _, there := got.header["Location"]; got.status != http.StatusMovedPermanently || there {
			t.Fatalf("status %d, Location %q", got.status, got.header["Location"])
		}
		page := w.xml(got.body)
		if jar["wxsid"] != page.Sid || jar["wxuin"] != page.Uin || jar["webwx_data_ticket"] == "" {
			t.Errorf("its cookies are %v", jar)
		}
		base := "https://" + host + "/cgi-bin/mmwebwx-bin"
		uin, err := strconv.Atoi(page.Uin)
		w.must(err)
		body := wxJSON(map[string]any{"BaseRequest": wxBase(uin, page.Sid, page.Skey, "e1")})
		const kind = "Content-Type: application/json"
		w.ok("webwxinit", send(http.MethodPost, base+"/webwxinit?pass_ticket="+page.PassTicket+"&r=-5", body, kind))
		w.ok("webwxstatusnotify", send(http.MethodPost, base+"/webwxstatusnotify?pass_ticket="+page.PassTicket+"&lang=zh_CN", body, kind))
		check := "https://webpush." + host + wxCGI + "synccheck?" + wxQuery("r", "1", "sid", page.Sid, "uin", page.Uin, "skey", page.Skey, "deviceid", "e1", "synckey", "1_1")
		if idle := send(http.MethodGet, check, ""); w.eval(idle.body, "synccheck.retcode") != "0" {
			t.Errorf("synccheck: %s", idle.body)
		}
		out := send(http.MethodPost, base+"/webwxlogout?redirect=1&type=0&skey="+url.QueryEscape(page.Skey)+"&lang=zh_CN", "")
		if wxRet(out) != 0 {
			t.Errorf("webwxlogout: %s", out.body)
		}
		if after := send(http.MethodGet, check, ""); w.eval(after.body, "synccheck.retcode") != "1100" {
			t.Errorf("synccheck after webwxlogout: %s", after.body)
		}
	})
}

// wechat-go in a terminal: no jar at all until the login page, an empty redirect_uri,
// tip=0, one poll per tick of a second, and a picture that it draws itself.
func runWechatGo(w *wxWorld, app string) (refused bool) {
	const host = "https://login.weixin.qq.com"
	start := w.get(host + "/jslogin?" + url.Values{"appid": {app}, "fun": {"new"}, "lang": {"zh_CN"}, "redirect_uri": {""}, "_": {"1"}}.Encode())
	uuid := strings.Split(start.body, `"`)[1]
	done := w.person(4 * time.Second)
	w.draws(uuid)
	uri := ""
	for uri == "" {
		time.Sleep(time.Second) // its tick, and virtual
		got := w.get(host + wxLogin + "?" + url.Values{"tip": {"0"}, "uuid": {uuid}, "r": {"1"}, "_": {"1"}, "loginicon": {"true"}}.Encode())
		switch code := w.polled(w.find(`window.code=(\d+)`, got.body)); code {
		case "200":
			uri = strings.Split(got.body, `"`)[1]
		case "201":
			w.find(`window.userAvatar = '(.+)'`, got.body)
		case "400":
			<-done
			return true
		}
	}
	<-done
	w.told()
	u, err := url.Parse(uri)
	w.must(err)
	base := u.Scheme + "://" + u.Host + "/cgi-bin/mmwebwx-bin"
	got := w.get(base + "/webwxnewloginpage?" + u.RawQuery + "&fun=new")
	page := w.xml(got.body)
	w.keepsCookies() // those of the login page
	w.http.Jar.SetCookies(u, got.cookies)
	body := wxJSON(map[string]any{"BaseRequest": wxBase(page.Uin, page.Sid, page.Skey, "e1")})
	const kind = "Content-Type: application/json; charset=UTF-8"
	ready := w.post(base+"/webwxinit?pass_ticket="+page.PassTicket+"&skey="+page.Skey+"&r=1", body, kind)
	w.ok("webwxinit", ready)
	var sent struct{ User map[string]any }
	w.must(json.Unmarshal([]byte(ready.body), &sent))
	for field, value := range sent.User {
		if !slices.Contains(wechatGoUser(), field) {
			w.t.Errorf("it copies User by reflection and panics at %s", field)
		}
		if n, is := value.(float64); is && n != float64(int64(n)) {
			w.t.Errorf("User.%s is %v", field, value)
		}
	}
	w.ok("webwxstatusnotify", w.post(base+"/webwxstatusnotify?pass_ticket="+page.PassTicket, body, kind))
	w.ok("webwxgetcontact", w.post(base+"/webwxgetcontact?"+wxQuery("r", "1", "seq", "0", "skey", page.Skey), "", kind))
	w.ok("webwxsync", w.post(base+"/webwxsync?"+wxQuery("sid", page.Sid, "skey", page.Skey), body, kind))
	w.keepsUp("https://webpush.wx.qq.com" + wxCGI + "synccheck?" + wxQuery("r", "1", "sid", page.Sid, "uin", page.Uin, "skey", page.Skey, "deviceid", "e1", "synckey", "1_1"))
	return false
}

func wechatGoUser() []string {
	return strings.Fields(`Uin UserName NickName HeadImgUrl RemarkName PYInitial PYQuanPin RemarkPYInitial RemarkPYQuanPin
		HideInputBarFlag StarFriend Sex Signature AppAccountFlag VerifyFlag ContactFlag WebWxPluginSwitch HeadImgFlag SnsFlag`)
}

func TestWechatGoIsRefusedWithoutACookieJar(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.agent = "Go-http-client/1.1"
		if !runWechatGo(w, wxApp) {
			t.Error("a login whose id was in a picture was given to whoever knew the id")
		}
	})
}

func TestWechatGoPassesWhereTheAppAllowsIt(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.agent = "Go-http-client/1.1"
		if runWechatGo(w, "kiosk") {
			t.Error("it was refused")
		}
	})
}

// Mojo-Weixin (Perl): jar, follows up to seven redirects but needs a 2xx, an empty tip
// until the scan, lang twice, and signs out twice. It stops at the fifth 408.
func TestMojoWeixin(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.keepsCookies()
		const referer = "Referer: https://wx.qq.com/"
		done := w.person(30 * time.Second) // so that it hears 408 as well
		start := w.get("https://login.wx.qq.com/jslogin?"+wxQuery("appid", wxApp,
			"redirect_uri", "https://wx.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage", "fun", "new", "lang", "zh_CN", "_", "1"), referer)
		uuid := w.find(`window\.QRLogin\.code=200;window\.QRLogin\.uuid="([^"]+)"`, strings.Join(strings.Fields(start.body), ""))
		w.draws(uuid)
		tip, uri := "", ""
		for uri == "" {
			got := w.do(35*time.Second, http.MethodGet, "https://login.wx.qq.com"+wxLogin+"?loginicon=true&uuid="+uuid+"&tip="+tip+"&r=-5&_=1", "", referer)
			body := strings.Join(strings.Fields(got.body), "")
			switch w.polled(w.find(`window\.code=(.+?);`, body)) {
			case "200":
				uri = strings.Trim(w.find(`window\.redirect_uri=(.+?);`, body), `"`)
			case "201":
				tip = "0"
			case "408":
			default:
				t.Fatalf("Mojo-Weixin exits: %s", got.body)
			}
		}
		<-done
		w.told()
		if w.polls["408"] == 0 || w.polls["408"] > 4 {
			t.Errorf("it was told %v", w.polls)
		}
		got := w.get(uri+"&fun=new&version=v2&lang=zh_CN", referer)
		page := w.xml(got.body)
		u, err := url.Parse(uri)
		w.must(err)
		base := "https://" + u.Host + "/cgi-bin/mmwebwx-bin"
		body := wxJSON(map[string]any{"BaseRequest": wxBase(page.Uin, page.Sid, page.Skey, "e1")})
		const kind = "Content-Type: application/json"
		w.ok("webwxinit", w.post(base+"/webwxinit?r=1&lang=zh_CN&pass_ticket="+page.PassTicket, body, kind, referer))
		w.ok("webwxstatusnotify", w.post(base+"/webwxstatusnotify?lang=zh_CN&pass_ticket="+page.PassTicket, body, kind, referer))
		// It resumes with its cookies alone: no Skey, no pass_ticket.
		resumed := wxJSON(map[string]any{"BaseRequest": wxBase(page.Uin, page.Sid, "", "e1")})
		w.ok("webwxinit from the cookies", w.post(base+"/webwxinit?r=1&lang=zh_CN", resumed, kind, referer))
		w.followsNothing()
		for _, kindOf := range []string{"0", "1"} {
			out := w.post(base+"/webwxlogout?redirect=1&type="+kindOf+"&skey="+url.QueryEscape(page.Skey), wxQuery("sid", page.Sid, "uin", page.Uin), wxForm, referer)
			if wxRet(out) != 0 || out.status != http.StatusFound || out.header.Get("Location") != "/" {
				t.Errorf("webwxlogout type=%s: %d %s", kindOf, out.status, out.body)
			}
		}
	})
}

// itchat4j (Java): the picture, tip=0 always, and with every poll one more r and _,
// so that the address grows. ItChat's expressions, Apache's client: no redirects.
func TestItchat4j(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.keepsCookies()
		w.followsNothing()
		w.agent = "Apache-HttpClient/4.5"
		done := w.person(2 * time.Minute) // many polls
		const host = "https://login.weixin.qq.com"
		start := w.get(host + "/jslogin?" + wxQuery("appid", wxApp, "fun", "new", "lang", "zh_CN", "_", "1"))
		uuid := w.find(`window.QRLogin.code = 200; window.QRLogin.uuid = "(\S+?)";`, start.body)
		w.fetches(http.MethodGet, host+"/qrcode/"+uuid, "")
		target, uri := host+wxLogin+"?loginicon=true&uuid="+uuid+"&tip=0", ""
		for uri == "" {
			target += "&r=1&_=1"
			got := w.get(target)
			switch w.polled(w.find(`window.code=(\d+)`, got.body)) {
			case "200":
				uri = w.find(`window.redirect_uri="(\S+)";`, got.body)
			case "201", "408":
			default:
				t.Fatalf("itchat4j spins for ever: %s", got.body)
			}
		}
		<-done
		w.told()
		got := w.get(uri+"&fun=new&version=v2&mod=desktop&lang=zh_CN", wxClientVersion, "extspam: Go8FCIkF")
		page := w.xml(got.body)
		base := uri[:strings.LastIndex(uri, "/")]
		body := wxJSON(map[string]any{"BaseRequest": wxBase(page.Uin, page.Sid, page.Skey, "e1")})
		const kind = "Content-Type: application/json; charset=utf-8"
		ready := w.post(base+"/webwxinit?r=1&pass_ticket="+page.PassTicket, body, kind)
		w.ok("webwxinit", ready)
		var sent map[string]any
		w.must(json.Unmarshal([]byte(ready.body), &sent))
		if _, there := sent["ChatSet"].(string); !there {
			t.Errorf("it splits ChatSet, which is %v", sent["ChatSet"])
		}
		w.ok("webwxstatusnotify, where it looks for it", w.post(host+"/webwxstatusnotify?lang=zh_CN&pass_ticket="+page.PassTicket, body, kind))
		w.keepsUp(base + "/synccheck?" + wxQuery("r", "1", "sid", page.Sid, "uin", page.Uin, "skey", page.Skey, "deviceid", "e1", "synckey", "1_1"))
	}, func(c *login.Config) { c.CodeTTL = 5 * time.Minute }) // one picture for the whole time: it loads no second one
}
