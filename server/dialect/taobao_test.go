package dialect_test

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

const (
	taobaoStart = "/qrcodelogin/generateQRCode4Login.do?from=tb&appkey=00000000"
	taobaoCheck = "/qrcodelogin/qrcodeLoginCheck.do?defaulturl=&lgToken="
)

// taobaoCodes are every state and its code.
var taobaoCodes = map[string]int{
	"pending": 10000, "scanned": 10001, "approved": 10006, "denied": 10003, "redeemed": 10004, "expired": 10004, "unknown": 10004,
}

// taobaoClients are how public clients get at the JSON of an answer: the query that they
// add, and the cut.
var taobaoClients = []struct {
	name, query string
	cut         func(body string) string
}{
	// Wang-Jay's seckill counts 18 + len(n) bytes from the front and 7 from the end.
	{"Wang-Jay", "&_ksTS=1500000000000_214&callback=jsonp215", func(body string) string { return body[18+len("215"):][:len(body)-18-len("215")-7] }},
	{"Wang-Jay with more digits", "&_ksTS=1500000000000_1023&callback=jsonp1024", func(body string) string { return body[18+len("1024"):][:len(body)-18-len("1024")-7] }},
	{"a cut of text", "&callback=jsonp7", func(body string) string {
		return strings.ReplaceAll(strings.ReplaceAll(body, "(function(){jsonp7(", ""), ");})();", "")
	}},
	{"an expression", "&callback=json", func(body string) string { return found(regexp.MustCompile(`json\(([^\)]+)\)`), body) }},
	{"bare JSON", "", func(body string) string { return body }},
}

func TestEveryWayToCutTheWrapperLeavesTheJSON(t *testing.T) {
	for _, client := range taobaoClients {
		t.Run(client.name, func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				var start struct {
					Success bool
					URL     string
					LgToken string `json:"lgToken"`
				}
				body := s.get(taobaoStart + client.query).body
				if err := json.Unmarshal([]byte(client.cut(body)), &start); err != nil || !start.Success {
					t.Fatalf("%s: %v", body, err)
				}
				if u, err := url.Parse("https:" + start.URL); err != nil || u.Host != "login.example" || s.get(u.RequestURI()).status != 200 {
					t.Errorf("no picture at %s", start.URL)
				}
				for state, want := range taobaoCodes {
					a, _ := (&wxCase{wxServer: s}).loginIn(state, "brackets")
					body := s.get(taobaoCheck + string(a.id) + client.query).body
					var check struct {
						Code    int `json:"code,string"` // what Go clients want: digits in quotes
						Success bool
						URL     string
					}
					if err := json.Unmarshal([]byte(client.cut(body)), &check); err != nil || check.Code != want || !check.Success || (check.URL != "") != (state == "approved") {
						t.Errorf("%s: %+v %v from %s", state, check, err, body)
					}
				}
			})
		})
	}
}

// DecryptLogin asks every second, cuts uid and token out of the text, and goes to the
// address with one more parameter.
func TestDecryptLogin(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		var start struct{ LgToken string }
		s.must(json.Unmarshal([]byte(s.get(taobaoStart).body), &start))
		a := wxAttempt{id: login.ID(start.LgToken)}
		var err error
		a.Login, err = s.service.Get(t.Context(), login.Holder{ID: start.LgToken})
		s.must(err)
		done := s.later(2500*time.Millisecond, func(ctx context.Context) error {
			if err := jsonDeeds["scanned"](s, ctx, a); err != nil {
				return err
			}
			time.Sleep(3 * time.Second)
			return jsonDeeds["approved"](s, ctx, a)
		})
		var codes []string
		var to string
		for range 180 {
			var check struct{ Code, URL string }
			s.must(json.Unmarshal([]byte(s.get(taobaoCheck+start.LgToken).body), &check))
			codes = append(codes, check.Code)
			if to = check.URL; to != "" {
				break
			}
			time.Sleep(time.Second)
		}
		<-done
		if got := strings.Join(codes, " "); got != "10000 10000 10000 10001 10001 10001 10006" {
			t.Errorf("it hears %s", got)
		}
		m := regexp.MustCompile(`uid=(.*?)&token=(.*?)&`).FindStringSubmatch(to)
		if m == nil {
			t.Fatalf("no uid and token in %s", to)
		}
		if uid, err := url.QueryUnescape(m[1]); err != nil || uid != alice().Name {
			t.Errorf("uid is %q", uid)
		}
		u, err := url.Parse(to + "&umid_token=C1500000000000")
		s.must(err)
		if m[2] != u.Query().Get("ticket") {
			t.Errorf("token is %q, the ticket %q", m[2], u.Query().Get("ticket"))
		}
		if page := s.get(u.RequestURI()); !strings.Contains(page.body, "<ret>0</ret>") {
			t.Errorf("the page says %d %s", page.status, page.body)
		}
	})
}

// token is the ticket, whatever a registered address has for parameters of its own.
func TestTheTokenIsTheTicketWhateverTheSitesAddressHas(t *testing.T) {
	for _, uri := range []string{
		"https://a.example/in", "https://a.example/in?", "https://a.example/in?a=b", "https://a.example/in?a=ticketed", "https://a.example/in?myticket=7",
		"https://a.example/ticket=7?a=b", "https://a.example/?uid=1&token=2",
	} {
		t.Run(uri, func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				s.service.Configure(login.Config{Keys: s.service.Keys(), Apps: []login.App{{ID: "a", RedirectURIs: []string{uri}}}})
				a := s.approved("a")
				var check struct{ URL string }
				s.must(json.Unmarshal([]byte(s.get(taobaoCheck+string(a.id)).body), &check))
				m := regexp.MustCompile(`uid=(.*?)&token=(.*?)&`).FindStringSubmatch(check.URL)
				if m == nil || m[2] != mustQuery(s.redirect(a)).Get("ticket") {
					t.Errorf("token is wrong in %s", check.URL)
				}
				if !strings.HasPrefix(check.URL, strings.SplitAfter(uri+"?", "?")[0]+"uid=") {
					t.Errorf("uid is not the first parameter of %s", check.URL)
				}
			})
		})
	}
}

// What a person is called stays within the letters that every client's redirect_uri is cut
// and decoded by: + is a space to some and a plus to others.
func TestANameInTheAddressIsLettersAndPercents(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		who := alice()
		who.Name = "A. B+c~d (e)/;&=?#é\"'"
		l, err := s.service.Get(t.Context(), login.Holder{ID: string(a.id)})
		s.must(err)
		code, _, _ := s.service.Code(l, time.Now())
		_, err = s.service.Scan(t.Context(), who, code, time.Time{})
		s.must(err)
		_, err = s.service.Approve(t.Context(), who.Phone, string(l.Handle), "")
		s.must(err)
		var check struct{ URL string }
		s.must(json.Unmarshal([]byte(s.get(taobaoCheck+string(a.id)).body), &check))
		_, query, _ := strings.Cut(check.URL, "?")
		if !regexp.MustCompile(`^([\w-]+=([\w-]|%[0-9A-F]{2})*(&|$))+$`).MatchString(query) {
			t.Errorf("the parameters are %s", query)
		}
		if got := mustQuery(check.URL).Get("uid"); got != who.Name {
			t.Errorf("uid is %q", got)
		}
	})
}

// Public clients ask every half second, second or three. None is told anything but how
// things stand, and none is answered more often than sixty times a minute for long.
func TestTaobaoChecksAreAnsweredOnceASecondAndAllInItsWords(t *testing.T) {
	for _, tt := range []struct {
		sleeps   time.Duration
		atMost   int // answers in four minutes: twenty at once, then one a second
		heldMost time.Duration
	}{
		{0, 20 + 4*60, time.Second},
		{500 * time.Millisecond, 20 + 4*60, time.Second},
		{time.Second, 4 * 60, 0},
		{3 * time.Second, 4 * 20, 0},
	} {
		t.Run(tt.sleeps.String(), func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				a := s.pending(wxApp)
				answers, held := 0, time.Duration(0)
				for began := time.Now(); time.Since(began) < 4*time.Minute; time.Sleep(tt.sleeps) {
					got := s.get(taobaoCheck + string(a.id))
					if got.body != `{"code":"10000","message":"login start state","success":true}` || got.status != 200 {
						t.Fatalf("answer %d: %d %s", answers, got.status, got.body)
					}
					if answers, held = answers+1, max(held, got.took); answers > 2*tt.atMost {
						t.Fatalf("%d answers in %v", answers, time.Since(began))
					}
				}
				if answers < tt.atMost-30 || answers > tt.atMost+1 || held > tt.heldMost {
					t.Errorf("%d answers, at most %d; one was held %v, at most %v", answers, tt.atMost, held, tt.heldMost)
				}
			})
		})
	}
}

// What has happened while a check was held is in its answer.
func TestATaobaoCheckThatWasHeldSaysHowThingsStandNow(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		for range 20 {
			s.get(taobaoCheck + string(a.id))
		}
		done := s.later(100*time.Millisecond, func(ctx context.Context) error { return jsonDeeds["scanned"](s, ctx, a) })
		if got := s.get(taobaoCheck + string(a.id)); got.took != time.Second || !strings.Contains(got.body, `"10001"`) {
			t.Errorf("%s after %v", got.body, got.took)
		}
		<-done
	})
}

// Who changes between the two dialects that poll has no more polls than who does not.
func TestPollsInJSONAndByTaobaosWordsAreOneCount(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending("plain")
		json := func() wxAnswer { return s.poll(a.id, "") }
		taobao := func() wxAnswer { return s.get(taobaoCheck + string(a.id)) }
		for n := range 10 {
			for name, got := range map[string]wxAnswer{"JSON": json(), "Taobao": taobao()} {
				if got.status != 200 || got.took != 0 {
					t.Fatalf("%s %d: %d after %v", name, n+1, got.status, got.took)
				}
			}
		}
		if got := json(); got.status != 429 {
			t.Errorf("the 21st, in JSON: %d", got.status)
		}
		if got := taobao(); got.status != 200 || got.took != time.Second {
			t.Errorf("the 21st, by Taobao's words: %d after %v", got.status, got.took)
		}
		if got := json(); got.status != 429 {
			t.Errorf("the next second's was used: %d", got.status)
		}
		if got := s.get(taobaoCheck + string(s.pending("plain").id)); got.took != 0 {
			t.Errorf("another login pays for it: %v", got.took)
		}
	})
}
