package dialect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"
)

// Pages do not read our answers, they run them: as script tags, or by eval. These
// tests run them too, with what each page has set before and keeps afterwards.

// wxWindow is the window of a page. What one answer sets there, the next one finds.
type wxWindow struct {
	t  *testing.T
	js *goja.Runtime
}

func newWXWindow(t *testing.T, before string) wxWindow {
	t.Helper()
	w := wxWindow{t, goja.New()}
	w.run(`var window = this; ` + before)
	return w
}

func (w wxWindow) run(script string) string {
	w.t.Helper()
	got, err := w.js.RunString(script)
	if err != nil {
		w.t.Fatalf("%v in %.200s", err, script)
	}
	return got.String()
}

func (w wxWindow) expect(script, want string) {
	w.t.Helper()
	if got := w.run(script); got != want {
		w.t.Errorf("%s is %q, want %q", script, got, want)
	}
}

func TestAStartRunsInEveryPage(t *testing.T) {
	for page, window := range map[string]string{
		"WeChat's page":     `window.QRLogin = {};`,
		"the classic page":  `window.QRLogin = window.QRLogin || {};`,
		"the QRLogin frame": `window.QRLogin = {code: 500, error: "stale", uuid: "stale"};`,
		"wechat4u":          `window = {QRLogin: {}};`,
	} {
		t.Run(page, func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				w := newWXWindow(t, window)
				first := s.get("/jslogin?appid=" + wxApp + "&fun=new&lang=undefined&_=1")
				w.run(first.body)
				w.expect(`window.QRLogin.code === 200`, "true")
				w.expect(`window.QRLogin.uuid`, strings.Split(first.body, `"`)[1])
				w.run(s.get("/jslogin?appid=nobody").body)
				w.expect(`window.QRLogin.code`, "400")
				w.expect(`window.QRLogin.error`, "no such app")
			})
		})
	}
}

// Since 2016 WeChat's page sets window.code to 0 before each poll, but never clears
// redirect_uri: as soon as it is there and names another host, the page leaves.
func TestWeChatsPageLeavesOnlyWhenApproved(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		w := newWXWindow(t, `window.QRLogin = {};`)
		poll := func(answer wxAnswer, code string) {
			t.Helper()
			w.run(`window.code = 0;`)
			w.run(answer.body)
			w.expect(`window.code`, code)
		}
		a := s.pending(wxApp)
		poll(s.ask(a.id, "1"), "408")
		a = s.scanned(wxApp)
		poll(s.ask(a.id, "0"), "201")
		w.expect(`/^data:img\/jpg;base64,[A-Za-z0-9+\/]+=*$/.test(window.userAvatar)`, "true")
		poll(s.ask(a.id, "0"), "408")
		poll(s.ask(s.denied(wxApp).id, "0"), "202")
		poll(s.ask("nothing", "0"), "400")
		w.expect(`typeof window.redirect_uri`, "undefined")
		poll(s.ask(s.approved(wxApp).id, "0"), "200")
		w.expect(`window.redirect_uri.indexOf("/login.example/") > 0`, "true")
		// The value stays behind while the next login runs.
		poll(s.ask(s.pending(wxApp).id, "1"), "408")
		w.expect(`window.redirect_uri.indexOf("https://login.example/")`, "0")
	})
}

// The classic page and the QRLogin frame keep window.code from poll to poll: an
// answer that did not set it would repeat what the last one caused.
func TestEveryPollSetsTheCode(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		told := s.scanned(wxApp)
		s.ask(told.id, "1")
		for what, answer := range map[string]wxAnswer{
			"pending":   s.ask(s.pending(wxApp).id, "1"),
			"scanned":   s.ask(s.scanned(wxApp).id, "1"),
			"told":      s.ask(told.id, "0"),
			"approved":  s.ask(s.approved(wxApp).id, "0"),
			"denied":    s.ask(s.denied(wxApp).id, "0"),
			"unknown":   s.ask("nothing", "0"),
			"malformed": s.get(wxLogin + "?uuid=%zz"),
			"twice":     s.get(wxLogin + "?uuid=a&uuid=b"),
			"no icon":   s.get(wxLogin + "?tip=1&uuid=" + string(s.scanned(wxApp).id)),
		} {
			w := newWXWindow(t, `window.code = "stale";`)
			w.run(answer.body)
			if !slices.Contains([]string{"200", "201", "202", "400", "408"}, w.run(`"" + window.code`)) {
				t.Errorf("%s: window.code is %s", what, w.run(`"" + window.code`))
			}
		}
	})
}

// The classic page never asks for the icon. It hangs on a 202 and reloads on 400.
func TestTheClassicPageIsNeverTold202(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.denied(wxApp)
		for range 2 {
			if got := s.get(wxLogin + "?tip=0&_=1&uuid=" + string(a.id)); got.body != "window.code=400;" {
				t.Errorf("told %q", got.body)
			}
		}
		// That it was told so takes nothing from a page that knows 202.
		if got := s.ask(a.id, "0"); got.body != "window.code=202;" {
			t.Errorf("with the icon: %q", got.body)
		}
	})
}

// wechat4u runs answers by eval, in a scope where window is a plain object.
func TestWechat4uEvaluatesPolls(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.approved(wxApp)
		uri, _ := s.service.RedirectURI(a.Login)
		w := newWXWindow(t, ``)
		_ = w.js.Set("body", s.ask(a.id, "0").body)
		w.expect(`(function () { var window = {}; eval(body); return window.code + " " + window.redirect_uri })()`, "200 "+uri)
		_, v := s.session(wxApp)
		_ = w.js.Set("body", s.get(wxCGI+"synccheck?"+v.query()).body)
		w.expect(`(function () { var window = {synccheck: {}}; eval(body); return window.synccheck.retcode + " " + window.synccheck.selector })()`, "0 0")
	})
}

// A script from us must survive a page that stays open through a whole night.
func TestAPageThatIsLeftOpenIsToldSoSlowly(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		begin, dead := time.Now(), 0
		for time.Since(begin) < 10*time.Minute {
			got := s.ask(a.id, "0")
			if got.body == "window.code=400;" {
				dead++
			}
			if got.took < time.Second && dead != 1 { // the one that was waiting when it expired
				t.Fatalf("after %v: %q at once", time.Since(begin), got.body)
			}
		}
		if dead < 250 || dead > 310 {
			t.Errorf("five minutes of polling a dead login took %d polls, want one a second", dead)
		}
	})
}
