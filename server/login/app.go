package login

import (
	"crypto/subtle"
	"slices"
	"strings"
)

// App is a site (relying party) that lets people in by a scan.
type App struct {
	ID           string
	Name         string       // shown to the person, on the browser and on the phone
	Logo         string       // URL or file name of a picture, may be empty
	RedirectURIs []string     // where a ticket may go; the first is the default
	Origins      []string     // web origins that may start logins for this app
	Secret       HashedSecret // SHA-256 of the secret of the site's own calls; zero: it has none
	Disclose     Disclosure   // what the browser learns of the phone before approval
	Number       NumberRule   // when the phone must repeat the number that the browser shows
	Passkey      bool         // every approval needs a passkey that verified its person
	OneSession   bool         // signing in ends the subject's earlier sessions at this app
	UnboundScan  bool         // a scanned login id may be collected without the binding cookie
	LogoutURL    string       // told when the phone signs a session out
	Lang         string       // of its people, where their browsers do not say; empty: none
}

// Disclosure says what a browser learns between scan and approval.
type Disclosure uint8

// From nothing to all that is ever shown.
const (
	DiscloseNothing Disclosure = iota // a neutral picture
	DiscloseAvatar
	DiscloseName // and the avatar
)

// NumberRule says when an approval needs the number on the browser's screen.
type NumberRule uint8

// The zero rule is the safe default.
const (
	NumberOnRisk NumberRule = iota // when there are signs of a relay: see Risk
	NumberNever
	NumberAlways
)

// RedirectURI returns where a ticket of this app may go: uri itself if it is
// registered byte for byte (RFC 9700, section 4.1: no patterns, no normalising),
// or the default if uri is empty.
func (a *App) RedirectURI(uri string) (string, bool) {
	if uri == "" && len(a.RedirectURIs) > 0 {
		return a.RedirectURIs[0], true
	}
	return uri, uri != "" && slices.Contains(a.RedirectURIs, uri)
}

// HasLoginPage tells whether tickets of this app may be redeemed at the WeChat
// login page: one of its redirect URIs says so.
func (a *App) HasLoginPage() bool {
	return slices.ContainsFunc(a.RedirectURIs, func(uri string) bool {
		return strings.HasSuffix(uri, "/webwxnewloginpage")
	})
}

// Authenticates tells, in constant time, whether secret is this app's. An app
// without a secret is never authenticated.
func (a *App) Authenticates(secret string) bool {
	sum := hashSecret(secret)
	return a.Secret != HashedSecret{} && subtle.ConstantTimeCompare(sum[:], a.Secret[:]) == 1
}
