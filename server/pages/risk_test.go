package pages_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// riskWords are what each sign is called on the page, by language.
var riskWords = map[string]map[login.Risk]string{
	"en": {
		login.RiskStale: "shown a while ago", login.RiskTyped: "You typed this code", login.RiskAhead: "not on any screen yet",
		login.RiskSecondWatcher: "Two browsers", login.RiskDelay: "not been heard of", login.RiskPlace: "another country",
	},
	"zh": {
		login.RiskStale: "一段时间之前显示", login.RiskTyped: "这个代码是你输入的", login.RiskAhead: "还没有到显示的时间",
		login.RiskSecondWatcher: "两个位于不同地方的浏览器", login.RiskDelay: "没有动静", login.RiskPlace: "不在同一个国家或地区",
	},
	"ko": {
		login.RiskStale: "시간이 지난 코드", login.RiskTyped: "직접 입력한 코드", login.RiskAhead: "아직 화면에 나올 때가",
		login.RiskSecondWatcher: "브라우저 두 개가", login.RiskDelay: "한동안 소식이 없습니다", login.RiskPlace: "다른 나라",
	},
	"es": {
		login.RiskStale: "se mostró hace un rato", login.RiskTyped: "Usted escribió este código", login.RiskAhead: "aún no estaba en ninguna pantalla",
		login.RiskSecondWatcher: "Dos navegadores", login.RiskDelay: "sin dar señales", login.RiskPlace: "otro país",
	},
}

func TestThePageSaysEachSignOfARelayInWordsAndNoOther(t *testing.T) {
	for _, test := range []struct {
		name string
		scan func(t *testing.T, w *world, v *visitor) page
		want login.Risk
	}{
		{"a fresh code", func(_ *testing.T, w *world, v *visitor) page {
			_, _, code := w.begin()
			return v.scan(code)
		}, 0},
		{"a stale one", func(_ *testing.T, w *world, v *visitor) page {
			id, _, code := w.begin()
			time.Sleep(time.Minute)
			w.state(id) // it asks
			return v.scan(code)
		}, login.RiskStale},
		{"a typed one", func(t *testing.T, w *world, v *visitor) page {
			_, l, err := w.service.Start(t.Context(), login.Request{App: "demo", UserCode: true})
			if err != nil {
				t.Fatal(err)
			}
			code, _ := w.service.UserCode(l, time.Now())
			form := v.get("/phone").form
			form.Set("code", code)
			return v.post("/phone/scan", form)
		}, login.RiskTyped},
		{"one of a coming slot", func(t *testing.T, w *world, v *visitor) page {
			id, _, _ := w.begin()
			codes, err := w.service.CodesAhead(t.Context(), login.Holder{ID: string(id)}, 9)
			if err != nil {
				t.Fatal(err)
			}
			return v.scan(codes[7].Code)
		}, login.RiskAhead},
		{"two watchers", func(t *testing.T, w *world, v *visitor) page {
			id, _, code := w.begin()
			for _, addr := range []string{"192.0.2.7", "198.51.100.1"} {
				stop, err := w.service.Watch(t.Context(), login.Holder{ID: string(id), Addr: netip.MustParseAddr(addr)}, login.Pending, func(login.Login, error) {})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(stop)
			}
			return v.scan(code)
		}, login.RiskSecondWatcher},
		{"a browser that is gone", func(_ *testing.T, w *world, v *visitor) page {
			_, l, _ := w.begin()
			time.Sleep(time.Minute)
			code, _, _ := w.service.Code(l, time.Now())
			return v.scan(code)
		}, login.RiskDelay},
		{"another place", func(_ *testing.T, w *world, v *visitor) page {
			w.service.Configure(login.Config{
				Keys: w.service.Keys(), Apps: w.service.Apps(), Apart: func(netip.Addr, netip.Addr) bool { return true },
			})
			_, _, code := w.begin()
			return v.scan(code)
		}, login.RiskPlace},
	} {
		for lang, words := range riskWords {
			t.Run(test.name+" in "+lang, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, nil)
					alice := w.phone("Alice")
					alice.header.Set("Accept-Language", lang)
					question := test.scan(t, w, alice)
					question.expect(t, 200, `<html lang="`+lang)
					for sign, said := range words {
						if strings.Contains(question.body, said) != (test.want == sign) {
							t.Errorf("%q in:\n%s", said, question.body)
						}
					}
					if strings.Contains(question.body, `name="number"`) != (test.want != 0) {
						t.Error("the number does not go with the sign")
					}
				})
			})
		}
	}
}

func TestThePageSaysWhenNobodyCanShowTheNumber(t *testing.T) {
	const unseen = "cannot show the digits now"
	for _, able := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			alice := w.phone("Alice")
			id, _, code := w.begin()
			time.Sleep(time.Minute)
			if _, err := w.service.Get(t.Context(), login.Holder{ID: string(id), ShowsNumber: able}); err != nil {
				t.Fatal(err)
			}
			question := alice.scan(code)
			question.expect(t, 200, `name="number"`)
			if strings.Contains(question.body, unseen) == able {
				t.Errorf("able %v: %s", able, question.body)
			}
			refused := alice.post(question.path+"/approve", question.form)
			refused.expect(t, 422)
			if strings.Contains(refused.body, unseen) == able || w.state(id) != login.Scanned {
				t.Errorf("able %v: %s", able, refused.body)
			}
		})
	}
}

type atlas struct{}

func (atlas) Place(addr netip.Addr, lang string) (place, network string) {
	if addr != netip.MustParseAddr("192.0.2.7") {
		return "", ""
	}
	return map[string]string{"en": "Lisbon <Portugal>", "zh": "葡萄牙"}[lang], "Home & Mobile"
}

func TestThePageSaysWhereTheBrowserIs(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Places = atlas{} })
	alice := w.phone("Alice")
	_, _, code := w.begin()
	question := alice.scan(code)
	question.expect(t, 200, "<dd>Lisbon &lt;Portugal&gt;</dd>", "<dd>Home &amp; Mobile</dd>")
	alice.header.Set("Accept-Language", "zh")
	alice.get(question.path).expect(t, 200, "<dt>地点</dt><dd>葡萄牙</dd>")
	alice.header.Set("Accept-Language", "ko") // knows no place, but the network
	if page := alice.get(question.path); strings.Contains(page.body, "위치") || !strings.Contains(page.body, "통신망") {
		t.Errorf("%s", page.body)
	}
}

func TestABrowsersFamilyIsItsNameWithoutVersionOrSystem(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                              "Firefox",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0":       "Edge",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1": "Safari",
		"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)":                                                                  "Internet Explorer",
		"curl/8.5.0": "curl",
		"\n\"x\"":    "",
	} {
		if got := pages.Family(agent); got != want {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
