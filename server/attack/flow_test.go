package attack

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws/wsutil"
)

// fullFlow goes through every interface with every kind of login, and returns every
// secret that was handed out on the way.
func (w *world) fullFlow() (secrets []string) {
	w.t.Helper()
	keep := func(found ...string) {
		for _, s := range found {
			if len(s) >= 8 {
				secrets = append(secrets, s)
			}
		}
	}
	cookies := func(v *visitor) {
		for _, c := range v.jar {
			if c.Name != "mm_lang" && c.Name != "wxloadtime" && c.Name != "wxuin" && c.Name != "qrlatch_lang" {
				keep(c.Value)
			}
		}
	}
	onward := func(b begun) *url.URL {
		u := w.onward(b)
		keep(u.Query().Get("ticket"), u.Query().Get("sig"))
		return u
	}
	alice := w.phone("token-of-alice")
	keep("token-of-alice", "token-of-bob", "shop-secret", "bank-secret", "alices-password", "state-of-the-site", "opaque-token-of-ada")

	// WeChat: picture, polls, page, session, push, sign-out.
	wechat := w.from(home)
	b := wechat.beginsWeChat("shop")
	keep(b.id, b.code)
	q := alice.scans(b.code)
	wechat.get(cgi + "login?tip=1&loginicon=true&uuid=" + b.id)
	alice.approves(q.ID, "")
	wechat.get(cgi + "login?tip=0&uuid=" + b.id)
	page := wechat.get(onward(b).RequestURI() + "&fun=new").body
	skey, sid := w.find(`<skey>(.+)</skey>`, page), w.find(`<wxsid>(.+)</wxsid>`, page)
	uin := w.find(`<wxuin>(.+)</wxuin>`, page)
	keep(skey, sid, w.find(`<pass_ticket>(.+)</pass_ticket>`, page))
	cookies(wechat)
	wechat.post(cgi+"webwxinit", `{"BaseRequest":{"Uin":`+uin+`,"Sid":"`+sid+`","Skey":"`+skey+`"}}`)
	wechat.get(cgi + "synccheck?skey=" + escaped(skey) + "&sid=" + escaped(sid) + "&uin=" + uin)
	keep(w.find(`"uuid":"([^"]+)"`, wechat.get(cgi+"webwxpushloginurl?uin="+uin).body))
	cookies(wechat)
	wechat.get(cgi + "webwxlogout?redirect=1&skey=" + escaped(skey))
	wechat.get("/nothing?ticket=" + b.id)

	// JSON with a short code and a number, a stream, a site, and a socket that is resumed.
	bank := w.from(home)
	started := bank.post("/v1/logins", `{"app":"bank","user_code":true,"state":"state-of-the-site"}`).body
	b = begun{w.find(`"id":"([^"]+)"`, started), lastPart(w.find(`"text":"([^"]+)"`, started))}
	short := w.find(`"user_code":"([^"]+)"`, started)
	keep(b.id, b.code, short, strings.ReplaceAll(short, "-", ""))
	stream(bank, b.id)
	ada := w.phone(w.issuer.jwt("qrlatch"))
	ada.phoneRefused(w.issuer.jwt("somebody-else"))
	q = ada.scans(short)
	ada.approves(q.ID, "x")
	ada.approves(q.ID, w.number(b))
	bank.get("/v1/logins/" + b.id + ".js?callback=f")
	keep(resumeOf(w, b))
	redeemed := w.site("bank").post("/v1/tickets/redeem", `{"ticket":"`+onward(b).Query().Get("ticket")+`"}`).body
	keep(w.find(`"id_token":"([^"]+)"`, redeemed))
	session := w.find(`"id":"([^"]+)"`, redeemed)
	w.listens(b, func() {
		w.site("bank").post("/v1/sessions/"+session+"/messages", `{"data":"message-of-the-site"}`)
	})
	keep("message-of-the-site")
	ada.do(http.MethodDelete, "/v1/sessions/"+session+"?reason=not_me", "")

	// Taobao, and a phone of an opaque token that says no.
	b.id = w.find(`"lgToken":"([^"]+)"`, bank.get("/qrcodelogin/generateQRCode4Login.do?appkey=bank&callback=f").body)
	b.code = lastPart(w.readPNG(bank.get("/qrcode/" + b.id + ".png").body))
	keep(b.id, b.code)
	opaque := w.phone("opaque-token-of-ada")
	opaque.addr = "192.0.2.44" // its person has said "not me" of the browser's address
	bank.get("/qrcodelogin/qrcodeLoginCheck.do?lgToken=" + b.id + "&callback=f")

	// The page without scripts, scanned by the phone's page: by link, camera and typing.
	plain := w.from(home)
	to := plain.get("/embed/plain?app=shop").header.Get("Location")
	path, _, _ := strings.Cut(to, "?")
	b.id = lastPart(path)
	b.code = lastPart(w.readGIF(plain.get("/qrcode/" + b.id + ".gif").body)[0])
	keep(b.id, b.code)
	plain.get(to)
	cookies(plain)
	handset := w.from(phones)
	handset.signsIn()
	handset.frames(plain.get("/qrcode/" + b.id + "?size=512").body)
	handset.scansPage(b)
	form := formOf(handset.get("/phone/scans/" + string(w.handle(b))).body)
	handset.post("/phone/scans/"+string(w.handle(b))+"/approve", form.Encode())
	plain.get(to)
	plain.get(onward(b).RequestURI() + "&fun=new")
	cookies(plain)
	cookies(handset)

	// The phone's page with a sign-in at the provider.
	third := w.from(home).begins("shop")
	keep(third.id, third.code)
	browser := w.from("192.0.2.55")
	browser.get("/l/" + third.code)
	// Browsers say which page of ours they come from, code and all.
	browser.header.Set("Referer", base+"/l/"+third.code)
	browser.post("/phone/sign-in", "account=0&csrf=none")
	browser.get("/nothing")
	begin := browser.get("/phone/sign-in/provider?next=/l/" + third.code)
	cookies(browser)
	back := w.issuer.authorize(begin.header.Get("Location"))
	browser.get(strings.TrimPrefix(back, base))
	cookies(browser)
	browser.get("/phone")
	time.Sleep(time.Second)
	w.issuer.mu.Lock()
	defer w.issuer.mu.Unlock()
	keep(w.issuer.secrets...)
	return secrets
}

// wechatIn is a browser that Alice has let in as WeChat clients are let in.
func (w *world) wechatIn() *visitor {
	w.t.Helper()
	v := w.from(home)
	b := v.beginsWeChat("shop")
	alice := w.phone("token-of-alice")
	alice.approves(alice.scans(b.code).ID, "")
	w.uin = w.find(`<wxuin>(.+)</wxuin>`, v.get(w.onward(b).RequestURI()+"&fun=new").body)
	return v
}

// phoneRefused asks with a token that is good elsewhere.
func (v *visitor) phoneRefused(bearer string) {
	v.w.t.Helper()
	if got := v.w.phone(bearer).get("/v1/scans"); got.status != http.StatusUnauthorized {
		v.w.t.Fatal(got)
	}
}

// resumeOf is the secret with which the browser of b opens its socket again.
func resumeOf(w *world, b begun) string {
	w.t.Helper()
	_, first, _ := w.from(home).dial("/v1/ws?id="+b.id, nil)
	return w.find(`"resume":"([^"]+)"`, first)
}

// listens has the socket of b open while something is sent to it.
func (w *world) listens(b begun, send func()) {
	w.t.Helper()
	l, err := w.store.Logins.Get(w.t.Context(), w.handle(b))
	w.must(err)
	secret, _ := w.service.ResumeSecret(l)
	conn, status, _ := w.from(home).connect("/v1/ws?resume="+secret, nil)
	if conn == nil {
		w.t.Fatalf("no socket: %d", status)
	}
	defer conn.Close()
	_, _, err = wsutil.ReadServerData(conn)
	w.must(err)
	sent := make(chan struct{})
	go func() { defer close(sent); send() }()
	_, _, err = wsutil.ReadServerData(conn)
	w.must(err)
	<-sent
}

// frames shows a picture to the phone's camera.
func (v *visitor) frames(picture string) {
	v.w.t.Helper()
	img, err := png.Decode(strings.NewReader(picture))
	v.w.must(err)
	var frame bytes.Buffer
	v.w.must(jpeg.Encode(&frame, img, nil))
	csrf := formOf(v.get("/phone").body).Get("csrf")
	got := v.do(http.MethodPost, "/phone/frame", frame.String(), "Content-Type: image/jpeg", "X-CSRF-Token: "+csrf)
	var said struct{ Code string }
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &said) != nil || said.Code == "" {
		v.w.t.Fatalf("the camera sees nothing: %v", got)
	}
}
