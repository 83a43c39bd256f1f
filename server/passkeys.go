package main

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
)

var (
	rpID      = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	apkOrigin = regexp.MustCompile(`^android:apk-key-hash:[A-Za-z0-9_-]{43}$`) // SHA-256 in base64url
)

// checkPasskeys refuses what no browser and no phone would do.
func (c *config) checkPasskeys(wrong *problems) {
	e := c.file.Phones.Passkeys
	id, host := "", hostOf(c.publicURL)
	if e != nil {
		id = e.RPID
		if id != "" && (!rpID.MatchString(id) || net.ParseIP(id) != nil) {
			wrong.add("phones.passkeys: rp_id %q: want a host name in small letters, such as login.example", id)
		} else if id != "" && host != "" && host != id && !strings.HasSuffix(host, "."+id) {
			wrong.add("phones.passkeys: rp_id %q: want the host of --public-url, %s, or a domain above it", id, host)
		}
		for _, origin := range e.Origins {
			if !apkOrigin.MatchString(origin) && (checkOrigin(origin) != nil || strings.HasSuffix(origin, "/")) {
				wrong.add("phones.passkeys: origins: %q: want scheme and host only, such as https://login.example, or android:apk-key-hash: and the 43 letters of an app's hash", origin)
			}
		}
	}
	always := slices.IndexFunc(c.apps, func(a login.App) bool { return a.Passkey })
	if always < 0 || id != "" {
		return
	}
	switch at := c.apps[always].ID; {
	case host == "":
		wrong.add("app %q: passkey: passkeys are bound to a host name: say with --public-url what browsers and phones call this server", at)
	case net.ParseIP(host) != nil:
		wrong.add("app %q: passkey: browsers bind passkeys to a host name and never to an address such as %s: want a name in --public-url, or in phones.passkeys.rp_id (localhost will do to try it)", at, host)
	}
}

// passkeys is what the configuration makes of them; nil if this server has no name that
// they could be bound to. A demo on this machine has one besides its address.
func (c *config) passkeys(publicURL string) *passkey.RelyingParty {
	party := &passkey.RelyingParty{ID: hostOf(publicURL), Origins: []string{publicURL}, AnySignIn: c.demo != ""}
	if e := c.file.Phones.Passkeys; e != nil {
		if e.RPID != "" {
			party.ID = e.RPID
		}
		party.Origins = append(party.Origins, e.Origins...)
	}
	ip := net.ParseIP(party.ID)
	switch {
	case ip == nil:
		return party
	case c.demo != "" && ip.IsLoopback():
		u, err := url.Parse(publicURL)
		if err != nil {
			return nil
		}
		party.ID, party.Origins = "localhost", []string{u.Scheme + "://" + strings.TrimSuffix("localhost:"+u.Port(), ":")}
		return party
	}
	return nil
}

// hostOf is a URL's host without a port, in small letters; empty if it has none.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
