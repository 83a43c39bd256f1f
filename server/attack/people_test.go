package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/phone"
)

// T4: the first phone has the code. Another one is told so, and moves nothing.
func TestASecondPhoneGetsNothing(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		alice, mallory := w.phone("token-of-alice"), w.phone("token-of-bob")
		q := alice.scans(b.code)
		for what, got := range map[string]answer{
			"scan":    mallory.post("/v1/scans", `{"code":"`+b.code+`"}`),
			"look":    mallory.get("/v1/scans/" + q.ID),
			"approve": mallory.approves(q.ID, ""),
			"deny":    mallory.post("/v1/scans/"+q.ID+"/deny", ""),
		} {
			if got.status != http.StatusForbidden && got.status != http.StatusConflict {
				t.Errorf("%s: %v", what, got)
			}
		}
		if got := w.status(b); got != "scanned" {
			t.Errorf("it is %s", got)
		}
	})
}

// T6: a client cannot choose its login's id, and an id that was never given out is dead.
func TestAClientCannotChooseItsLoginID(t *testing.T) {
	inTime(t, nil, func(w *world) {
		mine := unknown()
		v := w.from(away)
		for _, target := range []string{
			"/jslogin?appid=shop&uuid=" + mine + "&id=" + mine, "/v1/logins.js?app=shop&callback=f&id=" + mine + "&uuid=" + mine,
			"/qrcodelogin/generateQRCode4Login.do?appkey=shop&lgToken=" + mine, "/embed/plain?app=shop&id=" + mine,
		} {
			if got := v.get(target, "Cookie: uuid="+mine+"; lgToken="+mine); strings.Contains(got.body, mine) {
				t.Errorf("%s: %v", target, got)
			}
		}
		if got := v.post("/v1/logins", `{"app":"shop","id":"`+mine+`","uuid":"`+mine+`"}`); strings.Contains(got.body, mine) || got.status != 201 {
			t.Errorf("JSON: %v", got)
		}
		for _, d := range doors() {
			if got, open := opened(d, v, mine); open {
				t.Errorf("%s opens: %v", d.name, got)
			}
		}
	})
}

// T7, promise 6: a phone is who its token says. Nothing else in a request is an identity.
func TestNobodyApprovesInAnothersName(t *testing.T) {
	claims := func(alg string, claims string) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"`+alg+`","typ":"JWT"}`) + "." + part(claims) + "."
	}
	inTime(t, nil, func(w *world) {
		b := w.from(home).begins("shop")
		bob := w.phone("token-of-bob")
		code := `"code":"` + b.code + `"`
		got := bob.post("/v1/scans?sub=alice-7f3&user_id=alice-7f3", `{`+code+`,"sub":"alice-7f3","user_id":"alice-7f3","user":{"sub":"alice-7f3"},"subject":"alice-7f3"}`,
			"X-User: alice-7f3", "X-Forwarded-User: alice-7f3", "Remote-User: alice-7f3", "Cookie: user=alice-7f3")
		var q question
		w.parse(got.body, &q)
		if got := bob.post("/v1/scans/"+q.ID+"/approve", `{"sub":"alice-7f3","user_id":"alice-7f3"}`); got.status != 200 {
			t.Fatal(got)
		}
		var said struct{ User struct{ Sub string } }
		w.parse(w.site("shop").post("/v1/tickets/redeem", `{"ticket":"`+w.onward(b).Query().Get("ticket")+`"}`).body, &said)
		if said.User.Sub != "bob-92c" {
			t.Errorf("%q is in", said.User.Sub)
		}

		soon := time.Now().Add(time.Hour).Unix()
		good := fmt.Sprintf(`{"iss":"https://id.example","aud":"qrlatch","sub":"alice-7f3","exp":%d}`, soon)
		for name, bearer := range map[string]string{
			"nobody": "", "a wrong token": "token-of-carol", "alg none": claims("none", good), "alg None": claims("None", good),
			"no signature": claims("HS256", good), "RS256 without a key": claims("RS256", good) + "AAAA",
			"a name": "alice-7f3", "for somebody else": w.issuer.jwt("somebody-else"), "the hash of a token": fmt.Sprintf("%x", tokens()[0].TokenSHA256),
		} {
			b := w.from(home).begins("shop")
			if got := w.phone(bearer).post("/v1/scans", `{"code":"`+b.code+`","sub":"alice-7f3"}`); got.status != http.StatusUnauthorized || w.status(b) != "pending" {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// T8, promise 6: whoever shows people a code learns nothing of who scans it, at any
// door, unless the site has said what he may.
func TestAScanTellsNothingOfThePerson(t *testing.T) {
	const name, picture, subject = "Zaphod-Marker", "https://id.example/trillian-marker.png", "subject-marker@example.org"
	for disclose, allowed := range map[login.Disclosure][]string{
		login.DiscloseNothing: nil, login.DiscloseAvatar: {picture}, login.DiscloseName: {picture, name},
	} {
		change := func(s *setup) {
			people := tokens()
			people[0].Subject, people[0].Name, people[0].Picture = subject, name, picture
			s.web.Phones = people
			s.login.Apps[0].Disclose = disclose
		}
		inTime(t, change, func(w *world) {
			b := w.from(home).begins("shop")
			w.phone("token-of-alice").scans(b.code)
			seen := ""
			for _, d := range doors() {
				got, _ := opened(d, w.from(home), b.id)
				header, _ := json.Marshal(got.header)
				seen += got.body + string(header)
			}
			for _, marker := range []string{name, picture, subject, "zaphod", "trillian", "subject-marker", phone.TokensIssuer + `"`} {
				may := false
				for _, a := range allowed {
					may = may || strings.Contains(strings.ToLower(a), strings.ToLower(marker))
				}
				if told := strings.Contains(strings.ToLower(seen), strings.ToLower(marker)); told && !may {
					t.Errorf("disclose %d: the browser is told %q", disclose, marker)
				}
			}
			for _, a := range allowed {
				if !strings.Contains(seen, a) {
					t.Errorf("disclose %d: the test sees nothing of %q", disclose, a)
				}
			}
		})
	}
}

// T9: a person is asked so often and no more, whoever asks.
func TestNobodyIsWornOutByQuestions(t *testing.T) {
	inTime(t, func(s *setup) { s.web.Limits.StartsPerAddress = 0 }, func(w *world) {
		alice := w.phone("token-of-alice")
		asked := 0
		for range 50 {
			got := alice.post("/v1/scans", `{"code":"`+w.from(away).begins("shop").code+`"}`)
			switch {
			case got.status == http.StatusCreated:
				asked++
			case got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "":
				t.Fatal(got)
			}
		}
		if asked > 20 {
			t.Errorf("asked %d times in a minute", asked)
		}
		// A yes has to be said: there is nothing that says it by itself.
		if got := alice.get("/v1/scans"); strings.Contains(got.body, `"approved"`) {
			t.Errorf("%v", got)
		}
	})
}
