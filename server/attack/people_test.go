package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// slowIssuer takes 4 s to say of a token whether it is one of Ada's.
type slowIssuer struct {
	*identityProvider
	asking, most, asked atomic.Int64
}

func (s *slowIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/introspect" {
		return s.identityProvider.RoundTrip(r)
	}
	s.asked.Add(1)
	s.most.Store(max(s.most.Load(), s.asking.Add(1)))
	defer s.asking.Add(-1)
	select {
	case <-time.After(4 * time.Second):
		return s.identityProvider.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// T40: made-up tokens, a flood of them, keep no phone out, though each of them would have a
// slow issuer asked. Ada's phone, which was here before, is beside the attacker, behind one
// address; Alice's needs nobody to be asked. An attacker with many addresses has no more of
// the issuer's time, and whoever is limited is told when to come back.
func TestMadeUpTokensKeepNoPhoneOut(t *testing.T) {
	for name, addresses := range map[string]int{"from one address, that of the phones": 1, "from many": 400} {
		t.Run(name, func(t *testing.T) {
			var issuer slowIssuer
			change := func(s *setup) {
				s.web.Phones = &phone.Chain{Authenticators: []phone.Authenticator{tokens(), phone.NewIntrospection(phone.IntrospectionConfig{
					URL: "https://id.example/introspect", ClientID: "qrlatch", ClientSecret: "secret", Audience: "qrlatch", Transport: &issuer,
				})}}
			}
			inTime(t, change, func(w *world) {
				issuer.identityProvider = w.issuer
				alice, ada := w.phone("token-of-alice"), w.phone("opaque-token-of-ada")
				if got := ada.get("/v1/scans"); got.status != http.StatusOK {
					t.Fatal(got)
				}
				time.Sleep(31 * time.Second) // what was said of Ada's holds no more
				issuer.asked.Store(0)
				b := w.from(home).begins("shop")
				var flood sync.WaitGroup
				for n := range 3000 {
					flood.Go(func() {
						addr := phones
						if addresses > 1 {
							addr = fmt.Sprintf("198.18.%d.%d", n%addresses/200, n%addresses%200)
						}
						time.Sleep(time.Duration(n/1000) * 4 * time.Second) // in three waves
						got := w.from(addr).get("/v1/scans", fmt.Sprintf("Authorization: Bearer made-up-%d", n))
						if limited := got.status == http.StatusTooManyRequests; !limited && got.status != http.StatusUnauthorized || limited && got.header.Get("Retry-After") == "" {
							t.Errorf("the attacker: %v", got)
						}
					})
				}
				synctest.Wait()
				if got := alice.get("/v1/scans"); got.status != http.StatusOK || got.took > 0 {
					t.Errorf("Alice after %v: %v", got.took, got)
				}
				began := time.Now()
				q := ada.scans(b.code)
				if got := ada.approves(q.ID, ""); got.status != http.StatusOK {
					t.Errorf("Ada: %v", got)
				}
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("Ada waits %v, the issuer takes 4s", took)
				}
				flood.Wait()
				if addresses == 1 && issuer.most.Load() > 9 || issuer.most.Load() > 25 || issuer.asked.Load() > 100 {
					t.Errorf("of 3000 the issuer was asked about %d, about %d at a time", issuer.asked.Load(), issuer.most.Load())
				}
			})
		})
	}
}

// T11: an address may have so many tokens refused, and no more, of whatever kind; good ones
// go on to pass there.
func TestTokensAreNotGuessedFromOneAddress(t *testing.T) {
	for kind, made := range map[string]func(n int) string{
		"opaque": func(n int) string { return fmt.Sprint("made-up-", n) },
		"a JWT": func(n int) string {
			part := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"iss":"https://id.example","aud":"qrlatch","sub":"alice-7f3","exp":%d,"n":%d}`, time.Now().Unix()+60, n)))
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + part + ".AAAA"
		},
	} {
		t.Run(kind, func(t *testing.T) {
			inTime(t, nil, func(w *world) {
				refused := 0
				for n := range 1000 {
					if got := w.phone(made(n)).get("/v1/scans"); got.status == http.StatusUnauthorized {
						refused++
					} else if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
						t.Fatal(got)
					}
				}
				w.issuer.mu.Lock()
				asked := strings.Count(strings.Join(w.issuer.secrets, " "), "made-up-")
				w.issuer.mu.Unlock()
				if refused > 60 || asked > 60 {
					t.Errorf("%d were looked at, and the issuer was asked about %d", refused, asked)
				}
				for _, good := range []string{"token-of-alice", w.issuer.jwt("qrlatch")} {
					if got := w.phone(good).get("/v1/scans"); got.status != http.StatusOK {
						t.Errorf("a good one: %v", got)
					}
				}
			})
		})
	}
}

// T11: passwords are not guessed from many addresses either, and whoever tries keeps nobody
// out of a browser of his own.
func TestPasswordsAreNotGuessedFromManyAddresses(t *testing.T) {
	inTime(t, nil, func(w *world) {
		handset := w.from(phones)
		handset.signsIn()
		handset.post("/phone/sign-out", formOf(handset.get("/phone").body).Encode())
		looked := 0
		for n := range 1000 {
			thief := w.from(fmt.Sprintf("198.18.%d.%d", n/250, n%250))
			if n%2 == 0 {
				thief.addr = phones // beside Alice
			}
			form := formOf(thief.get("/phone").body)
			form.Set("account", "0")
			form.Set("password", fmt.Sprint("guess-", n))
			switch got := thief.post("/phone/sign-in", form.Encode()); {
			case got.status == http.StatusForbidden:
				looked++
			case got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "":
				t.Fatal(got)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if looked > 20 {
			t.Errorf("%d passwords were looked at in %v", looked, 500*time.Second)
		}
		handset.signsIn()
	})
}
