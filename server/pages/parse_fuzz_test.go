package pages

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// plainPages are pages without anything around them.
func plainPages(t testing.TB) *Pages {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader("k1 " + strings.Repeat("A", 43) + "="))
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	t.Cleanup(store.Close)
	p, err := New(Options{Service: login.NewService(store.Store, login.Config{Keys: keys}), PublicURL: "https://login.example"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzNext: after a sign-in the way leads to a page of the phone's, as browsers read it:
// with %2e for a dot, a backslash for a slash, and line ends and tabs left out.
func FuzzNext(f *testing.F) {
	for _, next := range []string{
		"/phone", "/phone/", "/phone?x=//evil.example", "/l/abc", "//evil.example", "/\\evil.example", "/phone\t/x", "/phone/../x", "/phone/%2e%2e/x", "/l/%2E./x", "/l/.%2e/%2e%2e", "https://evil.example/phone",
		"/phonebook", "/phone#//", "/l/\x00", "phone", "", "/l/?/../..", "/phone;/x", "/l/%2f%2fevil.example", "/phone/scans/a%0d%0aSet-Cookie:x",
	} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		if !localPath(next) {
			return
		}
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/", "%2e", ".", "%2E", ".").Replace(next)
		if strings.HasPrefix(read, "//") || strings.ContainsAny(next, "\r\n\x00") {
			t.Fatalf("%q leads elsewhere", next)
		}
		where, _, _ := strings.Cut(read, "?")
		where, _, _ = strings.Cut(where, "#")
		if where = path.Clean(where); where != "/phone" && !strings.HasPrefix(where, "/phone/") && where != "/l" && !strings.HasPrefix(where, "/l/") {
			t.Fatalf("%q leads to %q", next, where)
		}
		if u, err := url.Parse(next); err == nil && (u.Host != "" || u.Scheme != "") {
			t.Fatalf("%q leads to %q", next, u.Host)
		}
	})
}

// FuzzSealed: a cookie that we did not make says nothing, and one of ours says it for its own
// use only.
func FuzzSealed(f *testing.F) {
	p := plainPages(f)
	ours := p.seal(cookiePhone, signedIn{Issuer: "i", Subject: "alice", Until: 1 << 40})
	for _, text := range []string{ours, "", ".", ours + ".", ours[:len(ours)-1], strings.Replace(ours, ".", "..", 1), "e30." + strings.Split(ours, ".")[1], "e30.", ours + "=", strings.ToUpper(ours), "\x00.\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var in signedIn
		if p.unseal(cookiePhone, text, &in) != (text == ours) || (in == signedIn{}) == (text == ours) {
			t.Errorf("%q says %+v", text, in)
		}
		if p.unseal(cookieSeen, text, &in) || p.unseal(cookieAttempt, text, &in) {
			t.Errorf("%q is taken for another use", text)
		}
	})
}

// FuzzLanguage: what a browser wishes is one of our languages, which it has named, or none.
func FuzzLanguage(f *testing.F) {
	p := plainPages(f)
	for _, wish := range []string{"en", "zh-CN,zh;q=0.9", "es;q=NaN", "*", "ko;q=0", "EN_us", ";q=1", ",,,", "zh;q=1.0000", "de;q=0.5, es ; q = 0.4", strings.Repeat("a,", 3000) + "es", "e\x00s", "ｅｎ"} {
		f.Add(wish, "en")
	}
	f.Fuzz(func(t *testing.T, wish, more string) {
		l, ok := p.accepted(http.Header{"Accept-Language": {wish, more}})
		if ok != (l != nil) || ok && !strings.Contains(strings.ToLower(wish+","+more), l.Name) {
			t.Errorf("%q, %q: %+v", wish, more, l)
		}
		if l, ok := p.known(wish); ok && (len(wish) > longestTag || !strings.HasPrefix(strings.ToLower(wish), l.Name)) {
			t.Errorf("%q is %s", wish, l.Name)
		}
	})
}
