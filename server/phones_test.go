package main

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const aShop = "apps: [{id: shop, lang: ko, redirect_uris: [https://shop.example/in]}]\n"

func TestAProviderAloneIsEnough(t *testing.T) {
	secret := write(t, "secret", " s3cret-of-ours \n")
	for _, issuer := range []string{"https://id.example", "https://id.example/realms/a/", "http://127.0.0.1:8081", "http://localhost:1/x", "http://[::1]:1"} {
		file := aShop + "phones: {oidc: {issuer: '" + issuer + "', client_id: qrlatch, client_secret_file: " + secret + "}}\n"
		c, wrong := read(t, []string{"--config", write(t, "q.yaml", file)})
		if wrong != nil {
			t.Errorf("%s: %q", issuer, wrong)
			continue
		}
		if c.oidc.Issuer != issuer || c.oidc.ClientID != "qrlatch" || c.oidc.ClientSecret != "s3cret-of-ours" || c.apps[0].Lang != "ko" {
			t.Errorf("%+v, app %+v", c.oidc, c.apps[0])
		}
	}
}

func TestWhatIsWrongWithPhonesIsSaidInOneLineEach(t *testing.T) {
	secret := write(t, "secret", "hunter2\n")
	good := "{issuer: https://id.example, client_id: qrlatch, client_secret_file: " + secret + "}"
	oidc := func(from, to string) string { return "phones: {oidc: " + strings.Replace(good, from, to, 1) + "}" }
	links := func(text string) string { return "phones: {oidc: " + good + ", app_links: " + text + "}" }
	mark := strings.TrimSuffix(strings.Repeat("aB:", 32), ":")
	for _, tt := range []struct{ name, file, want string }{
		{"issuer by http", oidc("https://id", "http://id"), "phones.oidc: issuer \"http://id.example\": want https"},
		{"issuer that is no URL", oidc("https://id.example", "id.example"), "phones.oidc: issuer \"id.example\": want an absolute https URL"},
		{"issuer with a user", oidc("https://", "https://me@"), "want an absolute https URL"},
		{"issuer with a query", oidc("https://id.example", "'https://id.example/?a=b'"), "must not have a query"},
		{"issuer with a fragment", oidc("https://id.example", "'https://id.example#a'"), "want an absolute https URL"},
		{"no issuer", oidc("issuer: https://id.example, ", ""), "phones.oidc: issuer"},
		{"no client_id", oidc("client_id: qrlatch, ", ""), "phones.oidc: client_id: want"},
		{"no secret file", oidc(", client_secret_file: "+secret, ""), "phones.oidc: client_secret_file: want a file"},
		{"a secret file that is not there", oidc(secret, "/nowhere/secret"), "phones.oidc: client_secret_file: open /nowhere/secret"},
		{"a secret file that is a directory", oidc(secret, filepath.Dir(secret)), "phones.oidc: client_secret_file: "},
		{"an empty secret file", oidc(secret, write(t, "empty", "\n")), "want one line"},
		{"a secret file of two lines", oidc(secret, write(t, "two", "hunter2\nhunter2\n")), "want one line"},
		{"a huge secret file", oidc(secret, write(t, "huge", strings.Repeat("hunter2", 1000))), "want one line"},
		{"an unknown key", oidc("client_id", "client"), `unknown key "client"`},
		{"links to no app", links("{}"), "phones.app_links: want an app"},
		{"an unknown system", links("{palm: [x]}"), `unknown key "palm"`},
		{"a package that is none", links("{android: [{package: shop, sha256_cert_fingerprints: ['" + mark + "']}]}"), "android[0]: package: want"},
		{"a package without a signer", links("{android: [{package: com.shop.app}]}"), "android[0]: sha256_cert_fingerprints: want at least one"},
		{"a fingerprint of SHA-1", links("{android: [{package: com.shop.app, sha256_cert_fingerprints: ['" + mark[:59] + "']}]}"), "android[0]: sha256_cert_fingerprints: want 32 pairs"},
		{"a fingerprint as a number", links("{android: [{package: com.shop.app, sha256_cert_fingerprints: [{}]}]}"), "a value of the wrong kind"},
		{"a bundle without its team", links("{ios: [A1B2C3D4E5.com.shop.app, com.shop.app]}"), "ios[1]: want TEAMID"},
		{"a language that is none of ours", "phones: {oidc: " + good + "}\nlang: xx", `unknown key "lang"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, lines := read(t, []string{"--config", write(t, "q.yaml", aShop+tt.file)})
			if len(lines) == 0 || !strings.Contains(lines[0], tt.want) || strings.HasPrefix(lines[0], "phones") && len(lines) > 1 {
				t.Errorf("got %q, want one line with %q", lines, tt.want)
			}
			if all := strings.Join(lines, ""); strings.Contains(all, "hunter2") || strings.Contains(all, "\n") {
				t.Errorf("not clean lines, or with a secret: %q", lines)
			}
		})
	}
	t.Run("a language of an app", func(t *testing.T) {
		_, lines := read(t, []string{"--config", write(t, "q.yaml", strings.Replace(aShop, "ko", "xx", 1)+oidc("", ""))})
		if len(lines) != 1 || !strings.Contains(lines[0], `app "shop": lang: want one of en, es, ko, zh`) {
			t.Errorf("%q", lines)
		}
	})
	t.Run("a demo", func(t *testing.T) {
		_, lines := read(t, []string{"--demo", "--config", write(t, "q.yaml", oidc("", ""))})
		if len(lines) != 1 || !strings.Contains(lines[0], "--demo brings its own apps and phones") {
			t.Errorf("%q", lines)
		}
	})
}

func TestAPublicURLThatProvidersRefuseWarns(t *testing.T) {
	file := write(t, "q.yaml", aShop+"phones: {oidc: {issuer: https://id.example, client_id: a, client_secret_file: "+write(t, "secret", "s")+"}}")
	for url, want := range map[string]bool{"http://login.example": true, "https://login.example": false, "http://127.0.0.1:8080": false} {
		c, wrong := read(t, []string{"--config", file, "--public-url", url})
		if wrong != nil {
			t.Fatal(wrong)
		}
		warned := slices.ContainsFunc(c.warnings, func(w string) bool { return strings.HasPrefix(w, "phones.oidc") })
		if warned != want {
			t.Errorf("%s: %q", url, c.warnings)
		}
	}
}

func TestTheServerStartsWithoutItsProviderAndNamesItsApps(t *testing.T) {
	mark := strings.TrimSuffix(strings.Repeat("aB:", 32), ":")
	file := write(t, "q.yaml", aShop+`phones:
  oidc: {issuer: "http://127.0.0.1:1", client_id: qrlatch, client_secret_file: `+write(t, "secret", "s")+`}
  app_links:
    android: [{package: com.shop.app, sha256_cert_fingerprints: ["`+mark+`"]}]
    ios: [A1B2C3D4E5.com.shop.app]
`)
	p := start(t, "--config", file)
	if status, page := fetch(t, p.url+"/phone"); status != http.StatusOK || !strings.Contains(page, "Continue with <bdi>127.0.0.1:1</bdi>") {
		t.Errorf("%d %s", status, page)
	}
	if status, page := fetch(t, p.url+"/phone/sign-in/provider"); status != http.StatusServiceUnavailable || !strings.Contains(page, "The sign-in service did not answer") {
		t.Errorf("%d %s", status, page)
	}
	for path, want := range map[string]string{
		"/.well-known/assetlinks.json": `[{"relation":["delegate_permission/common.handle_all_urls"],` +
			`"relation_extensions":{"delegate_permission/common.handle_all_urls":{"dynamic_app_link_components":[{"/":"/l/*"}]}},` +
			`"target":{"namespace":"android_app","package_name":"com.shop.app","sha256_cert_fingerprints":["` + strings.ToUpper(mark) + `"]}}]`,
		"/.well-known/apple-app-site-association": `{"applinks":{"apps":[],"details":[{"appID":"A1B2C3D4E5.com.shop.app",` +
			`"appIDs":["A1B2C3D4E5.com.shop.app"],"components":[{"/":"/l/*"}],"paths":["/l/*"]}]}}`,
	} {
		r, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		_, body := fetch(t, p.url+path)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s\n%s", path, r.StatusCode, r.Header.Get("Content-Type"), body)
		}
	}
}

func TestWithoutAppsThereAreNoLinks(t *testing.T) {
	p := start(t, "--demo")
	for _, path := range []string{"/.well-known/assetlinks.json", "/.well-known/apple-app-site-association", "/phone/callback", "/phone/sign-in/provider"} {
		if status, _ := fetch(t, p.url+path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestAnotherProviderNeedsARestart(t *testing.T) {
	secret := write(t, "secret", "one")
	file := write(t, "q.yaml", aShop+"phones: {oidc: {issuer: https://id.example, client_id: a, client_secret_file: "+secret+"}}")
	read1, wrong := read(t, []string{"--config", file})
	if wrong != nil {
		t.Fatal(wrong)
	}
	same, _ := read(t, []string{"--config", file})
	if names := changedForGood(read1, same); len(names) > 0 {
		t.Errorf("nothing changed but %q", names)
	}
	rewrite(t, secret, "two")
	rewrite(t, file, aShop+"phones: {app_links: {ios: [A1B2C3D4E5.com.shop.app]}, oidc: {issuer: https://id.example, client_id: a, client_secret_file: "+secret+"}}")
	other, _ := read(t, []string{"--config", file})
	if names := changedForGood(read1, other); !slices.Equal(names, []string{"phones.app_links", "phones.oidc"}) {
		t.Errorf("%q", names)
	}
}
