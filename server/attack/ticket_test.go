package attack

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// T21: a ticket is good once, within a minute, for its own site, with everything beside it
// as it was signed.
func TestATicketIsOfUseToNobodyElse(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.approved("shop")
		onward := w.onward(b)
		ticket := onward.Query().Get("ticket")
		if got := w.site("bank").post("/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`); got.status == http.StatusOK {
			t.Errorf("another site gets %v", got)
		}
		for _, guess := range []string{ticket[:12] + unknown()[12:], ticket[:35] + map[bool]string{true: "A", false: "Q"}[ticket[35] != 'A'], unknown()} {
			if got := w.site("shop").post("/v1/tickets/redeem", `{"ticket":"`+guess+`"}`); got.status == http.StatusOK {
				t.Errorf("the site gets a session for %s, not %s: %v", guess, ticket, got)
			}
		}
		for name, values := range onward.Query() {
			for _, value := range []string{"", values[0] + "A", "A" + values[0], strings.ToUpper(values[0]), "0"} {
				if value == values[0] {
					continue
				}
				q := onward.Query()
				q.Set(name, value)
				if got := w.from(away).get(onward.Path + "?fun=new&" + q.Encode()); !strings.Contains(got.body, "<ret>1203</ret>") {
					t.Errorf("%s=%q gets %v", name, value, got)
				}
			}
		}
		if got := w.from(home).get(onward.RequestURI() + "&fun=new"); !strings.Contains(got.body, "<ret>0</ret>") {
			t.Fatalf("its own browser gets %v", got)
		}
		if got := w.site("shop").post("/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`); got.status != http.StatusConflict {
			t.Errorf("a second time gets %v", got)
		}
	})
}

// T22, promise 3: the browser that redeemed may ask again for 40 s. Anybody else who does
// gets nothing, and there is no session any more: one of the two stole the ticket.
func TestATicketThatTwoPresentLetsNobodyIn(t *testing.T) {
	for name, thief := range map[string]func(*world) *visitor{
		"from another address": func(w *world) *visitor { return w.from(away) },
		"by another program": func(w *world) *visitor {
			v := w.from(home)
			v.agent = "curl/8.9.1"
			return v
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, nil, func(w *world) {
				page := w.onward(w.approved("shop")).RequestURI() + "&fun=new"
				browser := w.from(home)
				first := browser.get(page)
				if again := browser.get(page); again.body != first.body || !strings.Contains(first.body, "<ret>0</ret>") {
					t.Fatalf("a retry gets %v, not %v", again, first)
				}
				sid := w.find(`<wxsid>(.{24})`, first.body)
				if got := w.site("shop").get("/v1/sessions/" + sid); got.status != http.StatusOK {
					t.Fatalf("no session: %v", got)
				}
				if got := thief(w).get(page); !strings.Contains(got.body, "<ret>1203</ret>") || len(got.cookies) > 0 {
					t.Errorf("the thief gets %v", got)
				}
				if got := w.site("shop").get("/v1/sessions/" + sid); got.status != http.StatusNotFound {
					t.Errorf("the session goes on: %v", got)
				}
				if got := browser.get(page); !strings.Contains(got.body, "<ret>1203</ret>") {
					t.Errorf("a retry after that gets %v", got)
				}
			})
		})
	}
}

// T5, promise 4: whoever recorded every request of a login and sends it again, a hundred
// times, at two nodes, gets nothing.
func TestAReplayedPollGetsNothing(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.approved("shop")
		onward := w.onward(b)
		if got := w.from(home).get(onward.RequestURI() + "&fun=new"); !strings.Contains(got.body, "<ret>0</ret>") {
			t.Fatal(got)
		}
		ticket := onward.Query().Get("ticket")
		time.Sleep(41 * time.Second)
		for range 100 {
			for _, d := range doors() {
				key := b.id
				if d.lock == byTicket {
					key = ticket
				} else if d.lock != byID {
					continue
				}
				got := d.knock(w.from(home), key)
				if strings.Contains(got.body, ticket) || strings.Contains(got.body, "=200") || strings.Contains(got.body, "redirect_uri") || len(got.cookies) > 0 {
					t.Fatalf("%s: %v", d.name, got)
				}
			}
			time.Sleep(time.Second)
		}
		if got := w.from(home).get(cgi + "login?tip=1&uuid=" + b.id); got.body != "window.code=400;" {
			t.Errorf("a poll hears %v", got)
		}
	})
}

// T26: the old client runs what stands between <script> tags of the ticket page, and
// follows <redirecturl>. Nothing that a person or a site has chosen gets there.
func TestTheTicketPageRunsNothingOfAnybodys(t *testing.T) {
	hostile := `</skey><script>alert(1)</script><redirecturl>https://evil.example</redirecturl><skey>`
	change := func(s *setup) {
		people := tokens()
		people[0].Name, people[0].Picture, people[0].Subject = hostile, "https://id.example/?"+hostile, hostile
		s.web.Phones = people
		s.login.Apps[0].Disclose = login.DiscloseName
	}
	inTime(t, change, func(w *world) {
		v := w.from(home)
		v.agent = hostile
		body, _ := jsonText(hostile)
		got := v.post("/v1/logins", `{"app":"shop","state":`+body+`}`)
		b := begun{w.find(`"id":"([^"]+)"`, got.body), lastPart(w.find(`"text":"([^"]+)"`, got.body))}
		w.phone("token-of-alice").approves(w.phone("token-of-alice").scans(b.code).ID, "")
		page := w.onward(b).RequestURI()
		for name, got := range map[string]answer{
			"let in": v.get(page + "&fun=new"), "let in, v2": v.get(page + "&version=v2"), "refused": w.from(away).get(page + "&fun=new&lang2=" + url.QueryEscape(hostile)),
			"nonsense": w.from(away).get(cgi + "webwxnewloginpage?fun=new&ticket=" + url.QueryEscape(hostile) + "&lang=" + url.QueryEscape(hostile)),
		} {
			var said struct {
				XMLName xml.Name `xml:"error"`
				Inner   []struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			}
			w.must(xml.Unmarshal([]byte(got.body), &said))
			for _, e := range said.Inner {
				// An old client's expressions, which know nothing of XML.
				m := regexp.MustCompile(`<` + e.XMLName.Local + `>(.*)</` + e.XMLName.Local + `>`).FindStringSubmatch(got.body)
				if e.XMLName.Local != "message" && (m == nil || m[1] != e.Text || !regexp.MustCompile(`^[A-Za-z0-9_@%=.+/-]*$`).MatchString(e.Text)) {
					t.Errorf("%s: %s is %q to XML and %q to the client", name, e.XMLName.Local, e.Text, m)
				}
			}
			for _, tag := range []string{"<script", "redirecturl", "alert", "evil"} {
				if strings.Contains(got.body, tag) {
					t.Errorf("%s: %s", name, got.body)
				}
			}
		}
	})
}

// forPrograms are paths that are asked for with a token or a password, so by no page.
var forPrograms = regexp.MustCompile(`^/v1/(scans|sessions|tickets)(/|$)`)

// T30, T33: whatever holds a secret is kept by no cache, names itself to no other server,
// and loads nothing from one.
func TestNothingSecretIsKeptByCachesOrToldToOthers(t *testing.T) {
	inTime(t, nil, func(w *world) {
		secrets := w.fullFlow()
		seen := 0
		for _, e := range w.heard {
			set := e.header.Get("Set-Cookie") != ""
			path, _, _ := strings.Cut(e.path, "?")
			holds := set || strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/phone")
			for _, s := range secrets {
				holds = holds || e.status < 400 && strings.Contains(e.path, s) || strings.Contains(e.body, s) || strings.Contains(e.header.Get("Location"), s)
			}
			if !holds {
				continue
			}
			seen++
			if !strings.Contains(e.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s may be kept: %q", path, e.header.Get("Cache-Control"))
			}
			if policy := e.header.Get("Referrer-Policy"); policy != "no-referrer" && policy != "same-origin" && !forPrograms.MatchString(path) {
				t.Errorf("%s tells others where it is: %q", path, policy)
			}
			if other := regexp.MustCompile(`(?:src|href)="(https?:)?//[^"]*"`).FindString(e.body); other != "" && !strings.Contains(other, base) {
				t.Errorf("%s loads %s", path, other)
			}
		}
		if seen < 25 {
			t.Errorf("the test sees %d answers", seen)
		}
	})
}
