package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// The cookies of the phone's pages. All are HttpOnly and SameSite=Lax.
const (
	cookiePhone = "qrlatch_phone" // who is signed in, signed
	cookieVisit = "qrlatch_visit" // random; tokens of forms are bound to it
	cookieSeen  = "qrlatch_seen"  // when a code was opened here, signed
	// of the passkey that was enrolled here last, sealed by package passkey
	cookiePasskey = "qrlatch_passkey"
)

const (
	phoneLife = 12 * time.Hour
	purpose   = "phone page cookie"
)

// seal signs a value for one use, with the newest key. The use goes under the
// signature: a value made for one cookie must be worthless in another.
func (p *Pages) seal(use string, value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		return "" // none of our types fail, and an empty cookie opens nothing
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + mark(p.Service.Keys().Newest(), use, text)
}

// unseal reads what seal wrote, by any key in use. Signatures are compared in
// constant time, and nothing is parsed before.
func (p *Pages) unseal(use, sealed string, value any) bool {
	text, signature, ok := strings.Cut(sealed, ".")
	if !ok {
		return false
	}
	for _, key := range p.Service.Keys().All() {
		if hmac.Equal([]byte(signature), []byte(mark(key, use, text))) {
			body, err := base64.RawURLEncoding.DecodeString(text)
			return err == nil && json.Unmarshal(body, value) == nil
		}
	}
	return false
}

func mark(key login.Key, use, text string) string {
	m := hmac.New(sha256.New, key.Derive(purpose))
	m.Write([]byte(use + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (p *Pages) setCookie(c echo.Context, name, path, value string, life time.Duration) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: p.Secure, SameSite: http.SameSiteLaxMode,
	}
	if life <= 0 {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

func cookieValue(c echo.Context, name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// signedIn is what the phone's cookie says.
type signedIn struct {
	Issuer, Subject string
	Name, Picture   string `json:",omitempty"` // as the provider told; nobody else knows them
	Until           int64  // unix seconds
	At              int64  `json:",omitempty"` // when the person proved to be it, unix seconds; 0: nobody says
}

// maxSealed is how long a cookie's value may be: browsers drop a cookie of more than 4 kB.
const maxSealed = 3500

func (p *Pages) setIdentity(c echo.Context, who login.Identity) {
	in := signedIn{
		Issuer: who.Issuer, Subject: who.Subject, Name: who.Name, Picture: who.Picture,
		Until: time.Now().Add(phoneLife).Unix(),
	}
	if !who.AuthTime.IsZero() {
		in.At = who.AuthTime.Unix()
	}
	sealed := p.seal(cookiePhone, in)
	if len(sealed) > maxSealed { // a picture's address may be long, and people can do without
		in.Picture = ""
		sealed = p.seal(cookiePhone, in)
	}
	p.setCookie(c, cookiePhone, "/", sealed, phoneLife)
}

// identity returns who is signed in on this phone. An account or a provider that was
// removed from the configuration signs nobody in any more.
func (p *Pages) identity(c echo.Context) (login.Identity, bool) {
	var in signedIn
	if !p.unseal(cookiePhone, cookieValue(c, cookiePhone), &in) || time.Now().Unix() >= in.Until {
		return login.Identity{}, false
	}
	who := login.Phone{Issuer: in.Issuer, Subject: in.Subject}
	var at time.Time
	if in.At != 0 {
		at = time.Unix(in.At, 0)
	}
	for _, a := range p.Accounts {
		if a.Identity.Phone == who {
			found := a.Identity
			found.AuthTime = at
			return found, true
		}
	}
	if p.SignIn != nil && in.Issuer == p.SignIn.Issuer() {
		return login.Identity{Phone: who, Profile: login.Profile{Name: in.Name, Picture: in.Picture}, AuthTime: at}, true
	}
	return login.Identity{}, false
}

// sightOf is when this browser opened a code. The code itself is in no cookie.
type sightOf struct {
	Code    []byte // SHA-256
	Browser []byte // SHA-256: who opens a code early for somebody else has another one
	At      int64  // unix milliseconds
}

// rememberSight notes when a live code was opened here, so that signing in first
// does not make it stale. Only a page that a person opened counts: a prefetch or
// an image tag of somebody else's page must not start the clock early.
func (p *Pages) rememberSight(c echo.Context, code string, l login.Login) {
	r := c.Request()
	dest := r.Header.Get("Sec-Fetch-Dest")
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "" ||
		dest != "" && dest != "document" || l.State != login.Pending {
		return
	}
	if _, known := p.seen(c, code, l); known {
		return // only the first time counts
	}
	sum := sha256.Sum256([]byte(code))
	sealed := p.seal(cookieSeen, sightOf{Code: sum[:], Browser: p.browser(c), At: time.Now().UnixMilli()})
	p.setCookie(c, cookieSeen, "/l/", sealed, time.Until(l.Deadline)+time.Second)
}

// seen returns when this browser opened the code, if it did so during the life of l.
func (p *Pages) seen(c echo.Context, code string, l login.Login) (time.Time, bool) {
	var s sightOf
	sum := sha256.Sum256([]byte(code))
	if !p.unseal(cookieSeen, cookieValue(c, cookieSeen), &s) || !hmac.Equal(s.Code, sum[:]) || !hmac.Equal(s.Browser, p.browser(c)) {
		return time.Time{}, false
	}
	at := time.UnixMilli(s.At)
	if at.Before(l.Started.Truncate(time.Millisecond)) || at.After(time.Now()) {
		return time.Time{}, false
	}
	return at, true
}

// browser is what a sight is bound to.
func (p *Pages) browser(c echo.Context) []byte {
	sum := sha256.Sum256([]byte(p.visit(c) + " " + c.Request().UserAgent()))
	return sum[:]
}
