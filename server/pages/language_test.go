package pages_test

import (
	"net/url"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

func TestTheLanguageOfAPage(t *testing.T) {
	worlds := map[string]*world{} // by the language of their app
	for _, app := range []string{"", "zh", "ko", "es", "tlh"} {
		worlds[app] = newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Lang = app })
	}
	for name, test := range map[string]struct {
		query, cookie string
		accept        []string
		app           string
		want          string
	}{
		"nothing said":                 {want: "en"},
		"the address":                  {query: "es", accept: []string{"ko"}, app: "zh", want: "es"},
		"the address in WeChat's way":  {query: "zh_CN", accept: []string{"ko"}, want: "zh-Hans"},
		"the address with a script":    {query: "zh-Hans", want: "zh-Hans"},
		"the address with a region":    {query: "ko-KR", want: "ko"},
		"the address in other letters": {query: "ES_mx", want: "es"},
		"an address of no language":    {query: "de", accept: []string{"ko"}, want: "ko"},
		"an empty address":             {query: "", accept: []string{"ko"}, want: "ko"},
		"a hostile address":            {query: `"><script>`, accept: []string{"ko"}, want: "ko"},
		"a path as address":            {query: "../en", accept: []string{"ko"}, want: "ko"},
		"an endless address":           {query: "es-" + strings.Repeat("a", 4000), accept: []string{"ko"}, want: "ko"},
		"the visit":                    {cookie: "zh", accept: []string{"ko"}, want: "zh-Hans"},
		"the address after a visit":    {query: "es", cookie: "zh", want: "es"},
		"a hostile cookie":             {cookie: "../zh", accept: []string{"ko"}, want: "ko"},

		"the browser":                {accept: []string{"es-419,es;q=0.9,en;q=0.8"}, app: "zh", want: "es"},
		"weights count":              {accept: []string{"en;q=0.3, ko;q=0.8, es;q=0.5"}, want: "ko"},
		"the first of equals":        {accept: []string{"es;q=0.5,ko;q=0.5"}, want: "es"},
		"what we have of many":       {accept: []string{"fr-CH, fr;q=0.9, zh-TW;q=0.7, *;q=0.5"}, want: "zh-Hans"},
		"several lines":              {accept: []string{"fr", "es;q=0.5"}, want: "es"},
		"a language refused":         {accept: []string{"en;q=0, ko;q=0.000"}, app: "es", want: "es"},
		"spaces and capitals":        {accept: []string{" KO-kr ; Q=0.9 , es;q=0.1"}, want: "ko"},
		"weights that are none":      {accept: []string{"ko;q=2, zh;q=NaN, zh;q=Inf, zh;q=-1, zh;q=1e3, zh;q=.9, zh;x=1, es;q=0.001"}, want: "es"},
		"a weight of four places":    {accept: []string{"ko;q=0.9999, es;q=0.1"}, want: "es"},
		"nothing but separators":     {accept: []string{",;,;q=,=;,,-;q=1,_"}, app: "ko", want: "ko"},
		"anything":                   {accept: []string{"*"}, app: "es", want: "es"},
		"far too many":               {accept: []string{strings.Repeat("de,", 100_000) + "ko"}, app: "es", want: "es"},
		"far too many, ours first":   {accept: []string{"ko," + strings.Repeat("de,", 100_000)}, want: "ko"},
		"a tag cut off at the limit": {accept: []string{strings.Repeat("x", 1022) + ",ko"}, want: "en"},

		"the app":                         {accept: []string{"fr"}, app: "ko", want: "ko"},
		"an app whose language is nobody": {accept: []string{"fr"}, app: "tlh", want: "en"},
	} {
		t.Run(name, func(t *testing.T) {
			v := worlds[test.app].visitor()
			for _, line := range test.accept {
				v.header.Add("Accept-Language", line)
			}
			if test.cookie != "" {
				v.setCookie("qrlatch_lang", "/", test.cookie)
			}
			p := v.get("/?lang=" + url.QueryEscape(test.query))
			p.expect(t, 200, `<html lang="`+test.want+`" dir="ltr">`)
			if got := p.header.Get("Content-Language"); got != test.want {
				t.Errorf("Content-Language %q, want %q", got, test.want)
			}
			if got := p.header.Get("Vary"); got != "Accept-Language" {
				t.Errorf("Vary %q", got)
			}
		})
	}
}

func TestAVisitKeepsTheLanguageOfItsAddress(t *testing.T) {
	w := newWorld(t, nil)
	v := w.visitor()
	v.header.Set("Accept-Language", "ko")
	v.get("/phone").expect(t, 200, `<html lang="ko"`)
	if v.cookie("qrlatch_lang", "/") != "" {
		t.Error("a browser's own wish was kept")
	}
	form := v.get("/phone?lang=es_MX").form
	form.Set("account", "0")
	v.post("/phone/sign-in", form).expect(t, 200, `<html lang="es"`, "Teléfono de <bdi>Alice</bdi>")
	v.get("/phone/prompts").expect(t, 200, "Escanee un código con este teléfono")
	v.get("/phone?lang=zh_CN").expect(t, 200, `<html lang="zh-Hans"`)
	v.get("/phone").expect(t, 200, `<html lang="zh-Hans"`)
}

// Of each page one sentence is enough: the rest is the templates' own test.
func TestEveryPageSpeaksEveryLanguage(t *testing.T) {
	type wants struct{ login, open, question, approved, redeemed, overview, inside, taken, gone string }
	for tag, want := range map[string]wants{
		"en": {"Sign in with your phone", "A browser wants in at <bdi>Corner Shop</bdi>", "Let this browser in as <bdi>Alice</bdi>?",
			"Approved. Waiting for your computer…", "You can put the phone away.", "Firefox on Linux", "Signed in as <strong><bdi>Alice</bdi></strong> at",
			"Another phone was first", "This code is no longer good"},
		"zh": {"用手机登录", "有浏览器请求登录 <bdi>Corner Shop</bdi>", "允许此浏览器以 <bdi>Alice</bdi> 的身份登录？",
			"已允许，正在等待电脑…", "可以收起手机了。", "Linux 上的 Firefox", "当前身份：<strong><bdi>Alice</bdi></strong>",
			"另一台手机已先扫描", "这个二维码已失效"},
		"ko": {"휴대폰으로 로그인", "브라우저에서 <bdi>Corner Shop</bdi> 로그인을 요청합니다", "이 브라우저에서 <bdi>Alice</bdi> 님으로 로그인할까요?",
			"승인했습니다. 컴퓨터를 기다리고 있습니다…", "이제 휴대폰을 내려놓으셔도 됩니다.", "Linux의 Firefox", "<strong><bdi>Alice</bdi></strong> 님으로 로그인됨",
			"다른 휴대폰이 먼저 스캔했습니다", "더는 쓸 수 없는 코드입니다"},
		"es": {"Inicie sesión con su teléfono", "Un navegador quiere entrar en <bdi>Corner Shop</bdi>", "¿Dejar entrar a este navegador como <bdi>Alice</bdi>?",
			"Aprobado. Esperando a su equipo…", "Ya puede guardar el teléfono.", "Firefox en Linux", "como <strong><bdi>Alice</bdi></strong> desde el",
			"Otro teléfono se adelantó", "Este código ya no sirve"},
	} {
		t.Run(tag, func(t *testing.T) {
			w := newWorld(t, nil)
			alice, bob, computer := w.phone("Alice"), w.phone("Bob"), w.visitor()
			for _, v := range []*visitor{alice, bob, computer} {
				v.header.Set("Accept-Language", tag)
			}
			computer.get("/").expect(t, 200, want.login)
			id, _, code := w.begin()
			alice.get("/l/"+code).expect(t, 200, want.open)
			question := alice.scan(code)
			question.expect(t, 200, want.question, want.overview)
			bob.scan(code).expect(t, 409, want.taken)
			bob.get("/l/x").expect(t, 404, want.gone)
			alice.post(question.path+"/approve", question.form).expect(t, 200, want.approved)
			w.collect(id)
			alice.get(question.path).expect(t, 200, want.redeemed)
			alice.get("/phone").expect(t, 200, want.overview)
			w.letIn(computer)
			computer.get("/").expect(t, 200, want.inside)
		})
	}
}
