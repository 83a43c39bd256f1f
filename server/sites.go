package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"qrlatch/assets"
	"qrlatch/server/login"
	"qrlatch/server/phone"
)

var appID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checkSites turns the file's apps and phones into those of the service.
func (c *config) checkSites(wrong *problems, listenHost string) {
	c.checkRecord(wrong)
	if c.demo != "" {
		c.checkDemo(wrong, listenHost)
		return
	}
	if len(c.file.Apps) == 0 {
		wrong.add("no apps: name at least one site in the file of --config, or try --demo")
	}
	seen := map[string]bool{}
	for i, entry := range c.file.Apps {
		at := fmt.Sprintf("apps[%d]", i)
		if entry.ID != "" {
			at = fmt.Sprintf("app %q", entry.ID)
		}
		if seen[entry.ID] {
			wrong.add("%s is there twice", at)
		}
		seen[entry.ID] = true
		c.apps = append(c.apps, c.app(wrong, at, entry))
	}
	c.checkPhones(wrong)
	c.checkPasskeys(wrong)
}

func (c *config) app(wrong *problems, at string, e appEntry) login.App {
	if !appID.MatchString(e.ID) {
		wrong.add("%s: id: want 1 to 64 of A-Z a-z 0-9 . _ -", at)
	}
	a := login.App{ID: e.ID, Name: e.Name, Logo: e.Logo, RedirectURIs: e.RedirectURIs, Origins: e.Origins, LogoutURL: e.LogoutURL}
	if a.Name == "" {
		a.Name = a.ID
	}
	if len(e.RedirectURIs) == 0 {
		wrong.add("%s: redirect_uris: want at least one", at)
	}
	for _, uri := range e.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			wrong.add("%s: redirect_uris: %q: %s", at, uri, err)
		}
	}
	for _, origin := range e.Origins {
		if err := checkOrigin(origin); err != nil || strings.HasSuffix(origin, "/") {
			wrong.add("%s: origins: %q: want scheme and host only, such as https://shop.example", at, origin)
		}
	}
	if err := checkLogoutURL(e.LogoutURL); e.LogoutURL != "" && err != nil {
		wrong.add("%s: logout_url: %s", at, err)
	}
	if e.SecretSHA256 != "" {
		sum, err := sha256Hex(e.SecretSHA256)
		if err != nil {
			wrong.add("%s: secret_sha256: %s", at, err)
		}
		a.Secret = sum
	}
	a.Disclose = choose(wrong, at+": disclose_on_scan", e.Disclose, map[string]login.Disclosure{
		"": login.DiscloseNothing, "none": login.DiscloseNothing, "avatar": login.DiscloseAvatar, "name": login.DiscloseName})
	a.Number = choose(wrong, at+": number", e.Number, map[string]login.NumberRule{
		"": login.NumberOnRisk, "risk": login.NumberOnRisk, "never": login.NumberNever, "always": login.NumberAlways})
	a.Passkey = choose(wrong, at+": passkey", e.Passkey, map[string]bool{"": false, "never": false, "always": true})
	a.OneSession = choose(wrong, at+": sessions", e.Sessions, map[string]bool{"": false, "many": false, "one": true})
	a.Lang = choose(wrong, at+": lang", e.Lang, map[string]string{"": "", "en": "en", "zh": "zh", "ko": "ko", "es": "es"})
	a.UnboundScan = choose(wrong, at+": unbound_scan", e.UnboundScan, map[string]bool{"": false, "deny": false, "allow": true})
	if a.UnboundScan {
		c.warnings = append(c.warnings, at+": unbound_scan: allow lets whoever photographs a self-drawn QR collect the login")
	}
	return a
}

// choose translates a word of the file.
func choose[T any](wrong *problems, at, word string, choices map[string]T) T {
	value, ok := choices[word]
	if !ok {
		var words []string
		for w := range choices {
			if w != "" {
				words = append(words, w)
			}
		}
		slices.Sort(words)
		wrong.add("%s: want one of %s", at, strings.Join(words, ", "))
	}
	return value
}

// checkRedirectURI refuses what could not be written into every dialect as it is: a
// quote or backslash would end WeChat's script string, a ';' Mojo-Weixin's statement,
// and clients cut at the last '/', which must not stand after the '?'.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("want an absolute http or https URL")
	}
	if u.Fragment != "" || strings.Contains(uri, "#") {
		return errors.New("must not have a fragment")
	}
	if strings.ContainsAny(uri, "\"'\\;<> \t\r\n") || strings.ContainsFunc(uri, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return errors.New(`must not contain spaces, quotes, \ ; < > or characters beyond ASCII`)
	}
	if strings.Contains(u.RawQuery, "/") {
		return errors.New("must not have a / after the ?")
	}
	for _, name := range login.RedirectParameters() {
		if u.Query().Has(name) {
			return fmt.Errorf("must not have a parameter %s: the ticket comes with one", name)
		}
	}
	return nil
}

// checkLogoutURL refuses what would tell the network who is signed out where, and who may
// be kept from hearing it: whoever is on the way could drop the notice.
func checkLogoutURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#") {
		return errors.New("want an absolute https URL without name, password and fragment")
	}
	ip := net.ParseIP(u.Hostname())
	if loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); u.Scheme == "http" && !loopback {
		return errors.New("want https: plain http may only go to this machine itself")
	}
	return nil
}

func sha256Hex(text string) (sum login.HashedSecret, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(sum) {
		return sum, errors.New("want 64 hexadecimal digits, as sha256sum prints")
	}
	copy(sum[:], b)
	return sum, nil
}

func (c *config) checkPhones(wrong *problems) {
	p := c.file.Phones
	if len(p.Tokens) == 0 && p.OIDC == nil && p.JWT == nil && p.Introspection == nil && len(wrong.lines) == 0 {
		wrong.add("phones: nobody could scan: want at least one of jwt, introspection, oidc and tokens")
	}
	c.checkOIDC(wrong)
	c.checkBearers(wrong)
	c.checkAppLinks(wrong)
	for i, t := range p.Tokens {
		if _, err := sha256Hex(t.TokenSHA256); err != nil {
			wrong.add("phones.tokens[%d]: token_sha256: %s", i, err)
		}
		if t.Subject == "" {
			wrong.add("phones.tokens[%d]: subject: want who this token stands for", i)
		}
	}
}

// pictureURL is a person's picture as everybody may fetch it, also pages of other sites: a
// plain name is one of our own assets.
func pictureURL(publicURL, picture string) string {
	if picture == "" || strings.Contains(picture, "://") {
		return picture
	}
	return publicURL + assets.Prefix + url.PathEscape(picture)
}

// tokens returns the fixed phones. The file was checked before.
func (c *config) tokens(publicURL string) phone.Tokens {
	var tokens phone.Tokens
	for _, t := range c.file.Phones.Tokens {
		sum, _ := sha256Hex(t.TokenSHA256)
		tokens = append(tokens, phone.Token{TokenSHA256: sum, Subject: t.Subject, Name: t.Name, Picture: pictureURL(publicURL, t.Picture)})
	}
	return tokens
}

// checkDemo keeps the demo, whose phones anybody may use, away from the network and
// from real sites.
func (c *config) checkDemo(wrong *problems, listenHost string) {
	if p := c.file.Phones; len(c.file.Apps) > 0 || len(p.Tokens) > 0 || p.JWT != nil || p.Introspection != nil || p.OIDC != nil || p.AppLinks != nil || p.Passkeys != nil {
		wrong.add("--demo brings its own apps and phones: leave --demo or the apps and phones of --config away")
	}
	if slices.Contains(c.hosts, "*") {
		wrong.add("--demo does not go with --host *")
	}
	ip := net.ParseIP(listenHost)
	if loopback := listenHost == "localhost" || ip != nil && ip.IsLoopback(); !loopback {
		wrong.add("--demo listens on this machine only: want --listen 127.0.0.1:8080, or --demo=lan for a real phone")
	}
}
