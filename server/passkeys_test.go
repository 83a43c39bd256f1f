package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPasskeysNeedANameThatBrowsersBindThemTo(t *testing.T) {
	const file = "apps: [{id: shop, redirect_uris: [https://shop.example/in], passkey: PASSKEY}]\nphones: {tokens: [{token_sha256: " + aHash + ", subject: a}]PASSKEYS}\n"
	for _, tt := range []struct {
		name, public, passkey, passkeys string
		want                            string // part of the one line; empty: it is fine
	}{
		{"never, at an address", "https://192.0.2.1", "never", "", ""},
		{"always, at a name", "https://login.example", "always", "", ""},
		{"always, on this machine", "http://localhost:8080", "always", "", ""},
		{"always, at a domain above", "https://login.example", "always", ", passkeys: {rp_id: example}", ""},
		{"for an app of Android", "https://login.example", "always", ", passkeys: {origins: ['android:apk-key-hash:" + strings.Repeat("A", 43) + "']}", ""},
		{"another origin", "https://login.example", "always", ", passkeys: {origins: ['https://app.login.example']}", ""},
		{"another word", "https://login.example", "sometimes", "", `app "shop": passkey: want one of always, never`},
		{"always, at an address", "https://192.0.2.1", "always", "", `app "shop": passkey: browsers bind passkeys to a host name and never to an address such as 192.0.2.1`},
		{"always, at an address of IPv6", "http://[::1]:8080", "always", "", "never to an address such as ::1"},
		{"always, and nobody says where", "", "always", "", "say with --public-url"},
		{"bound to an address", "https://login.example", "always", ", passkeys: {rp_id: 192.0.2.1}", `rp_id "192.0.2.1": want a host name`},
		{"bound to a URL", "https://login.example", "never", ", passkeys: {rp_id: 'https://login.example'}", "want a host name"},
		{"bound to another name", "https://login.example", "always", ", passkeys: {rp_id: ogin.example}", "want the host of --public-url, login.example, or a domain above it"},
		{"an origin with a path", "https://login.example", "always", ", passkeys: {origins: ['https://login.example/']}", "phones.passkeys: origins:"},
		{"a hash that is none", "https://login.example", "always", ", passkeys: {origins: ['android:apk-key-hash:AB:CD']}", "android:apk-key-hash: and the 43 letters"},
		{"another key", "https://login.example", "always", ", passkeys: {rpid: x}", `unknown key "rpid"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(strings.Replace(file, "PASSKEYS", tt.passkeys, 1), "PASSKEY", tt.passkey, 1)
			args := []string{"--config", write(t, "q.yaml", text)}
			if tt.public != "" {
				args = append(args, "--public-url", tt.public)
			}
			c, lines := read(t, args)
			if tt.want == "" {
				if len(lines) > 0 || c.apps[0].Passkey != (tt.passkey == "always") {
					t.Errorf("got %q, %+v", lines, c)
				}
				return
			}
			if len(lines) != 1 || !strings.Contains(lines[0], tt.want) {
				t.Errorf("got %q, want a line with %q", lines, tt.want)
			}
		})
	}
}

func TestWhoMayAskForPasskeys(t *testing.T) {
	for _, tt := range []struct {
		name    string
		config  config
		public  string
		id      string // empty: there are none
		origins []string
		any     bool
	}{
		{"a name", config{}, "https://login.example:8443", "login.example", []string{"https://login.example:8443"}, false},
		{"an app and a domain above", config{file: file{Phones: phonesEntry{Passkeys: &passkeysEntry{RPID: "example", Origins: []string{"android:x"}}}}}, "https://Login.example", "example", []string{"https://Login.example", "android:x"}, false},
		{"an address", config{}, "http://127.0.0.1:8080", "", nil, false},
		{"a demo here", config{demo: "true"}, "http://127.0.0.1:8080", "localhost", []string{"http://localhost:8080"}, true},
		{"a demo at port 80", config{demo: "true"}, "http://127.0.0.1", "localhost", []string{"http://localhost"}, true},
		{"a demo under a name", config{demo: "true"}, "http://localhost:8080", "localhost", []string{"http://localhost:8080"}, true},
		{"a demo on the network", config{demo: "lan"}, "http://192.168.1.5:8080", "", nil, true},
	} {
		got := tt.config.passkeys(tt.public)
		switch {
		case got == nil || tt.id == "":
			if got != nil || tt.id != "" {
				t.Errorf("%s: %+v", tt.name, got)
			}
		case got.ID != tt.id || !slices.Equal(got.Origins, tt.origins) || got.AnySignIn != tt.any:
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
