package attack

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Promise 0 and T2: what a person is told of a code that somebody else has passed on, on
// the phone's app and on its page, in every language.
func TestThePhoneSaysAllThatGivesARelayAway(t *testing.T) {
	inTime(t, nil, func(w *world) {
		attacker := w.from(away)
		attacker.agent = "curl/8.9.1"
		b := attacker.begins("bank")
		time.Sleep(90 * time.Second)
		q := w.phone("token-of-alice").scans(b.code)
		if q.App.Name != "River Bank" || q.App.Origin != "https://bank.example" || q.Browser.IP != away || q.Browser.UserAgent != "curl/8.9.1" {
			t.Errorf("the app is told %+v", q)
		}
		if started, err := time.Parse(time.RFC3339, q.Browser.StartedAt); err != nil || time.Since(started).Round(time.Second) != 90*time.Second {
			t.Errorf("it began at %s, %v", q.Browser.StartedAt, err)
		}

		for lang, words := range map[string][]string{
			"en": {"1 minute ago", "looking at that browser now, and opened the page yourself"},
			"es": {"hace 1 minuto", "viendo ese navegador ahora y abrió la página usted"},
			"zh": {"1 分钟前", "正看着那个浏览器，并且页面是你自己打开的"},
			"ko": {"1분 전", "지금 그 브라우저를 보고 있고 페이지를 직접 열었을"},
		} {
			b := attacker.begins("bank")
			time.Sleep(90 * time.Second)
			handset := w.from(phones)
			handset.header.Set("Accept-Language", lang)
			handset.signsIn()
			page := handset.scansPage(b)
			for _, word := range append(words, "River Bank", "https?://bank.example|bank.example", regexp.QuoteMeta(away), "curl") {
				if !regexp.MustCompile(word).MatchString(page) {
					t.Errorf("%s: the page does not say %q:\n%s", lang, word, page)
				}
			}
			// A no is as easy to find as a yes, and comes first.
			no, yes := strings.Index(page, `<button form="deny">`), strings.Index(page, `<button form="approve">`)
			if no < 0 || yes < no {
				t.Errorf("%s: no at %d, yes at %d", lang, no, yes)
			}
			time.Sleep(time.Hour) // rates
		}
	})
}

// scansPage opens a code on the phone's page and sends the form that the page sends by itself.
func (v *visitor) scansPage(b begun) string {
	v.w.t.Helper()
	form := formOf(v.get("/l/" + b.code).body)
	got := v.post("/l/"+b.code, form.Encode())
	if got.status != http.StatusSeeOther {
		v.w.t.Fatalf("the page does not scan: %v", got)
	}
	return v.get(got.header.Get("Location")).body
}

// T3: a picture that is passed on grows old, and an old one costs the number.
func TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		app    string
		age    time.Duration
		number bool
	}{
		"fresh":                     {"shop", 0, false},
		"of the slot before":        {"shop", 39 * time.Second, false},
		"of the slot before that":   {"shop", 41 * time.Second, true},
		"minutes old":               {"shop", 4 * time.Minute, true},
		"fresh, where it is a rule": {"bank", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, nil, func(w *world) {
				browser := w.from(home)
				b := browser.begins(tt.app)
				for passed := time.Duration(0); passed < tt.age; passed += time.Second {
					browser.get("/v1/logins/" + b.id) // it is there all the time
					time.Sleep(time.Second)
				}
				alice := w.phone("token-of-alice")
				q := alice.scans(b.code)
				if q.NumberRequired != tt.number {
					t.Fatalf("number required: %v, for %v", q.NumberRequired, q.Risk)
				}
				if !tt.number {
					return
				}
				for _, guess := range []string{"", "00", "1" + w.number(b)} {
					if got := alice.approves(q.ID, guess); got.status != http.StatusUnprocessableEntity {
						t.Errorf("number %q: %v", guess, got)
					}
				}
				if got := alice.approves(q.ID, w.number(b)); got.status != http.StatusGone || w.status(b) != "denied" {
					t.Errorf("after three wrong numbers: %v, %s", got, w.status(b))
				}
			})
		})
	}
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		time.Sleep(5*time.Minute + time.Second)
		if got := w.phone("token-of-alice").post("/v1/scans", `{"code":"`+b.code+`"}`); got.status != http.StatusNotFound {
			t.Errorf("a dead code: %v", got)
		}
	})
}

// T3: a client draws its login id itself, so that its picture is as old as its login.
func TestAPictureThatAClientHasDrawnGrowsOldAsWell(t *testing.T) {
	for age, number := range map[time.Duration]bool{10 * time.Second: false, 45 * time.Second: true} {
		inTime(t, nil, func(w *world) {
			terminal := w.from(home)
			b := terminal.beginsWeChat("shop")
			for passed := time.Duration(0); passed < age; passed += 5 * time.Second {
				terminal.get("/v1/logins/" + b.id)
				time.Sleep(5 * time.Second)
			}
			if q := w.phone("token-of-alice").scans(b.id); q.NumberRequired != number {
				t.Errorf("after %v: number required: %v, for %v", age, q.NumberRequired, q.Risk)
			}
			// From now on the id alone, which was on a screen, is worth nothing.
			if got := w.from(away).get(cgi + "login?tip=1&uuid=" + b.id); got.body != "window.code=400;" {
				t.Errorf("a photographer hears %v", got)
			}
			if got := terminal.get(cgi + "login?tip=1&loginicon=true&uuid=" + b.id); !strings.Contains(got.body, "window.code=201;") {
				t.Errorf("the client hears %v", got)
			}
		})
	}
}

// T2, T13: a yes that nobody collects within a minute is void, and the phone knows.
func TestAYesThatNobodyCollectsIsVoidAfterAMinute(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.approved("shop")
		onward := w.onward(b).RequestURI()
		time.Sleep(61 * time.Second)
		thief := w.from(home)
		if got := thief.get(cgi + "login?tip=0&uuid=" + b.id); got.body != "window.code=400;" {
			t.Errorf("a poll hears %v", got)
		}
		if got := thief.get(onward + "&fun=new"); !strings.Contains(got.body, "<ret>1203</ret>") || len(got.cookies) > 0 {
			t.Errorf("the ticket gets %v", got)
		}
		ticket := w.find(`ticket=([^&]+)`, onward)
		if got := w.site("shop").post("/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`); got.status == http.StatusOK {
			t.Errorf("the site gets %v", got)
		}
		if got := w.phone("token-of-alice").get("/v1/scans/" + string(w.handle(b))); !strings.Contains(got.body, `"state":"expired"`) {
			t.Errorf("the phone is told %v", got)
		}
	})
}

// T2: two addresses wait for the login when it is scanned. One browser that comes back,
// or changes its dialect, is not two.
func TestASecondWatcherCostsTheNumber(t *testing.T) {
	for name, tt := range map[string]struct {
		second string
		number bool
	}{"from elsewhere": {away, true}, "from the same address": {home, false}} {
		t.Run(name, func(t *testing.T) {
			inTime(t, nil, func(w *world) {
				b := w.from(home).begins("shop")
				waits := func(addr, target string) {
					go w.from(addr).get(target) // held
				}
				waits(home, cgi+"login?tip=1&loginicon=true&uuid="+b.id)
				waits(tt.second, "/v1/logins/"+b.id+"?since=pending&wait=20")
				time.Sleep(time.Second)
				q := w.phone("token-of-alice").scans(b.code)
				if page := w.askedPage(q); strings.Contains(page, "Two browsers in different places wait") != tt.number {
					t.Errorf("the page says %s", page)
				}
				if q.NumberRequired != tt.number || strings.Contains(strings.Join(q.Risk, " "), "second_watcher") != tt.number {
					t.Errorf("number required: %v, for %v", q.NumberRequired, q.Risk)
				}
				time.Sleep(time.Minute) // all are answered
			})
		})
	}
}

// askedPage is the phone's page of a question that was scanned by the app of the same person.
func (w *world) askedPage(q question) string {
	w.t.Helper()
	handset := w.from(phones)
	handset.signsIn()
	return handset.get("/phone/scans/" + q.ID).body
}

// T2: nobody had asked for the login for a while: whoever shows this picture is not the
// page that began it.
func TestAPictureWithoutItsPageCostsTheNumber(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(away).begins("shop")
		time.Sleep(38 * time.Second) // the code is of the slot before
		if q := w.phone("token-of-alice").scans(b.code); !q.NumberRequired || !strings.Contains(strings.Join(q.Risk, " "), "delay") {
			t.Errorf("number required: %v, for %v", q.NumberRequired, q.Risk)
		}
	})
}

// T10, promise 5: link previews, crawlers and prefetching browsers open whatever they are
// shown. None of it marks, scans, approves or denies.
func TestNoGETOrHEADChangesALogin(t *testing.T) {
	bots := []string{
		"facebookexternalhit/1.1", "Twitterbot/1.0", "Slackbot-LinkExpanding 1.0", "TelegramBot (like TwitterBot)", "WhatsApp/2.23.20.0",
		"Discordbot/2.0", "Googlebot/2.1", "SkypeUriPreview Preview/0.5", "LinkedInBot/1.0", "bingbot/2.0", "Applebot/0.1", "MicroMessenger/8.0",
		"QQ/8.9", "Weibo (iPhone)", "Line/13.1", "kakaotalk-scrap/1.0", "Mozilla/5.0 (compatible; Barracuda Sentinel)", "Microsoft Office Protocol Discovery",
		"Java/17.0.1", "",
	}
	inTime(t, func(s *setup) { s.login.LoginTTL = time.Hour }, func(w *world) {
		pending, scanned := w.from(home).begins("shop"), w.from(home).begins("shop")
		alice := w.phone("token-of-alice")
		q := alice.scans(scanned.code)
		handset := w.from(phones)
		handset.signsIn()
		for _, agent := range bots {
			for _, v := range []*visitor{alice, handset, w.from(away)} {
				v.agent = agent
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					for _, target := range []string{
						"/l/" + pending.code, "/l/" + scanned.code, "/l/" + scanned.code + "?approve=1", "/phone/scan?code=" + pending.code,
						"/v1/scans?code=" + pending.code, "/v1/scans/" + q.ID, "/v1/scans/" + q.ID + "/approve", "/v1/scans/" + q.ID + "/deny",
						"/phone/scans/" + q.ID, "/phone/scans/" + q.ID + "/approve", "/phone/scans/" + q.ID + "/deny",
					} {
						v.do(method, target, "")
					}
				}
			}
			time.Sleep(time.Minute)
			if a, b := w.status(pending), w.status(scanned); a != "pending" || b != "scanned" {
				t.Fatalf("after %q: %s and %s", agent, a, b)
			}
		}
	})
}
