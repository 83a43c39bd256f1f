package phone

import (
	"strings"
	"testing"
	"time"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// typeable starts a login at an app and returns its id and its short code.
func (s *server) typeable(t *testing.T, app string) (login.ID, string) {
	t.Helper()
	id, l, err := s.Start(t.Context(), login.Request{App: app, Browser: firefox, UserCode: true})
	if err != nil {
		t.Fatal(err)
	}
	code, ok := s.UserCode(l, time.Now())
	if !ok {
		t.Fatal("no short code")
	}
	return id, code
}

func TestAShortCodeIsTypedInManyWaysAndNeedsTheNumber(t *testing.T) {
	s := newServer(t)
	for _, write := range []func(string) string{
		func(code string) string { return code },
		strings.ToLower,
		func(code string) string { return " " + strings.ReplaceAll(strings.ToLower(code), "-", " ") + " " },
		func(code string) string { return strings.ReplaceAll(code, "-", "") },
	} {
		id, code := s.typeable(t, "shop")
		got := read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+write(code)+`"}`), 201)
		if got["state"] != "scanned" || got["number_required"] != true {
			t.Fatalf("%q: %v", write(code), got)
		}
		path := "/v1/scans/" + got["id"].(string)
		if got := read(t, s.call(t, "bob-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 404); got["type"] != "/problems/not-found" {
			t.Errorf("another phone: %v", got)
		}
		read(t, s.call(t, "alice-token", "POST", path+"/approve", ""), 422)
		l, err := s.Get(t.Context(), login.Holder{ID: string(id)})
		if err != nil {
			t.Fatal(err)
		}
		number, _ := s.Number(l)
		read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"`+number+`"}`), 200)
	}
}

// A fresh token makes nobody a new person.
func TestWrongShortCodesAreLimitedByPerson(t *testing.T) {
	s := newServer(t)
	s.LimitGuesses(limit.NewGuesses())
	_, code := s.typeable(t, "shop")
	for n := range 5 {
		token := []string{"alice-token", "alice-token-2"}[n%2]
		if code == "BBBB-BBBB" {
			t.Skip("once in 25 billion")
		}
		read(t, s.call(t, token, "POST", "/v1/scans", `{"code":"bbbb-bbbb"}`), 404)
	}
	w := s.call(t, "alice-token-2", "POST", "/v1/scans", `{"code":"`+code+`"}`)
	if got := read(t, w, 429); got["type"] != "/problems/too-many-codes" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%v %v", got, w.Header())
	}
	read(t, s.call(t, "bob-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)
}
