package dialect_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whole sessions of unmodified clients: their requests in their order, with their
// headers, their habit of tip, their redirects and their cookies, from jslogin until
// the phone signs them out. Where a client draws the code itself, the phone scans
// the login id; where it loads the picture, the phone reads that.

// wxXML is the login page as clients parse it.
type wxXML struct {
	XMLName    xml.Name `xml:"error"`
	Ret        int      `xml:"ret"`
	Skey       string   `xml:"skey"`
	Sid        string   `xml:"wxsid"`
	Uin        string   `xml:"wxuin"`
	PassTicket string   `xml:"pass_ticket"`
}

func (w *wxWorld) xml(body string) (page wxXML) {
	w.t.Helper()
	w.must(xml.Unmarshal([]byte(body), &page))
	if page.Ret != 0 || page.Skey == "" || page.Sid == "" || page.Uin == "" || page.PassTicket == "" {
		w.t.Fatalf("login page: %s", body)
	}
	return page
}

// find returns the first group of an expression, or ends the test.
func (w *wxWorld) find(expression, body string) string {
	w.t.Helper()
	m := regexp.MustCompile(expression).FindStringSubmatch(body)
	if m == nil {
		w.t.Fatalf("%s finds nothing in %.200q", expression, body)
	}
	return m[1]
}

func (w *wxWorld) ok(what string, answer wxAnswer) {
	w.t.Helper()
	if wxRet(answer) != 0 || answer.status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", what, answer.status, answer.body)
	}
}

// told fails unless the client heard of the scan once, and of the approval.
func (w *wxWorld) told() {
	w.t.Helper()
	if w.polls["201"] != 1 || w.polls["200"] < 1 {
		w.t.Errorf("the client was told %v", w.polls)
	}
}

// ItChat (Python): jar, no redirects, tip=1 always, no fun=new, Uin as a string, its
// pass_ticket for a DeviceID, and a misspelled Content-Type.
func runItChat(w *wxWorld) (base string, page wxXML) {
	w.keepsCookies()
	w.followsNothing()
	const host, accept = "https://login.example", "Accept: */*"
	start := w.get(host+"/jslogin?"+wxQuery("appid", wxApp, "fun", "new"), accept)
	uuid := w.find(`window.QRLogin.code = 200; window.QRLogin.uuid = "(\S+?)";`, start.body)
	w.draws(uuid)
	page = itChatWaits(w, host, uuid)
	base = host + "/cgi-bin/mmwebwx-bin"
	post := func(path string, body map[string]any) wxAnswer {
		return w.post(base+path, wxJSON(body), accept, "ContentType: application/json; charset=UTF-8")
	}
	request := wxBase(page.Uin, page.Sid, page.Skey, page.PassTicket)
	ready := post("/webwxinit?r=-1094&pass_ticket="+page.PassTicket, map[string]any{"BaseRequest": request})
	w.ok("webwxinit", ready)
	var dic struct {
		InviteStartCount *int
		User             struct{ UserName, NickName string }
		ContactList      []any
		SyncKey          struct{ List []struct{ Key, Val int } }
	}
	w.must(json.Unmarshal([]byte(ready.body), &dic))
	if dic.InviteStartCount == nil || dic.User.UserName == "" || dic.ContactList == nil || len(dic.SyncKey.List) == 0 {
		w.t.Fatalf("webwxinit: %s", ready.body)
	}
	w.ok("webwxstatusnotify", post("/webwxstatusnotify?lang=zh_CN&pass_ticket="+page.PassTicket, map[string]any{
		"BaseRequest": request, "Code": 3, "FromUserName": dic.User.UserName, "ToUserName": dic.User.UserName, "ClientMsgId": 1,
	}))
	w.ok("webwxgetcontact", w.get(base+"/webwxgetcontact?r=1&seq=0&skey="+page.Skey, accept))
	return base, page
}

// itChatWaits polls until the login page was read.
func itChatWaits(w *wxWorld, host, uuid string) wxXML {
	for {
		now := strconv.FormatInt(time.Now().Unix(), 10)
		got := w.get(host+wxLogin+"?loginicon=true&uuid="+uuid+"&tip=1&r=-598&_="+now, "Accept: */*")
		switch w.polled(w.find(`window.code=(\d+)`, got.body)) {
		case "200":
			uri := w.find(`window.redirect_uri="(\S+)";`, got.body)
			w.told()
			return w.xml(w.get(uri, "Accept: */*").body)
		case "201", "408":
		default:
			w.t.Fatalf("ItChat would start over: %s", got.body)
		}
	}
}

func TestItChat(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		done := w.person(4 * time.Second)
		base, page := runItChat(w)
		<-done
		// Push login: the cookies of the earlier session, a new uuid, no picture.
		pushed := w.get(base + "/webwxpushloginurl?uin=" + page.Uin)
		var reply struct{ Ret, Msg, UUID string }
		w.must(json.Unmarshal([]byte(pushed.body), &reply))
		if reply.Ret != "0" || reply.UUID == "" {
			t.Fatalf("push login: %s", pushed.body)
		}
		asked, err := w.service.Undecided(t.Context(), alice().Phone)
		w.must(err)
		if len(asked) != 1 || !asked[0].Push {
			t.Fatalf("the phone is asked about %+v", asked)
		}
		_, err = w.service.Approve(t.Context(), alice().Phone, string(asked[0].Handle), "")
		w.must(err)
		w.polls = map[string]int{"201": 1}
		time.Sleep(time.Second) // virtual: the second session is the newer one
		again := itChatWaits(w, "https://login.example", reply.UUID)
		if again.Uin != page.Uin || again.Sid == page.Sid {
			t.Errorf("the second session is %+v after %+v", again, page)
		}
		request := wxQuery("r", "1", "skey", again.Skey, "sid", again.Sid, "uin", again.Uin, "deviceid", "e1", "synckey", "1_1|2_1|3_1|1000_1", "_", "1")
		w.keepsUp(base+"/synccheck?"+request, "Accept: */*")
	})
}

// openwechat (Go): jar, never follows, tip=0 always, the picture, version=v2 and the
// headers of the desktop, Uin as a number.
func TestOpenwechat(t *testing.T) {
	inWXWorld(t, func(w *wxWorld) {
		w.keepsCookies()
		w.followsNothing()
		done := w.person(4 * time.Second)
		const host = "https://login.wx.qq.com"
		start := w.get(host + "/jslogin?" + url.Values{
			"redirect_uri": {"https://wx.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage?mod=desktop"},
			"appid":        {wxApp}, "fun": {"new"}, "lang": {"zh_CN"}, "_": {"1"},
		}.Encode())
		uuid := w.find(`uuid = "(.*?)";`, start.body)
		w.fetches(http.MethodGet, "https://login.weixin.qq.com/qrcode/"+uuid, "")
		var uri *url.URL
		for uri == nil {
			got := w.do(30*time.Second, http.MethodGet, host+wxLogin+"?"+url.Values{
				"r": {"598"}, "_": {"1"}, "loginicon": {"true"}, "uuid": {uuid}, "tip": {"0"},
			}.Encode(), "")
			switch w.polled(w.find(`window.code=(\d+);`, got.body)) {
			case "200":
				var err error
				uri, err = url.Parse(w.find(`window.redirect_uri="(.*?)"`, got.body))
				w.must(err)
			case "201":
				w.find(`window.userAvatar = '(.*)';`, got.body)
			case "408":
			default:
				t.Fatalf("openwechat spins or stops: %s", got.body)
			}
		}
		<-done
		w.told()
		query := uri.Query()
		query.Set("version", "v2")
		uri.RawQuery = query.Encode() // sorted, and encoded anew
		got := w.get(uri.String(), wxClientVersion, "extspam: Go8FCIkF")
		page := w.xml(got.body)
		base := "https://" + uri.Host + "/cgi-bin/mmwebwx-bin"
		uin, err := strconv.ParseInt(page.Uin, 10, 64)
		w.must(err)
		request := wxBase(uin, page.Sid, page.Skey, "e1")
		const kind = "Content-Type: application/json; charset=utf-8"
		ready := w.post(base+"/webwxinit?_=1", wxJSON(map[string]any{"BaseRequest": request}), kind)
		w.ok("webwxinit", ready)
		var body struct {
			User    struct{ Uin int64 }
			SyncKey struct {
				Count int
				List  []struct{ Key, Val int }
			}
		}
		w.must(json.Unmarshal([]byte(ready.body), &body))
		if body.User.Uin != uin || body.SyncKey.Count != len(body.SyncKey.List) || body.SyncKey.Count == 0 {
			t.Fatalf("webwxinit: %s", ready.body)
		}
		notify := w.post(base+"/webwxstatusnotify?lang=zh_CN&pass_ticket="+page.PassTicket, wxJSON(map[string]any{"BaseRequest": request, "Code": 3}), kind)
		w.ok("webwxstatusnotify", notify)
		w.keepsUp("https://webpush." + uri.Host + wxCGI + "synccheck?" + url.Values{
			"r": {"1"}, "skey": {page.Skey}, "sid": {page.Sid}, "uin": {page.Uin}, "deviceid": {"e1"}, "_": {"1"}, "synckey": {"1_1|2_1"},
		}.Encode())
		out := w.get(base + "/webwxlogout?" + url.Values{"redirect": {"1"}, "type": {"1"}, "skey": {page.Skey}}.Encode())
		if out.body != `{"BaseResponse":{"Ret":0,"ErrMsg":""}}` {
			t.Errorf("webwxlogout: %d %s", out.status, out.body)
		}
	})
}

// WeixinBot (Python 3): jar, follows, posts a form to jslogin, polls once with tip=1
// for the scan and once with tip=0 for the approval, and starts over at any 408.
func TestWeixinBot(t *testing.T) {
	for habit, think := range map[string]time.Duration{"one step per poll": 20 * time.Second, "all while it still sleeps": 400 * time.Millisecond} {
		t.Run(habit, func(t *testing.T) {
			inWXWorld(t, func(w *wxWorld) {
				w.keepsCookies()
				done := w.person(think)
				const host = "https://login.weixin.qq.com"
				start := w.post(host+"/jslogin", wxQuery("appid", wxApp, "fun", "new", "lang", "zh_CN", "_", "1"), wxForm)
				uuid := w.find(`window.QRLogin.code = 200; window.QRLogin.uuid = "(\S+?)"`, start.body)
				w.draws(uuid)
				time.Sleep(time.Second) // its own, and virtual
				poll := func(tip string) (code, body string) {
					got := w.get(host + wxLogin + "?tip=" + tip + "&uuid=" + uuid + "&_=1")
					return w.polled(w.find(`window.code=(\d+);`, got.body)), got.body
				}
				if code, body := poll("1"); code != "201" && code != "200" {
					t.Fatalf("the first poll hears %s", body)
				}
				code, body := poll("0")
				if code != "200" {
					t.Fatalf("the second poll hears %s", body)
				}
				<-done
				uri := w.find(`window.redirect_uri="(\S+?)";`, body) + "&fun=new"
				page := w.xml(w.get(uri).body)
				base := uri[:strings.LastIndex(uri, "/")]
				uin, err := strconv.Atoi(page.Uin)
				w.must(err)
				body = wxJSON(map[string]any{"BaseRequest": wxBase(uin, page.Sid, page.Skey, "e1")})
				w.ok("webwxinit", w.post(base+"/webwxinit?pass_ticket="+page.PassTicket+"&skey="+page.Skey+"&r=1", body, wxForm))
				w.ok("webwxstatusnotify", w.post(base+"/webwxstatusnotify?lang=zh_CN&pass_ticket="+page.PassTicket, body, wxForm))
				w.ok("webwxgetcontact", w.post(base+"/webwxgetcontact?pass_ticket="+page.PassTicket+"&skey="+page.Skey+"&r=1", "{}", wxForm))
				w.keepsUp(base + "/synccheck?" + wxQuery("r", "1", "sid", page.Sid, "uin", page.Uin, "skey", page.Skey, "deviceid", "e1", "synckey", "1_1", "_", "1"))
			})
		})
	}
}
