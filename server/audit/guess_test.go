package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestIDsAreJudgedByWhatDiffers(t *testing.T) {
	made := func(form func(i int) string) (ids []string) {
		for i := range samples {
			ids = append(ids, form(i))
		}
		return ids
	}
	for _, tt := range []struct {
		name string
		ids  []string
		good bool
	}{
		{"six digits", made(func(int) string { return like("123456") }), false},
		{"a counter behind a long prefix", made(func(i int) string { return fmt.Sprintf("%s%04d", strings.Repeat("Ab0_", 10), i) }), false},
		{"a time", made(func(i int) string { return fmt.Sprint(1795235708123 + i*317) }), false},
		{"UUIDs of time (version 1)", made(func(int) string { return fmt.Sprintf("%s-1b2c-11f0-8a3b-0242ac120002", like("5f3a9c10")) }), false},
		{"WeChat's ten letters", made(func(int) string { return like("gdaDFGVx9w") + "==" }), false},
		{"one id for all", made(func(int) string { return "k7JhX2mQ9pLr4TzV8nWb3YcD6fGs1Aqe" }), false},
		{"random UUIDs", made(func(int) string {
			return like("f47ac10b") + "-" + like("58cc") + "-4" + like("372") + "-a" + like("567") + "-" + like("0e02b2c3d479")
		}), true},
		{"128 bits in base64url", made(func(int) string { return like("k7JhX2mQ9pLr4TzV8nWb3Y") }), true},
	} {
		var seen tally
		judge(&seen, "WeChat", tt.ids)
		if seen.failed() == tt.good {
			t.Errorf("%s (%s…): %s", tt.name, tt.ids[0], seen.result("").Evidence)
		}
	}
}

func TestWhatIsSensitive(t *testing.T) {
	for _, tt := range []struct {
		body string
		want string
	}{
		{`{"id":"6NcLvE2AhaKX","state":"scanned","user":{"picture":"https://shop.example/alice.jpg"},"expires_in":120}`, ""},
		{`{"success":true,"message":"null","url":"//shop.example/x.png","lgToken":"k7JhX2m","adToken":""}`, ""},
		{`window.code=201;window.userAvatar = 'data:img/jpg;base64,+8613800138000x@shop.example';`, ""},
		{`{"phone":"","email":null,"uid":0,"redirect_uri":""}`, ""},
		{`{"phone":"x"}`, `"phone"`},
		{`{"userId":7}`, `"userid"`},
		{`window.redirect_uri="https://shop.example/?ticket=1";`, `"redirect_uri"`},
		{`{"note":"alice@shop.example"}`, "an e-mail address"},
		{`{"note":"+8613800138000"}`, "a telephone number"},
		{`{"note":13800138000}`, "a telephone number"},
	} {
		if got := strings.Join(sensitive(tt.body), ","); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.body, got, tt.want)
		}
	}
}

func TestEveryValueOfAPictureIsTried(t *testing.T) {
	got := values("https://login.example/l/abcdef?id=ghijkl&x=1#mnopqr")
	want := []string{"abcdef", "ghijkl", "https://login.example/l/abcdef?id=ghijkl&x=1#mnopqr", "mnopqr"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestASecretIsShortened(t *testing.T) {
	for secret, want := range map[string]string{"": "…", "12345678": "…", "k7JhX2mQ9pLr4TzV": "k7Jh…"} {
		if got := short(secret); got != want {
			t.Errorf("%q becomes %q", secret, got)
		}
	}
}
