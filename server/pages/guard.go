package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// A form of ours carries a token that is bound to the visit of this browser and to
// who is signed in. A hostile page can read neither; one on a sibling domain can
// plant a visit cookie, but gets no token for somebody else's account from it.

// visit returns what the tokens of this browser are bound to, and begins it if need be.
func (p *Pages) visit(c echo.Context) string {
	if begun, ok := c.Get(cookieVisit).(string); ok {
		return begun // in this very answer
	}
	value := cookieValue(c, cookieVisit)
	if len(value) != 22 { // 16 bytes in base64url
		value = newNonce()
		p.setCookie(c, cookieVisit, "/", value, phoneLife)
	}
	c.Set(cookieVisit, value)
	return value
}

func (p *Pages) token(key login.Key, visit string, who login.Phone) string {
	return mark(key, "csrf", visit+"\x00"+who.Issuer+"\x00"+who.Subject)
}

// begin makes the view of a page with forms. who may be the zero Identity.
func (p *Pages) begin(c echo.Context, who login.Identity) view {
	v := view{CSRF: p.token(p.Service.Keys().Newest(), p.visit(c), who.Phone)}
	if who.Phone != (login.Phone{}) {
		v.Me = &who.Profile
	}
	return v
}

// ours tells whether a POST came from a form of ours.
func (p *Pages) ours(c echo.Context, who login.Phone) bool {
	if !p.fromHere(c.Request()) {
		return false
	}
	return p.knowsToken(c, who, c.FormValue("csrf"))
}

// knowsToken tells whether token was given to this visit and to who.
func (p *Pages) knowsToken(c echo.Context, who login.Phone, token string) bool {
	visit := cookieValue(c, cookieVisit)
	if visit == "" {
		return false
	}
	given := []byte(token)
	for _, key := range p.Service.Keys().All() {
		if hmac.Equal(given, []byte(p.token(key, visit, who))) {
			return true
		}
	}
	return false
}

// fromHere believes what browsers say of where a request comes from. Old ones say
// nothing: then the token has to do.
func (p *Pages) fromHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default: // same-site too: a sibling domain is somebody else
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == p.origin {
		return true
	}
	// A loopback listener has several names. Which hosts we answer for is checked
	// before a request comes here.
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == r.Host && (u.Scheme == "https" || u.Scheme == "http" && !p.Secure)
}

// localPath tells whether next is a page of the phone's, and nothing else: an open
// redirect after a sign-in is a gift to phishers.
func localPath(next string) bool {
	for _, r := range next {
		if r <= ' ' || r == 0x7f || r == '\\' {
			return false
		}
	}
	// Browsers take %2e for a dot, and so /phone/%2e%2e/x for /x.
	if plain := strings.ReplaceAll(strings.ToLower(next), "%2e", "."); strings.Contains(plain, "//") || strings.Contains(plain, "/.") {
		return false
	}
	path, _, _ := strings.Cut(next, "?")
	return path == "/phone" || strings.HasPrefix(path, "/phone/") || strings.HasPrefix(path, "/l/")
}

// samePassword compares in time that tells nothing of the right one.
func samePassword(given, right string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(right))
	return hmac.Equal(a[:], b[:])
}
