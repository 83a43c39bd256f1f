package dialect_test

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// Every expression by which a known client takes our answers apart, applied to what
// the server really sends. In slashes: of a JavaScript or Perl client, run by a
// JavaScript engine, since they need its backreferences and its idea of $.

// wxSamples are real answers, by name, and the values that must be found in them.
func wxSamples(s *wxServer) (answers, values map[string]string) {
	answers, values = map[string]string{}, map[string]string{}
	// start, refused, nothing, scanned, approved, denied, dead
	start := s.get("/jslogin?appid=" + wxApp + "&fun=new")
	answers["start"] = start.body
	values["uuid"] = strings.Split(start.body, `"`)[1]
	answers["refused"] = s.get("/jslogin?appid=nobody").body
	answers["nothing"] = s.ask(s.pending(wxApp).id, "1").body
	answers["scanned"] = s.ask(s.scanned(wxApp).id, "0").body
	values["avatar"] = strings.Split(answers["scanned"], "'")[1]
	a := s.approved(wxApp)
	answers["approved"] = s.ask(a.id, "0").body
	values["redirect_uri"], _ = s.service.RedirectURI(a.Login)
	values["host"] = "login.example"
	values["base"] = "https://login.example/cgi-bin/mmwebwx-bin"
	answers["denied"] = s.ask(s.denied(wxApp).id, "0").body
	answers["dead"] = s.ask("48e24d66bdbc4f", "0").body
	// the login page
	page := s.get(s.redirect(a) + "&fun=new")
	answers["page"] = page.body
	answers["bad page"] = s.get("/cgi-bin/mmwebwx-bin/webwxnewloginpage?fun=new").body
	sessions, err := s.service.SessionsOf(s.t.Context(), alice().Phone)
	s.must(err)
	v := s.credentials(sessions[0])
	values["skey"], values["wxsid"], values["pass_ticket"] = v.Skey, v.SID, v.PassTicket
	values["wxuin"] = strconv.FormatInt(v.UIN, 10)
	// after it
	answers["sync"] = s.get(wxCGI + "synccheck?" + v.query()).body
	s.must(s.service.SignOutByPhone(s.t.Context(), alice().Phone, string(v.ID)))
	answers["signed out"] = s.get(wxCGI + "synccheck?" + v.query()).body
	return answers, values
}

// wxExpression is what one client does with one answer. A want in braces names a
// value; "-" is a group that takes no part. No want at all: it must not match.
type wxExpression struct {
	client, answer, expression string
	want                       []string
}

const (
	itchatStart = `window.QRLogin.code = (\d+); window.QRLogin.uuid = "(\S+?)";`
	pythonCode  = `window.code=(\d+);`
	chatAPI     = `window.code=(\d{3});(window.userAvatar = '(.+)'|\swindow.redirect_uri="(.+)")?`
)

func wxExpressions() []wxExpression {
	is := func(want ...string) []string { return append([]string{}, want...) }
	rows := []wxExpression{
		{"openwechat", "start", `uuid = "(.*?)";`, is("{uuid}")},
		{"wechat-go", "start", `"(.*?)"`, is("{uuid}")}, // it takes what is between the first two quotes
		{"ChatApi", "start", `"(.+)"`, is("{uuid}")},
		{"Weixinbot", "start", `/uuid = "(.+)";$/`, is("{uuid}")},
		{"Qt client", "refused", `window.QRLogin.code = (\d+); window.QRLogin.error = "(.*)";`, is("400", "no such app")},

		{"ItChat", "approved", `window.redirect_uri="(\S+)";`, is("{redirect_uri}")},
		{"WeixinBot", "approved", `window.redirect_uri="(\S+?)";`, is("{redirect_uri}")},
		{"wxBot", "approved", `window.redirect_uri="(\S+?)";`, is("{redirect_uri}")},
		{"itchat4j", "approved", `window.redirect_uri="(\S+)";`, is("{redirect_uri}")},
		{"wechat-api", "approved", `window.redirect_uri="(\S+)";`, is("{redirect_uri}")},
		{"openwechat", "approved", `window.redirect_uri="(.*?)"`, is("{redirect_uri}")},
		{"wechat-go", "approved", `window.redirect_uri="(.*?)"`, is("{redirect_uri}")},
		{"vbot", "approved", `window.redirect_uri="(https:\/\/(\S+?)\/\S+)";`, is("{redirect_uri}", "{host}")},
		{"another one", "approved", `window.code=200;\s+window.redirect_uri="(.+)";`, is("{redirect_uri}")},
		{"Weixinbot", "approved", `/redirect_uri="(.+)";$/`, is("{redirect_uri}")},

		{"openwechat", "scanned", `window.userAvatar = '(.*)';`, is("{avatar}")},
		{"wechat-go", "scanned", `window.userAvatar = '(.+)'`, is("{avatar}")},

		{"ChatApi", "nothing", chatAPI, is("408", "-", "-", "-")},
		{"ChatApi", "scanned", chatAPI, is("201", "window.userAvatar = '{avatar}'", "{avatar}", "-")},
		{"ChatApi", "approved", chatAPI, is("200", "\nwindow.redirect_uri=\"{redirect_uri}\"", "-", "{redirect_uri}")},
		{"ChatApi", "denied", chatAPI, is("202", "-", "-", "-")},
		{"ChatApi", "dead", chatAPI, is("400", "-", "-", "-")},

		{"Weixinbot", "page", `/<ret>0<\/ret>/`, is()},
		{"Mojo-Weixin", "page", `/^<error>.*<\/error>/`, is()},
		{"ChatApi", "page", `<error>.+</error>`, is()},
		{"WeChat's page", "page", `/<script>(.*)<\/script>/`, nil},
		{"WeChat's page", "page", `/<redirecturl>(.*)<\/redirecturl>/`, nil},
		{"WeChat's oldest page", "bad page", `/<script>(.*)<\/script>/`, nil},
		{"vbot", "bad page", `<ret>1203</ret><message>(.+)</message>`, is("This login could not be completed. Please scan a new code.")},

		{"openwechat", "sync", `window.synccheck=\{retcode:"(\d+)",selector:"(\d+)"\}`, is("0", "0")},
		{"ItChat", "sync", `window.synccheck={retcode:"(\d+)",selector:"(\d+)"}`, is("0", "0")},
		{"wechat-go", "sync", `retcode:"(\d+)",selector:"(\d+)"`, is("0", "0")},
		{"ChatApi", "sync", `\{(.|\s)+\}`, is("\"")},
		{"ItChat", "signed out", `window.synccheck={retcode:"(\d+)",selector:"(\d+)"}`, is("1100", "0")},
	}
	for _, client := range []string{"ItChat", "ItChat-UOS", "WeixinBot", "wxBot", "vbot", "itchat4j", "wechat-api"} {
		rows = append(rows, wxExpression{client, "start", itchatStart, is("200", "{uuid}")})
	}
	for answer, code := range map[string]string{"nothing": "408", "scanned": "201", "approved": "200", "denied": "202", "dead": "400"} {
		for _, client := range []string{"openwechat", "WeixinBot", "wxBot", "vbot"} {
			rows = append(rows, wxExpression{client, answer, pythonCode, is(code)})
		}
		for _, client := range []string{"ItChat", "itchat4j", "wechat-api"} {
			rows = append(rows, wxExpression{client, answer, `window.code=(\d+)`, is(code)})
		}
		rows = append(rows, wxExpression{"Weixinbot", answer, `/code=(\d{3});/`, is(code)})
	}
	for _, field := range []string{"skey", "wxsid", "wxuin", "pass_ticket"} {
		rows = append(rows,
			wxExpression{"WeChat's page, wechat4u, Weixinbot", "page", `/<` + field + `>(.*)<\/` + field + `>/`, is("{" + field + "}")},
			wxExpression{"ItChat-UOS", "page", `(?s)<` + field + `>(.*?)</` + field + `>`, is("{" + field + "}")},
			wxExpression{"wechat-api", "page", `<` + field + `>(\S+)</` + field + `>`, is("{" + field + "}")})
	}
	return rows
}

func TestEveryClientsExpressionFindsWhatItSeeks(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		answers, values := wxSamples(s)
		var pairs []string
		for name, value := range values {
			pairs = append(pairs, "{"+name+"}", value)
		}
		fill := strings.NewReplacer(pairs...)
		for _, row := range wxExpressions() {
			got, matched := wxMatch(t, row.expression, answers[row.answer])
			var want []string
			for _, w := range row.want {
				want = append(want, fill.Replace(w))
			}
			if matched != (row.want != nil) || !slices.Equal(got, want) {
				t.Errorf("%s, %s: %s\nfinds %q (matched: %v)\nwant  %q\nin    %.200q", row.client, row.answer, row.expression, got, matched, want, answers[row.answer])
			}
		}
	})
}

// wxMatch returns the groups of the first match; a group that takes no part is "-".
func wxMatch(t *testing.T, expression, body string) (groups []string, matched bool) {
	t.Helper()
	if strings.HasPrefix(expression, "/") {
		js := goja.New()
		_ = js.Set("body", body)
		found, err := js.RunString("body.match(" + expression + ")")
		if err != nil {
			t.Fatal(err)
		}
		if goja.IsNull(found) {
			return nil, false
		}
		for _, g := range found.Export().([]any)[1:] {
			groups = append(groups, fmt.Sprint(g))
		}
		return groups, true
	}
	re := regexp.MustCompile(expression)
	at := re.FindStringSubmatchIndex(body)
	for i := 2; i < len(at); i += 2 {
		group := "-"
		if at[i] >= 0 {
			group = body[at[i]:at[i+1]]
		}
		groups = append(groups, group)
	}
	return groups, at != nil
}

// Most clients take everything before the last slash of redirect_uri for the base
// of all later requests, or rebuild it from the host.
func TestTheAPIBaseIsWhatPrecedesTheLastSlash(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		answers, values := wxSamples(s)
		uri := values["redirect_uri"]
		if base := uri[:strings.LastIndex(uri, "/")]; base != values["base"] {
			t.Errorf("ItChat's base is %s", base)
		}
		if wxBot, _, _ := strings.Cut(uri[len("https://"):], "/"); wxBot != values["host"] {
			t.Errorf("wxBot's host is %s", wxBot)
		}
		if !strings.Contains(uri, "?") {
			t.Error("clients append &fun=new to a redirect_uri without a query")
		}
		if strings.Contains(uri, ";") {
			t.Error("Mojo-Weixin ends the value at a semicolon")
		}
		js := goja.New()
		_ = js.Set("uri", uri)
		host, err := js.RunString(`uri.match(/(?:\w+\.)+\w+/)[0]`)
		if err != nil || host.String() != values["host"] {
			t.Errorf("wechat4u's host is %v (%v)", host, err)
		}
		if first := strings.Index(answers["approved"], `"`); answers["approved"][first+1:first+1+len(uri)] != uri {
			t.Error("ChatApi and wechat-go take the first quote for the beginning of the value")
		}
	})
}

// Mojo-Weixin removes all white space first, and then reads pairs.
func TestMojoWeixinReadsPairs(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		answers, values := wxSamples(s)
		strip := func(text string) string { return strings.Join(strings.Fields(text), "") }
		pairs := func(expression, body string) map[string]string {
			js := goja.New()
			_ = js.Set("body", body)
			found, err := js.RunString(`var o = {}, m, r = ` + expression + `; while ((m = r.exec(body))) o[m[1]] = m[2]; o`)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			for k, v := range found.Export().(map[string]any) {
				out[k] = fmt.Sprint(v)
			}
			return out
		}
		if got, ok := wxMatch(t, `/window\.QRLogin\.code=(\d+);window\.QRLogin\.uuid="([^"]+)"/`, strip(answers["start"])); !ok || got[1] != values["uuid"] {
			t.Errorf("start: %q", got)
		}
		const poll = `/window\.(.+?)=(.+?);/g`
		if got := pairs(poll, strip(answers["approved"])); got["code"] != "200" || got["redirect_uri"] != `"`+values["redirect_uri"]+`"` {
			t.Errorf("approved: %q", got)
		}
		for answer, code := range map[string]string{"nothing": "408", "scanned": "201", "denied": "202", "dead": "400"} {
			if got := pairs(poll, strip(answers[answer])); got["code"] != code || got["redirect_uri"] != "" {
				t.Errorf("%s: %q", answer, got)
			}
		}
		// It reads what is inside of <error>; a prolog or CDATA would leave it with nothing.
		inner := strings.TrimSuffix(strings.TrimPrefix(answers["page"], "<error>"), "</error>")
		got := pairs(`/<([^<>]+?)>([^<>]+?)<\/\1>/g`, inner)
		for _, field := range []string{"skey", "wxsid", "wxuin", "pass_ticket"} {
			if got[field] != values[field] {
				t.Errorf("page: %s is %q, want %q", field, got[field], values[field])
			}
		}
	})
}

// Clients that parse the login page see what the others match.
func TestTheLoginPageIsXMLWithTheRootError(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		answers, values := wxSamples(s)
		type page struct {
			XMLName     xml.Name `xml:"error"`
			Ret         int      `xml:"ret"`
			Message     *string  `xml:"message"` // itchat4j fails when it is missing and exits when it is not empty
			Skey        string   `xml:"skey"`
			Wxsid       string   `xml:"wxsid"`
			Wxuin       int64    `xml:"wxuin"`
			PassTicket  string   `xml:"pass_ticket"`
			IsGrayscale int      `xml:"isgrayscale"`
		}
		var good, bad page
		if err := xml.Unmarshal([]byte(answers["page"]), &good); err != nil {
			t.Fatal(err)
		}
		if good.Message == nil || *good.Message != "" || good.Ret != 0 || good.Skey != values["skey"] || good.Wxsid != values["wxsid"] ||
			strconv.FormatInt(good.Wxuin, 10) != values["wxuin"] || good.PassTicket != values["pass_ticket"] || good.IsGrayscale != 1 {
			t.Errorf("%+v", good)
		}
		if err := xml.Unmarshal([]byte(answers["bad page"]), &bad); err != nil || bad.Ret != 1203 || bad.Message == nil || *bad.Message == "" {
			t.Errorf("%+v (%v)", bad, err)
		}
		if strings.ContainsAny(answers["page"], "\r\n") || !strings.HasPrefix(answers["page"], "<error>") {
			t.Error("it is more than one line of XML")
		}
	})
}
