package dialect

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// This file is WeChat's webwxnewloginpage: the browser brings its ticket and gets
// the session, as one line of XML and as cookies.

// page redeems a ticket. Whoever asks reads the answer from another place, so the
// status follows what the request looks like:
//
//	version=v2            200 and XML      the page of 2016 and later, openwechat
//	header client-version 301, no Location wechat4u reads the XML only then
//	fun=new               200 and XML      older pages and most clients
//	none of them          302 to /         a browser that was sent here
//	                      200 and XML      ItChat and others, who read only the body
func (w *WeChat) page(c echo.Context) error {
	r := c.Request()
	p, err := parameters(c, "ticket", "uuid", "scan", "state", "kid", "sig")
	navigates := p.Get("version") != "v2" && r.Header.Get("Client-Version") == "" && p.Get("fun") != "new" && wantsHTML(r)

	var session login.Session
	if err == nil {
		session, err = w.Service.RedeemPage(r.Context(), p, browserOf(c))
	}
	if err != nil {
		if navigates && w.Refused != nil {
			return w.Refused(c)
		}
		return loginPage(c, p.Get("version") == "v2", refusal(err))
	}
	held, err := w.Service.Credentials(session)
	if err != nil {
		return loginPage(c, p.Get("version") == "v2", refusal(err))
	}
	uin := strconv.FormatInt(held.UIN, 10)
	w.signIn(c, session, held, uin, p.Get("lang"))
	if navigates {
		c.Response().Header().Set("Location", "/")
		return answer(c, http.StatusFound, "text/plain; charset=utf-8", "")
	}
	return loginPage(c, p.Get("version") == "v2", []byte("<error><ret>0</ret><message></message>"+
		"<skey>"+held.Skey+"</skey><wxsid>"+held.SID+"</wxsid><wxuin>"+uin+"</wxuin>"+
		"<pass_ticket>"+held.PassTicket+"</pass_ticket><isgrayscale>1</isgrayscale></error>"))
}

// loginPage writes the XML. It is text/plain: jQuery would parse XML, and the page's
// own code then fails on the document.
func loginPage(c echo.Context, v2 bool, body []byte) error {
	status := http.StatusOK
	if !v2 && c.Request().Header.Get("Client-Version") != "" {
		status = http.StatusMovedPermanently
	}
	return answer(c, status, "text/plain; charset=utf-8", body)
}

// refusal is ret 1203, which clients show to people. Its message is one of our own
// sentences, and escaped all the same: the oldest page evaluates a <script> in it.
func refusal(err error) []byte {
	why := "This login could not be completed. Please scan a new code."
	if errors.Is(err, login.ErrRedeemed) {
		why = "This login was completed already. Please scan a new code."
	}
	var text bytes.Buffer
	text.WriteString("<error><ret>1203</ret><message>")
	_ = xml.EscapeText(&text, []byte(why)) // a Buffer takes everything
	text.WriteString("</message></error>")
	return text.Bytes()
}

// signIn sets the cookies of a session. The same session gives the same bytes. Those
// that a page's script reads cannot be HttpOnly; the push ticket is.
func (w *WeChat) signIn(c echo.Context, s login.Session, held login.Credentials, uin, lang string) {
	if lang == "" || !language.MatchString(lang) {
		lang = "en"
	}
	const years = 10 * 365 * 24 * time.Hour
	session, long, push := cookieTime(s.Expires), cookieTime(s.Created.Add(years)), cookieTime(s.Created.Add(pushCookieLife))
	w.setCookies(c,
		wechatCookie{"wxuin", uin, session, false},
		wechatCookie{"wxsid", held.SID, session, false},
		wechatCookie{"wxloadtime", strconv.FormatInt(s.Created.Unix(), 10), session, false},
		wechatCookie{"mm_lang", lang, session, false},
		wechatCookie{"webwx_data_ticket", held.DataTicket, session, false},
		wechatCookie{"webwxuvid", held.UVID, long, false},
		wechatCookie{pushCookie, held.PushTicket, push, true},
	)
}

// wechatCookie has an absolute end: IE before 9 knows no Max-Age, and the bytes must not
// depend on when they are sent. Its value is one of our own words.
type wechatCookie struct {
	name, value, until string
	hidden             bool
}

// setCookies writes cookies, all into one text.
func (w *WeChat) setCookies(c echo.Context, cookies ...wechatCookie) {
	flags := "; SameSite=Lax"
	if w.Secure(c.Request()) {
		flags = "; Secure; SameSite=Lax"
	}
	var text strings.Builder
	text.Grow(usualCookie * len(cookies))
	h := c.Response().Header()
	lines := slices.Grow(h["Set-Cookie"], len(cookies))
	for _, k := range cookies {
		from := text.Len()
		for _, part := range [...]string{k.name, "=", k.value, "; Path=/; Expires=", k.until} {
			text.WriteString(part)
		}
		if k.hidden {
			text.WriteString("; HttpOnly")
		}
		text.WriteString(flags)
		lines = append(lines, text.String()[from:])
	}
	h["Set-Cookie"] = lines
}

// usualCookie is about as long as one is.
const usualCookie = 128

// cookieTime is the time t in a cookie.
func cookieTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// wantsHTML tells a browser that navigates from a client's own request. IE before 9
// navigates without naming text/html, but lists pictures; no script request does. Java
// names both in all its requests and follows redirects: its clients need the XML.
func wantsHTML(r *http.Request) bool {
	accept, agent := r.Header.Get("Accept"), r.UserAgent()
	java := strings.Contains(accept, "text/html") && strings.Contains(accept, "image/gif") && !strings.Contains(accept, "xhtml")
	if java {
		return false
	}
	if accept == "*/*" && (strings.Contains(agent, "MSIE ") || strings.Contains(agent, "Trident/")) {
		return true // Internet Explorer when it reloads
	}
	best, html := 0.0, 0.0
	for _, part := range strings.Split(accept, ",") {
		kind, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if _, text, ok := strings.Cut(rest, "q="); ok {
			q, _ = strconv.ParseFloat(strings.TrimSpace(text), 64)
		}
		if kind == "text/html" || kind == "image/gif" {
			html = max(html, q)
		}
		best = max(best, q)
	}
	return html > 0 && html == best
}
