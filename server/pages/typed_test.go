package pages_test

import (
	"strings"
	"testing"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// A short code is typed where the text of a QR can be pasted. Wrong ones are limited.
func TestAShortCodeCanBeTyped(t *testing.T) {
	w := newWorld(t, nil)
	w.service.LimitGuesses(limit.NewGuesses())
	show := func() string {
		_, l, err := w.service.Start(t.Context(), login.Request{App: "demo", UserCode: true})
		if err != nil {
			t.Fatal(err)
		}
		code, _ := w.service.UserCode(l, time.Now())
		return code
	}
	alice := w.phone("Alice")
	alice.get("/phone").expect(t, 200, "Have a code to type?", "The short code, such as BCDF-GHJK, or the link behind the code.")
	typed := func(code string) page {
		form := alice.get("/phone").form
		form.Set("code", code)
		return alice.post("/phone/scan", form)
	}
	typed(strings.ToLower(show())).expect(t, 200, "Let this browser in as <bdi>Alice</bdi>?", `inputmode="numeric"`)
	code := show()
	alice.get("/l/"+code).expect(t, 404)
	for range 5 {
		typed("bbbb bbbb").expect(t, 404)
	}
	refused := typed(code)
	refused.expect(t, 429)
	if refused.header.Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	form := alice.get("/phone").form // nor does another address of ours take it
	alice.post("/l/"+code, form).expect(t, 429)
}
