package login

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// Login is one attempt, as a [Store] keeps it. It is a plain value: a copy is
// independent of the original. It holds no secret.
type Login struct {
	Handle  Handle
	ID      HashedSecret // of the login id
	KeyID   string       // of the key that everything of this login is derived from
	Binding HashedSecret // of the browser's binding cookie; zero: it has none

	App         string
	RedirectURI Short  // one of the app's
	SiteState   string // the site's own state parameter, given back to it
	Lang        string
	Browser     KeptBrowser

	State    State // as last written; see At
	Deadline time.Time
	Started  time.Time
	Scanned  time.Time
	Approved time.Time
	Redeemed time.Time

	Phone          Phone
	Profile        Profile
	Push           bool   // sent to the phone, not scanned by it
	Renewed        PushID // the push ticket that its browser was given instead of the used one
	Bound          bool   // the login id itself was scanned: see Holder
	Ahead          int    // the last slot whose code was given out before its time; 0: none
	UserCode       int    // which draw gave its short code; 0: it has none
	Typed          bool   // by its short code, and not scanned
	Risk           Risk   // what the scan gave to think about
	NumberRequired bool
	WrongNumbers   int

	Nonce    [16]byte     // drawn at approval; the ticket is a MAC over it
	Redeemer HashedSecret // of what redeemed the ticket
	Void     bool         // somebody else presented the ticket as well
	Told     Mark
}

// Browser is what is known of the initiating device. It may be forged, so it is
// shown to people and compared, and never trusted.
type Browser struct {
	Addr      netip.Addr // after trusted proxies
	UserAgent string     // cut at maxUserAgent bytes
}

// KeptBrowser is a Browser as records keep it. Most who read a record do not ask for its
// User-Agent, so only those who show it pay for its length.
type KeptBrowser struct {
	Addr      netip.Addr
	UserAgent Short
}

// Kept returns b for a record.
func (b Browser) Kept() KeptBrowser {
	return KeptBrowser{Addr: b.Addr, UserAgent: Shorten(cut(b.UserAgent, maxUserAgent))}
}

// Shown is the inverse of Kept.
func (b KeptBrowser) Shown() Browser { return Browser{Addr: b.Addr, UserAgent: b.UserAgent.String()} }

// Phone identifies who is signed in on the phone, whatever token says so.
type Phone struct {
	Issuer  string
	Subject string
}

// Key is one text for the phone, which no other phone has: an issuer is a URL or a
// word, without NUL. It is the person and not a token, since fresh tokens are easily had.
func (p Phone) Key() string {
	var room [64]byte
	return string(p.appendKey(room[:0]))
}

func (p Phone) appendKey(b []byte) []byte {
	return append(append(append(b, p.Issuer...), 0), p.Subject...)
}

// Profile is how a person is shown to people.
type Profile struct {
	Name    string
	Picture string // a URL that any page may fetch, or empty
}

// Identity is a phone that asks: who it is, as an authenticator has verified, and where
// it asks from.
type Identity struct {
	Phone
	Profile
	Addr     netip.Addr // after trusted proxies; the zero Addr: unknown, and one place for all
	AuthTime time.Time  // when the person last proved to be it; zero: nobody says
}

// Mark is a set of things that a dialect has told its browser and must not tell
// again. Each dialect owns bits of its own, of the lowest five; see also passkeyRefusalTold.
type Mark uint32

const (
	maxUserAgent = 512
	maxSiteState = 1024
	maxLang      = 35 // the longest language tag that RFC 5646, section 4.4.1 asks to support

	// afterlife is how long a login that has ended is still told so.
	afterlife = 2 * time.Minute
	// decision is the least time that a phone has between scan and answer.
	decision = 2 * time.Minute
	// grace is how long the browser that redeemed may ask again: real clients
	// retry the login page.
	grace = 40 * time.Second
	// pushWindow and maxPrompts limit how often a person is asked without having
	// scanned anything.
	pushWindow = 10 * time.Minute
	maxPrompts = 3
)

// Key makes Login a [Record].
func (l Login) Key() Handle { return l.Handle }

// Owner is the phone that has scanned it, or is asked by it.
func (l Login) Owner() Phone { return l.Phone }

// ExpiresAt is when a store may forget the login.
func (l Login) ExpiresAt() time.Time {
	end := l.Deadline.Add(afterlife)
	if window := l.Started.Add(pushWindow); l.Push && window.After(end) {
		return window // still counts as a prompt
	}
	return end
}

// At returns the login as it stands at now: a deadline needs nobody to write it.
func (l Login) At(now time.Time) Login {
	l.State = l.stateAt(now)
	return l
}

// stateAt is the state of At. As all that only look at a login, it copies none: that is half
// a kilobyte, and a browser may be answered many calls below the change that rang for it.
func (l *Login) stateAt(now time.Time) State {
	if !l.State.Final() && !now.Before(l.Deadline) {
		return Expired
	}
	return l.State
}

// become moves the login on, or reports that the machine has no such step.
func (l *Login) become(to State) bool {
	if !l.State.May(to) {
		return false
	}
	l.State = to
	return true
}

// cut shortens a text of a client that is kept only to be shown.
func cut(text string, limit int) string {
	if len(text) > limit {
		return text[:limit]
	}
	return text
}

// Nearly all secrets have room on the stack, as an ID has.
func hashSecret(secret string) HashedSecret {
	return sha256.Sum256(append(make([]byte, 0, 64), secret...))
}

// client identifies a browser for the grace of a retried page.
func (b Browser) client() HashedSecret {
	var room [256]byte // as much as most have
	text := append(room[:0], "client "...)
	text = append(text, b.Addr.String()...)
	text = append(text, ' ')
	return sha256.Sum256(append(text, b.UserAgent...))
}
