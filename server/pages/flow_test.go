package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

func TestApprovingLetsTheBrowserIn(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	id, l, code := w.begin()

	alice.get("/l/"+code).expect(t, 200, "A browser wants in at <bdi>Corner Shop</bdi>", "https://shop.example", "Continue")
	question := alice.scan(code)
	question.expect(t, 200, "Let this browser in as <bdi>Alice</bdi>?", "Corner Shop", "https://shop.example", "Firefox on Linux", "192.0.2.7", "Approve", "Deny")
	if question.path != "/phone/scans/"+string(l.Handle) || w.state(id) != login.Scanned {
		t.Fatalf("at %s, %s", question.path, w.state(id))
	}
	approved := alice.post(question.path+"/approve", question.form)
	approved.expect(t, 200, "Approved. Waiting for your computer", `<noscript><meta http-equiv="refresh" content="3;`)
	if strings.Contains(approved.body, "Your computer is in") {
		t.Error("told of a browser that has not collected")
	}
	w.collect(id)
	alice.get(approved.path).expect(t, 200, "Your computer is in.")
	alice.post(question.path+"/approve", question.form).expect(t, 200, "Your computer is in.")
	alice.post(question.path+"/deny", question.form).expect(t, 410, "You said yes already")
}

func TestDenyingLetsNobodyIn(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	id, _, code := w.begin()
	question := alice.scan(code)
	alice.post(question.path+"/deny", question.form).expect(t, 200, "You said no.")
	alice.post(question.path+"/approve", question.form).expect(t, 410, "You said no.")
	if w.state(id) != login.Denied {
		t.Error(w.state(id))
	}
}

func TestOtherPhonesAndDeadCodesAreToldInWords(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.phone("Alice"), w.phone("Bob")
	_, _, code := w.begin()
	question := alice.scan(code)
	bob.scan(code).expect(t, 409, "Another phone was first")
	bob.get(question.path).expect(t, 403, "Not your question")
	bob.post(question.path+"/approve", bob.get("/phone").form).expect(t, 403, "Not your question")
	bob.get("/l/"+strings.Repeat("a", 28)).expect(t, 404, "This code is no longer good")
	bob.get("/phone/scans/aaaaaaaaaaaa").expect(t, 404, "This code is no longer good")
	bob.get("/demo/scan/nonsense").expect(t, 404, "This code is no longer good")
	typed := bob.get("/phone").form
	typed.Set("code", "no such code")
	bob.post("/phone/scan", typed).expect(t, 404, "If you typed it")
}

func TestACodeCanBeTyped(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	_, _, code := w.begin()
	form := alice.get("/phone").form
	form.Set("code", " "+base+"/l/"+code+" ")
	alice.post("/phone/scan", form).expect(t, 200, "Let this browser in as <bdi>Alice</bdi>?")
}

func TestWrongNumbersAreCountedAloud(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Number = login.NumberAlways })
	alice := w.phone("Alice")
	id, _, code := w.begin()
	question := alice.scan(code)
	question.expect(t, 200, `inputmode="numeric"`, "always asks for them")

	answer := question.form
	answer.Set("number", "00")
	alice.post(question.path+"/approve", answer).expect(t, 422, "2 tries remain", `aria-invalid="true"`)
	alice.get(question.path).expect(t, 200, "2 tries remain")
	alice.post(question.path+"/approve", answer).expect(t, 422, "One try remains")
	alice.post(question.path+"/approve", answer).expect(t, 422, "Three wrong numbers")
	alice.post(question.path+"/approve", answer).expect(t, 410, "Three wrong numbers")
	if w.state(id) != login.Denied {
		t.Error(w.state(id))
	}
}

func TestTheRightNumberApproves(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Number = login.NumberAlways })
	alice := w.phone("Alice")
	id, _, code := w.begin()
	question := alice.scan(code)
	l, err := w.service.Get(t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		t.Fatal(err)
	}
	digits, _ := w.service.Number(l)
	question.form.Set("number", digits)
	alice.post(question.path+"/approve", question.form).expect(t, 200, "Approved. Waiting")
}

func TestExpiredQuestionsSayWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice := w.phone("Alice")
		_, _, code := w.begin()
		slow := alice.scan(code)
		time.Sleep(6 * time.Minute)
		alice.get(slow.path).expect(t, 200, "This took too long")
		alice.post(slow.path+"/approve", slow.form).expect(t, 410, "This took too long")

		_, _, code = w.begin()
		uncollected := alice.scan(code)
		alice.post(uncollected.path+"/approve", uncollected.form)
		time.Sleep(61 * time.Second)
		alice.get(uncollected.path).expect(t, 200, "The browser did not come in", "ask for a new code")
	})
}

func TestThePageWaitsForTheNextState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice := w.phone("Alice")
		id, _, code := w.begin()
		question := alice.scan(code)
		alice.post(question.path+"/approve", question.form)

		begin := time.Now()
		alice.get(question.path+"/state?since=approved").expect(t, 200, "approved")
		if waited := time.Since(begin); waited != 25*time.Second {
			t.Errorf("waited %s", waited)
		}
		go func() {
			time.Sleep(4 * time.Second)
			w.collect(id)
		}()
		begin = time.Now()
		if now := alice.get(question.path + "/state?since=approved"); now.body != "redeemed" || time.Since(begin) != 4*time.Second {
			t.Errorf("%q after %s", now.body, time.Since(begin))
		}
		alice.get(question.path+"/state?since=nonsense").expect(t, 400)
		w.visitor().get(question.path+"/state").expect(t, 401)
		w.phone("Bob").get(question.path+"/state").expect(t, 404)
	})
}

func TestSigningInFirstDoesNotMakeACodeStale(t *testing.T) {
	for _, test := range []struct {
		name   string
		header http.Header
		opened bool
		number bool
	}{
		{"opened while fresh", nil, true, false},
		{"not opened before", nil, false, true},
		{"only prefetched", http.Header{"Sec-Purpose": {"prefetch"}}, true, true},
		{"only as a picture of a foreign page", http.Header{"Sec-Fetch-Dest": {"image"}}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				v := w.visitor()
				_, _, code := w.begin()
				v.header = test.header
				if v.header == nil {
					v.header = http.Header{}
				}
				if test.opened {
					v.get("/l/"+code).expect(t, 200, "Who are you on this phone?")
				}
				v.header = http.Header{}
				time.Sleep(time.Minute)
				form := v.get("/l/" + code).form // a later visit does not count
				form.Set("account", "0")
				form.Set("next", "/l/"+code)
				opened := v.post("/phone/sign-in", form)
				opened.expect(t, 200, "A browser wants in")
				question := v.post("/l/"+code, opened.form)
				if asked := strings.Contains(question.body, `name="number"`); asked != test.number {
					t.Errorf("number asked for: %v", asked)
				}
			})
		})
	}
}

func TestASightCountsOnlyForItsCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice := w.phone("Alice")
		_, _, one := w.begin()
		_, _, two := w.begin()
		alice.get("/l/" + one)
		time.Sleep(time.Minute)
		form := alice.get("/phone").form
		if question := alice.post("/l/"+two, form); !strings.Contains(question.body, `name="number"`) {
			t.Error("a sight of one code made another one fresh")
		}
	})
}

func TestTheOverviewShowsWhatAsksAndWhoIsIn(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.phone("Alice"), w.phone("Bob")
	id, _, code := w.begin()
	question := alice.scan(code)
	alice.get("/phone").expect(t, 200, question.path, "Firefox on Linux", "Answer")
	alice.post(question.path+"/approve", question.form)
	session := w.collect(id)
	overview := alice.get("/phone")
	overview.expect(t, 200, "Signed-in browsers", "Corner Shop", "192.0.2.7", "Nothing. Scan a code")

	signOut := "/phone/sessions/" + string(session.ID) + "/sign-out"
	bob.post(signOut, bob.get("/phone").form)
	if _, err := w.service.SessionOf(t.Context(), "demo", string(session.ID)); err != nil {
		t.Fatal("Bob signed Alice's browser out:", err)
	}
	alice.post(signOut, overview.form).expect(t, 200, "None. Browsers that you let in appear here")
	if _, err := w.service.SessionOf(t.Context(), "demo", string(session.ID)); err == nil {
		t.Error("still signed in")
	}
	alice.post(signOut, overview.form).expect(t, 200)
}

func TestAPushAppearsByItself(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	id, _, code := w.begin()
	question := alice.scan(code)
	alice.post(question.path+"/approve", question.form)
	held, err := w.service.Credentials(w.collect(id))
	if err != nil {
		t.Fatal(err)
	}
	before := alice.get("/phone/prompts")
	before.expect(t, 200, `data-version=""`)
	if _, _, err := w.service.StartPush(t.Context(), held.PushTicket, decimal(held.UIN), login.Request{}); err != nil {
		t.Fatal(err)
	}
	alice.get("/phone/prompts").expect(t, 200, "Asks without a scan", "/phone/scans/")
	w.visitor().get("/phone/prompts").expect(t, 401)
}

func TestPasswordsAreAsked(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Accounts[0].Password = "correct horse" })
	v := w.visitor()
	form := v.get("/phone").form
	form.Set("account", "0")
	for _, wrong := range []string{"", "correct", "correct horse "} {
		form.Set("password", wrong)
		v.post("/phone/sign-in", form).expect(t, 403, "That was not the password")
	}
	form.Set("password", "correct horse")
	v.post("/phone/sign-in", form).expect(t, 200, "Phone of <bdi>Alice</bdi>")
	v.post("/phone/sign-out", v.get("/phone").form).expect(t, 200, "Who are you on this phone?")
}

func TestWithoutAccountsTheAppIsNeeded(t *testing.T) {
	w := newWorld(t, func(o *pages.Options, _ *login.Config) { o.Accounts = nil })
	_, _, code := w.begin()
	w.visitor().get("/l/"+code).expect(t, 200, "Open this code with your app")
	form := url.Values{"account": {"0"}}
	w.visitor().post("/phone/sign-in", form).expect(t, 403)
}
