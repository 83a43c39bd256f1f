package phone

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"qrlatch/server/login"
)

// ClaimNames are the members of a token that describe a person. An empty name is the
// registered one: sub, name, picture.
type ClaimNames struct{ Subject, Name, Picture string }

// The most that is taken over of what an issuer says of a person.
const (
	maxSubject = 255 // OpenID Connect Core, section 2
	maxName    = 100 // characters
	maxPicture = 512
)

// leeway is how far an issuer's clock may be ahead of ours. There is none for exp: a
// token that is over a little early is only fetched again.
const leeway = time.Minute

// claims are what an issuer says: the payload of a JWT (RFC 7519), or the answer of an
// introspection (RFC 7662), which uses the same names.
type claims map[string]json.RawMessage

// parseClaims takes an object. Of two members of one name, one reader would believe the
// first and another the last, so the package of this decoder refuses them. It also
// compares names by case.
func parseClaims(object []byte) (c claims, ok bool) {
	return c, json.Unmarshal(object, &c) == nil && c != nil
}

// text returns a claim that is a string, else "".
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// has tells whether a claim is there at all, whatever its value.
func (c claims) has(name string) bool {
	_, ok := c[name]
	return ok
}

// meantFor tells whether aud, a string or a list of them, names audience exactly.
func (c claims) meantFor(audience string) bool {
	var one string
	if json.Unmarshal(c["aud"], &one) == nil {
		return one == audience && audience != ""
	}
	var many []string
	if json.Unmarshal(c["aud"], &many) != nil {
		return false
	}
	return slices.Contains(many, audience) && audience != ""
}

// date returns a NumericDate. An absent one is the zero Time; ok is false for what is no
// date, null included.
func (c claims) date(name string) (t time.Time, ok bool) {
	if !c.has(name) {
		return time.Time{}, true
	}
	var seconds *float64
	const year10000 = 253402300800 // beyond it, conversions would wrap around
	if json.Unmarshal(c[name], &seconds) != nil || seconds == nil || *seconds < 0 || *seconds >= year10000 {
		return time.Time{}, false
	}
	return time.Unix(int64(*seconds), 0), true
}

// checkTimes refuses what is over, with errOver, or has not begun, and returns when it is
// over; the zero Time if that is not said.
func (c claims) checkTimes(now time.Time) (expires time.Time, err error) {
	expires, ok := c.date("exp")
	if !ok {
		return expires, refused("exp is no date")
	}
	if !expires.IsZero() && !now.Before(expires) {
		return expires, errOver
	}
	for _, name := range []string{"nbf", "iat"} {
		if begins, ok := c.date(name); !ok || begins.After(now.Add(leeway)) {
			return expires, refused("%s is in the future or no date", name)
		}
	}
	return expires, nil
}

// identity is the person of issuer that the claims describe.
func (c claims) identity(issuer, prefix string, names ClaimNames) (login.Identity, error) {
	subject := c.text(cmp.Or(names.Subject, "sub"))
	if subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unicode.IsControl) {
		return login.Identity{}, refused("it has no usable subject")
	}
	signedIn, _ := c.date("auth_time") // the zero Time for what is none
	return login.Identity{
		AuthTime: signedIn,
		Phone:    login.Phone{Issuer: issuer, Subject: prefix + subject},
		Profile:  login.Profile{Name: shownName(c.text(cmp.Or(names.Name, "name"))), Picture: shownPicture(c.text(cmp.Or(names.Picture, "picture")))},
	}, nil
}

// shownName makes text fit for one line. There is none in its place: a subject may be an
// e-mail address, and the name is shown to the browser.
func shownName(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return text
}

// shownPicture is a URL that may be shown on a page: a relative one would name a file of ours.
func shownPicture(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(text) > maxPicture {
		return ""
	}
	return u.String()
}
