package attack

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"qrlatch/server/login"
)

// asksByPush has a browser ask Alice's phone by its push ticket. It returns the login and
// what her phone is told of it.
func (v *visitor) asksByPush() (begun, question) {
	v.w.t.Helper()
	b := begun{id: v.w.find(`"uuid":"([^"]+)"`, v.get(cgi+"webwxpushloginurl?uin="+v.w.uin).body)}
	var asked []question
	v.w.parse(v.w.phone("token-of-alice").get("/v1/scans").body, &asked)
	i := slices.IndexFunc(asked, func(q question) bool { return q.ID == string(v.w.handle(b)) })
	if i < 0 {
		v.w.t.Fatalf("the phone is not asked: %v", asked)
	}
	return b, asked[i]
}

// T2, promise 5: whoever has copied a browser's cookies and uses them in another country
// needs the number from the person whom he asks; the browser itself does not.
func TestAThiefOfCookiesInAnotherCountryNeedsTheNumber(t *testing.T) {
	change := func(s *setup) {
		s.login.Apart = func(a, b netip.Addr) bool { return (a.String() == away) != (b.String() == away) }
	}
	inTime(t, change, func(w *world) {
		victim := w.wechatIn()
		thief := w.from(away)
		thief.agent, thief.jar = victim.agent, victim.jar // from here on he has the renewed cookies as well
		alice := w.phone("token-of-alice")
		for range 2 { // asking again makes him no native
			b, q := thief.asksByPush()
			if !q.NumberRequired || !slices.Contains(q.Risk, "place") {
				t.Errorf("the phone is told %+v", q)
			}
			if got := alice.approves(q.ID, ""); got.status != http.StatusUnprocessableEntity || w.status(b) != "scanned" {
				t.Errorf("a yes without the number: %v", got)
			}
			handset := w.from(phones)
			handset.signsIn()
			page := handset.get("/phone/scans/" + q.ID).body
			for _, says := range []string{`name="number"`, "than when you last let it in", "You did not scan anything", away} {
				if !strings.Contains(page, says) {
					t.Errorf("the phone's page does not say %q:\n%s", says, page)
				}
			}
		}
		b, q := victim.asksByPush()
		if q.NumberRequired || len(q.Risk) != 0 {
			t.Errorf("of the browser itself the phone is told %+v", q)
		}
		if got := alice.approves(q.ID, ""); got.status != http.StatusOK || w.status(b) != "approved" {
			t.Errorf("a yes to the browser itself: %v", got)
		}
	})
}

// T49: once a stolen key is taken away, whoever asks is told that its logins and sessions
// are over: the site, the browser and the phone.
func TestAStolenKeyEndsItsLoginsAndSessions(t *testing.T) {
	inTime(t, nil, func(w *world) {
		use := func(lines string) {
			keys, err := login.ParseKeys(strings.NewReader(lines))
			w.must(err)
			w.config.Keys = keys
			w.service.Configure(w.config)
		}
		use(login.NewKeyLine() + "\n" + w.firstKey) // account numbers hang on the first, which stays
		victim := w.wechatIn()
		b := w.approved("bank")
		session := w.find(`"id":"([^"]+)"`, w.site("bank").post("/v1/tickets/redeem", `{"ticket":"`+w.onward(b).Query().Get("ticket")+`"}`).body)
		pending, approved := w.from(home).begins("shop"), w.approved("shop")
		if got := w.site("bank").get("/v1/sessions/" + session); got.status != http.StatusOK {
			t.Fatal(got)
		}

		use(w.firstKey)
		if got := w.site("bank").get("/v1/sessions/" + session); got.status != http.StatusNotFound {
			t.Errorf("the site is told of its session: %v", got)
		}
		alice := w.phone("token-of-alice")
		for _, path := range []string{"/v1/sessions", "/v1/scans"} {
			if got := alice.get(path); strings.TrimSpace(got.body) != "[]" {
				t.Errorf("the phone is told at %s: %v", path, got)
			}
		}
		for name, b := range map[string]begun{"pending": pending, "approved": approved} {
			if s := w.status(b); s != "expired" {
				t.Errorf("a login that was %s is %s", name, s)
			}
		}
		if got := victim.get(cgi + "webwxpushloginurl?uin=" + w.uin); strings.Contains(got.body, "uuid") {
			t.Errorf("the push ticket is good: %v", got)
		}
	})
}
