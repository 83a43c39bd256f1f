package main

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"qrlatch/server/oidc"
	"qrlatch/server/pages"
	"qrlatch/server/web"
)

// maxSecret is more than any client secret has; what is longer is another file.
const maxSecret = 4096

// checkOIDC reads where people sign in on the phone's pages. The provider itself is not
// asked: it may be down at a start.
func (c *config) checkOIDC(wrong *problems) {
	e := c.file.Phones.OIDC
	if e == nil {
		return
	}
	if err := oidc.CheckAddress(e.Issuer); err != nil {
		wrong.add("phones.oidc: issuer %q: %s", e.Issuer, err)
	} else if strings.ContainsRune(e.Issuer, '?') {
		wrong.add("phones.oidc: issuer %q: must not have a query", e.Issuer)
	}
	if e.ClientID == "" {
		wrong.add("phones.oidc: client_id: want the id that the provider gave this server")
	}
	secret, err := readSecret(e.ClientSecretFile)
	if err != nil {
		wrong.add("phones.oidc: client_secret_file: %s", err)
	}
	c.oidc = &oidc.Config{Issuer: e.Issuer, ClientID: e.ClientID, ClientSecret: secret}
	if strings.HasPrefix(c.publicURL, "http:") && oidc.CheckAddress(c.publicURL) != nil {
		c.warnings = append(c.warnings, "phones.oidc: providers send people back to https only, and --public-url is http")
	}
}

// readSecret reads a file whose one line is a secret.
func readSecret(name string) (string, error) {
	if name == "" {
		return "", errors.New("want a file with the client's secret")
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(body))
	if secret == "" || len(secret) > maxSecret || strings.ContainsAny(secret, "\r\n\x00") {
		return "", errors.New(name + ": want one line with the secret and nothing else")
	}
	return secret, nil
}

// signIn is the provider that was configured, nil if none was.
func (c *config) signIn(publicURL string, phones *phones) pages.Provider {
	if c.oidc == nil {
		return nil
	}
	settings := *c.oidc
	settings.RedirectURL = publicURL + pages.CallbackPath
	return signIn{oidc.New(settings), phones}
}

var (
	androidPackage = regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)+$`)
	fingerprint    = regexp.MustCompile(`^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$`)
	iosApp         = regexp.MustCompile(`^[A-Z0-9]{10}(\.[A-Za-z0-9-]+)+$`)
)

// checkAppLinks refuses what a phone would silently ignore.
func (c *config) checkAppLinks(wrong *problems) {
	e := c.file.Phones.AppLinks
	if e == nil {
		return
	}
	if len(e.Android)+len(e.IOS) == 0 {
		wrong.add("phones.app_links: want an app under android or ios")
	}
	for i, app := range e.Android {
		if !androidPackage.MatchString(app.Package) {
			wrong.add("phones.app_links.android[%d]: package: want an application id such as com.shop.app", i)
		}
		if len(app.Fingerprints) == 0 {
			wrong.add("phones.app_links.android[%d]: sha256_cert_fingerprints: want at least one", i)
		}
		linked := web.AndroidApp{Package: app.Package}
		for _, print := range app.Fingerprints {
			if !fingerprint.MatchString(print) {
				wrong.add("phones.app_links.android[%d]: sha256_cert_fingerprints: want 32 pairs of hexadecimal digits, AA:BB:…", i)
			}
			linked.Fingerprints = append(linked.Fingerprints, strings.ToUpper(print))
		}
		c.appLinks.Android = append(c.appLinks.Android, linked)
	}
	for i, app := range e.IOS {
		if !iosApp.MatchString(app) {
			wrong.add("phones.app_links.ios[%d]: want TEAMID.bundle.id, such as A1B2C3D4E5.com.shop.app", i)
		}
	}
	c.appLinks.IOS = e.IOS
}
