package pages_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// signIn tries a password from an address.
func (v *visitor) signIn(addr, account, password string) page {
	v.w.t.Helper()
	v.header.Set("X-Real-Ip", addr)
	form := v.get("/phone").form
	if form.Get("csrf") == "" {
		v.w.t.Fatal("signed in already")
	}
	form.Set("account", account)
	form.Set("password", password)
	p := v.do(http.MethodPost, "/phone/sign-in", form)
	after, err := strconv.Atoi(p.header.Get("Retry-After"))
	if limited := p.status == http.StatusTooManyRequests; limited && (err != nil || after < 1) || !limited && err == nil {
		v.w.t.Errorf("%d with Retry-After %q", p.status, p.header.Get("Retry-After"))
	}
	return p
}

func (v *visitor) signOut(t *testing.T) {
	t.Helper()
	v.post("/phone/sign-out", v.get("/phone").form).expect(t, 200, "Who are you on this phone?")
}

func passwordWorld(t *testing.T) *world {
	return newWorld(t, func(o *pages.Options, _ *login.Config) {
		o.Accounts[0].Password, o.Accounts[1].Password = "correct horse", "battery staple"
	})
}

// Twenty wrong passwords of an account in any ten minutes, from wherever they come; right
// ones do not count, and other accounts are not touched.
func TestWrongPasswordsAreLimitedByAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := passwordWorld(t)
		for n := range 20 {
			w.visitor().signIn(fmt.Sprintf("198.51.100.%d", n), "0", "wrong").expect(t, 403)
			if n < 10 {
				w.visitor().signIn(fmt.Sprintf("203.0.113.%d", n), "0", "correct horse").expect(t, 200, "Phone of <bdi>Alice</bdi>")
			}
			time.Sleep(time.Second)
		}
		for n := range 3 {
			p := w.visitor().signIn(fmt.Sprintf("192.0.2.%d", n), "0", "wrong")
			if after, _ := strconv.Atoi(p.header.Get("Retry-After")); p.status != 429 || after < 579 || after > 581 {
				t.Errorf("try %d: %d, Retry-After %d, want 580", 21+n, p.status, after)
			}
		}
		w.visitor().signIn("192.0.2.9", "0", "correct horse").expect(t, 429)
		w.visitor().signIn("192.0.2.9", "1", "battery staple").expect(t, 200, "Phone of <bdi>Bob</bdi>")
		time.Sleep(10*time.Minute - 20*time.Second)
		w.visitor().signIn("192.0.2.9", "0", "correct horse").expect(t, 200, "Phone of <bdi>Alice</bdi>")
	})
}

// Whoever goes on guessing, from everywhere or from beside her, does not keep Alice out of
// a browser in which she has signed in before.
func TestAStrangerKeepsNobodyOutOfHisOwnBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := passwordWorld(t)
		alice := w.visitor()
		alice.signIn("192.0.2.9", "0", "correct horse").expect(t, 200)
		alice.signOut(t)
		for range 24 { // two hours
			for n := range 30 {
				w.visitor().signIn(fmt.Sprintf("198.51.100.%d", n), "0", "wrong")
				w.visitor().signIn("192.0.2.9", "0", "wrong")
			}
			w.visitor().signIn("203.0.113.77", "0", "correct horse").expect(t, 429)
			alice.signIn("192.0.2.9", "0", "mistyped").expect(t, 403)
			alice.signIn("192.0.2.9", "0", "correct horse").expect(t, 200, "Phone of <bdi>Alice</bdi>")
			alice.signOut(t)
			time.Sleep(5 * time.Minute)
		}
		time.Sleep(5 * time.Minute) // ten after his last one
		w.visitor().signIn("203.0.113.77", "0", "correct horse").expect(t, 200)
	})
}

// A browser of Alice's gives twenty wrong tries at her password of its own, and none more
// at Bob's; and what somebody has made up gives none at all.
func TestABrowserThatIsKnownIsLimitedAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := passwordWorld(t)
		stolen := w.visitor()
		stolen.signIn("192.0.2.9", "0", "correct horse").expect(t, 200)
		stolen.signOut(t)
		tries := func(v *visitor, account string) (n int) {
			for ; n < 100; n++ {
				if v.signIn(fmt.Sprintf("198.51.100.%d", n), account, "wrong").status == 429 {
					break
				}
			}
			return n
		}
		if n := tries(stolen, "0"); n != 20 {
			t.Errorf("%d tries with her cookie, want 20", n)
		}
		if n := tries(w.visitor(), "0"); n != 20 {
			t.Errorf("%d tries of strangers, want 20", n)
		}
		for name, value := range map[string]string{"none": "", "made up": "eyJJc3N1ZXIiOiJkZW1vIn0.x", "the phone's": stolen.cookie("qrlatch_visit", "/")} {
			v := w.visitor()
			v.setCookie("qrlatch_device", "/phone/sign-in", value)
			if n := tries(v, "0"); n != 0 {
				t.Errorf("%s: %d tries", name, n)
			}
		}
		if n := tries(stolen, "1"); n != 20 {
			t.Errorf("%d tries at Bob's with Alice's cookie, want those of a stranger", n)
		}
		if n := tries(w.visitor(), "1"); n != 0 {
			t.Errorf("%d tries more at Bob's", n)
		}
	})
}

// An account without a password takes one tap and counts nothing.
func TestOneTapIsNoPassword(t *testing.T) {
	w := newWorld(t, nil)
	for range 50 {
		w.visitor().signIn("192.0.2.9", "0", "").expect(t, 200, "Phone of <bdi>Alice</bdi>")
	}
	w.visitor().signIn("192.0.2.9", "0", "something").expect(t, 403)
}
