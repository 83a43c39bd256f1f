package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"qrlatch/server/login"
)

// FuzzRedirectURI: an address that a login may go back to is a registered one, equal byte
// for byte as it was sent, on every dialect that takes one: no decoder in between may make
// it equal, and none may make it different.
func FuzzRedirectURI(f *testing.F) {
	const registered = "https://shop.example/in?a=1&b=%2F"
	for _, uri := range []string{
		registered, registered + "/", "HTTPS://shop.example/in?a=1&b=%2F", "https://shop.example/in?a=1&b=/", "https://shop.example/in?a=1&b=%2f", "https://shop.example/in?b=%2F&a=1",
		"https://shop.example@evil.example/in?a=1&b=%2F", registered + "#", " " + registered, registered + "\n", registered + "\x00", "", "https://shop.example/in?a=1", registered + "&" + registered,
	} {
		f.Add(uri)
	}
	fixture := newFixture(f, func(o *Options) {
		apps := o.Service.Apps()
		apps[0].RedirectURIs = append(apps[0].RedirectURIs, registered)
		keys := o.Service.Keys()
		o.Service.Configure(login.Config{Keys: keys, Apps: apps})
	})
	all := append(fixture.service.Apps()[0].RedirectURIs, "") // without one it is the first
	f.Fuzz(func(t *testing.T, uri string) {
		want := false
		for _, one := range all {
			want = want || uri == one
		}
		asJSON, err := json.Marshal(uri)
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]string{
			"WeChat": fixture.ask("GET", "/jslogin?appid=shop&redirect_uri="+url.QueryEscape(uri), "").Body.String(),
			"a form": fixture.ask("POST", "/jslogin", "appid=shop&redirect_uri="+url.QueryEscape(uri), "Content-Type: application/x-www-form-urlencoded").Body.String(),
			"JSON":   fixture.ask("POST", "/v1/logins", `{"app":"shop","redirect_uri":`+string(asJSON)+`}`).Body.String(),
			"JSONP":  fixture.ask("GET", "/v1/logins.js?callback=f&app=shop&redirect_uri="+url.QueryEscape(uri), "").Body.String(),
		} {
			if name == "JSON" && !utf8.ValidString(uri) {
				continue // JSON cannot say it
			}
			started := strings.Contains(got, "code = 200") || strings.Contains(got, `"id":"`)
			if started != want {
				t.Errorf("%s, %q: %s", name, uri, got)
			}
		}
	})
}
