package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// read parses args in an environment of variables "NAME=value".
func read(t *testing.T, args []string, variables ...string) (*config, []string) {
	t.Helper()
	c, err := parseConfig(args, environment{
		lookup: func(name string) (string, bool) {
			for _, v := range variables {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
		stdout: io.Discard, stderr: io.Discard,
	})
	var bad *usageError
	if err != nil && !errors.As(err, &bad) {
		t.Fatalf("not a usage error: %v", err)
	}
	if bad != nil {
		return nil, bad.lines
	}
	return c, nil
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const aHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

const goodFile = `
poll_hold: 7s
trusted_proxies: [10.0.0.0/8, 192.168.0.0/16]
apps:
  - id: shop
    name: Corner Shop
    redirect_uris: [https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage]
    origins: [https://shop.example]
    secret_sha256: ` + aHash + `
    disclose_on_scan: name
    number: always
    sessions: one
phones:
  tokens:
    - {token_sha256: ` + aHash + `, subject: alice, name: Alice}
limits: {logins: 7}
`

func TestAGoodFileIsUnderstood(t *testing.T) {
	c, wrong := read(t, []string{"--config", write(t, "q.yaml", goodFile)})
	if wrong != nil {
		t.Fatal(wrong)
	}
	app := c.apps[0]
	if app.ID != "shop" || app.Disclose != login.DiscloseName || app.Number != login.NumberAlways || !app.OneSession || app.UnboundScan || app.Secret == (login.HashedSecret{}) {
		t.Errorf("app: %+v", app)
	}
	if c.pollHold != 7*time.Second || len(c.proxies) != 2 || c.file.Limits.Logins != 7 || len(c.tokens("https://login.example")) != 1 {
		t.Errorf("config: %+v", c)
	}
}

func TestASiteIsToldByTLSOrOnThisMachine(t *testing.T) {
	for _, address := range []string{
		"https://shop.example/signed-out?a=b", "https://10.0.0.1:8443/", "http://127.0.0.1:8082/signed-out", "http://[::1]:8082/", "http://localhost:8082/",
	} {
		c, wrong := read(t, []string{"--config", write(t, "q.yaml", strings.Replace(goodFile, "    number: always\n", "    number: always\n    logout_url: '"+address+"'\n", 1))})
		if wrong != nil || c.apps[0].LogoutURL != address || len(c.warnings) != 1 { // of the keys
			t.Errorf("%s: %v, %+v", address, wrong, c)
		}
	}
}

func TestFlagsWinOverEnvironmentAndEnvironmentOverFile(t *testing.T) {
	path := write(t, "q.yaml", goodFile)
	for _, tt := range []struct {
		name      string
		args      []string
		variables []string
		want      time.Duration
	}{
		{"default", []string{"--demo"}, nil, 25 * time.Second},
		{"file", []string{"--config", path}, nil, 7 * time.Second},
		{"environment", []string{"--config", path}, []string{"QRLATCH_POLL_HOLD=8s"}, 8 * time.Second},
		{"flag", []string{"--config", path, "--poll-hold=9s"}, []string{"QRLATCH_POLL_HOLD=8s"}, 9 * time.Second},
		{"file named by the environment", nil, []string{"QRLATCH_CONFIG=" + path}, 7 * time.Second},
	} {
		c, wrong := read(t, tt.args, tt.variables...)
		if wrong != nil || c.pollHold != tt.want {
			t.Errorf("%s: %v, want poll-hold %v: %v", tt.name, c, tt.want, wrong)
		}
	}
}

func TestWhatIsWrongIsSaidInOneLineEach(t *testing.T) {
	app := "apps: [{id: shop, redirect_uris: [https://shop.example/in]%s}]\nphones: {tokens: [{token_sha256: " + aHash + ", subject: a}]}\n"
	with := func(more string) string { return strings.Replace(app, "%s", more, 1) }
	for _, tt := range []struct {
		name string
		args []string
		file string
		want string // part of one line
	}{
		{"unknown flag", []string{"--demo", "--nope"}, "", "-nope"},
		{"unknown command", []string{"serve"}, "", `unknown command "serve"`},
		{"bad duration", []string{"--demo", "--poll-hold=soon"}, "", "poll-hold"},
		{"poll-hold beyond ten minutes", []string{"--demo", "--poll-hold=11m"}, "", "--poll-hold 11m0s: want"},
		{"listen without a port", []string{"--demo", "--listen=127.0.0.1"}, "", "want host:port"},
		{"listen with an impossible port", []string{"--demo", "--listen=127.0.0.1:99999"}, "", "want host:port"},
		{"any address without a public URL", []string{"--listen=:8080"}, with(""), "--public-url"},
		{"any IPv6 address without a public URL", []string{"--listen=[::]:8080"}, with(""), "--public-url"},
		{"public URL with a path", []string{"--public-url=https://x.example/login"}, with(""), "want scheme and host only"},
		{"public URL without a scheme", []string{"--public-url=x.example"}, with(""), "want scheme and host only"},
		{"bad network", []string{"--trusted-proxies=10.0.0.1"}, with(""), "want a network"},
		{"bad host", []string{"--host=http://x"}, with(""), "want a host name"},
		{"another store", []string{"--store=mysql://u:secret@127.0.0.1"}, with(""), "want redis://host:port"},
		{"Redis without keys", []string{"--store=redis://127.0.0.1"}, with(""), "--key-file"},
		{"the demo on Redis", []string{"--demo", "--store=redis://127.0.0.1"}, "", "--store"},
		{"half of TLS", []string{"--tls-cert=x"}, with(""), "go together"},
		{"legacy without TLS", []string{"--tls-legacy"}, with(""), "--tls-legacy needs"},
		{"log format", []string{"--log-format=xml"}, with(""), "want text or json"},
		{"log level", []string{"--log-level=loud"}, with(""), "want debug, info, warn or error"},
		{"missing key file", []string{"--key-file=/nowhere/keys"}, with(""), "--key-file"},
		{"missing config", []string{"--config=/nowhere/q.yaml"}, "", "--config"},
		{"nothing at all", nil, "", "no apps"},
		{"demo with apps", []string{"--demo"}, with(""), "--demo brings its own apps"},
		{"demo on the network", []string{"--demo", "--listen=192.0.2.1:80"}, "", "--demo listens on this machine only"},
		{"demo for any host", []string{"--demo", "--host=*"}, "", "--host *"},
		{"demo in a word", []string{"--demo=maybe"}, "", "want true, false or lan"},
		{"unknown key", nil, with("") + "colour: red\n", `unknown key "colour"`},
		{"unknown key of an app", nil, with(", colour: red"), `unknown key "colour"`},
		{"a key twice", nil, with("") + "limits: {}\nlimits: {}\n", "already defined"},
		{"a word for a number", nil, with("") + "limits: {logins: many}\n", "limits.logins: a value of the wrong kind, want a whole number"},
		{"a unit that is none", nil, with("") + "limits: {header_timeout: 5s, header_bytes: 8k}\n", "limits.header_bytes: a value of the wrong kind, want a whole number"},
		{"a text for a list", nil, "apps: [{id: shop, redirect_uris: 'https://shop.example/in'}]\n", "line 1: apps[0].redirect_uris: a value of the wrong kind, want a list"},
		{"two of a kind in a line", nil, "apps: [{id: shop, redirect_uris: [], origins: []}, 7, 7]\n", "line 1: a value of the wrong kind, want keys below it"},
		{"a negative limit", nil, with("") + "limits: {logins: -1}\n", "limits.logins: want a number from 0"},
		{"bad YAML", nil, "apps: [", "line"},
		{"bad app id", nil, strings.Replace(with(""), "id: shop", "id: 'a b'", 1), "id: want 1 to 64"},
		{"app twice", nil, strings.Replace(with(""), "apps: [", "apps: [{id: shop, redirect_uris: [https://a.example/]}, ", 1), "is there twice"},
		{"no redirect_uris", nil, strings.Replace(with(""), ", redirect_uris: [https://shop.example/in]", "", 1), "want at least one"},
		{"relative redirect_uri", nil, strings.Replace(with(""), "https://shop.example/in", "/in", 1), "absolute"},
		{"redirect_uri with a fragment", nil, strings.Replace(with(""), "https://shop.example/in", "'https://shop.example/in#x'", 1), "fragment"},
		{"redirect_uri that ends a script string", nil, strings.Replace(with(""), "https://shop.example/in", `'https://shop.example/in"x'`, 1), "quotes"},
		{"redirect_uri that ends Mojo's statement", nil, strings.Replace(with(""), "https://shop.example/in", `'https://shop.example/in;x'`, 1), ";"},
		{"redirect_uri that clients cut wrongly", nil, strings.Replace(with(""), "https://shop.example/in", `'https://shop.example/in?a=b/c'`, 1), "/ after the ?"},
		{"redirect_uri with a parameter of ours", nil, strings.Replace(with(""), "https://shop.example/in", "'https://shop.example/in?state=x'", 1), "parameter state"},
		{"origin with a path", nil, with(", origins: ['https://shop.example/']"), "scheme and host only"},
		{"secret that is no hash", nil, with(", secret_sha256: hunter2"), "64 hexadecimal digits"},
		{"logout_url by plain http", nil, with(", logout_url: 'http://shop.example/signed-out'"), `app "shop": logout_url: want https`},
		{"logout_url by another scheme", nil, with(", logout_url: 'ftp://shop.example/signed-out'"), "logout_url: want an absolute https URL"},
		{"relative logout_url", nil, with(", logout_url: /signed-out"), "logout_url: want an absolute https URL"},
		{"logout_url with a password", nil, with(", logout_url: 'https://shop:hunter2@shop.example/'"), "logout_url: want an absolute https URL"},
		{"logout_url with a fragment", nil, with(", logout_url: 'https://shop.example/#x'"), "logout_url: want an absolute https URL"},
		{"logout_url without a host", nil, with(", logout_url: 'https:///signed-out'"), "logout_url: want an absolute https URL"},
		{"logout_url of a name that begins like ours", nil, with(", logout_url: 'http://localhost.shop.example/'"), "logout_url: want https"},
		{"disclose", nil, with(", disclose_on_scan: all"), "want one of avatar, name, none"},
		{"number", nil, with(", number: sometimes"), "want one of always, never, risk"},
		{"no phones", nil, "apps: [{id: shop, redirect_uris: [https://shop.example/in]}]", "nobody could scan"},
		{"phones of another kind", nil, with("") + "x: 1\n", `unknown key "x"`},
		{"a jwt without an audience", nil, strings.Replace(with(""), "phones: {", "phones: {jwt: {issuer: x}, ", 1), "phones.jwt: audience: want"},
		{"token without a subject", nil, strings.Replace(with(""), ", subject: a", "", 1), "subject: want"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := tt.args
			if tt.file != "" {
				args = append(args, "--config", write(t, "q.yaml", tt.file))
			}
			_, lines := read(t, args)
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, tt.want) }) {
				t.Errorf("got %q, want a line with %q", lines, tt.want)
			}
			for _, l := range lines {
				if strings.Contains(l, "\n") || strings.Contains(l, "hunter2") || strings.Contains(l, "main.") {
					t.Errorf("not one clean line, or with a secret: %q", l)
				}
			}
		})
	}
}

func TestABadKeyFileDoesNotShowItsSecret(t *testing.T) {
	_, lines := read(t, []string{"--demo", "--key-file", write(t, "keys", "k1 c2VjcmV0\n")})
	if len(lines) != 1 || strings.Contains(lines[0], "c2VjcmV0") {
		t.Errorf("got %q", lines)
	}
}

func TestDangerousSettingsWarn(t *testing.T) {
	file := strings.Replace(goodFile, "number: always", "unbound_scan: allow", 1)
	c, wrong := read(t, []string{"--config", write(t, "q.yaml", file), "--host", "*"})
	if wrong != nil {
		t.Fatal(wrong)
	}
	for _, want := range []string{"--host *", "unbound_scan", "--key-file"} {
		if !slices.ContainsFunc(c.warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning about %s in %q", want, c.warnings)
		}
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add(goodFile)
	f.Add("apps: [{id: 1}]")
	f.Add("phones: {tokens: [[]]}")
	f.Add("host: [a, [b], {c: d}]\ndemo: lan")
	f.Fuzz(func(t *testing.T, text string) {
		_, lines := read(t, []string{"--config", write(t, "q.yaml", text)})
		for _, l := range lines {
			if l == "" {
				t.Error("an error without words")
			}
		}
	})
}
