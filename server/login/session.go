package login

import (
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"time"
)

// SessionID names a session in public: sites and phones know it, and it opens
// nothing without the site's secret or the phone's token. It is 24 letters of
// base64url.
type SessionID string

const sessionBytes = 18

// Session is a signed-in browser. Like Login it is a plain value without secrets.
type Session struct {
	ID       SessionID
	KeyID    string
	Login    Handle
	App      string
	Browser  KeptBrowser
	Phone    Phone
	Profile  Profile
	AuthTime time.Time // when the phone approved
	Created  time.Time
	LastSeen time.Time
	Expires  time.Time
	Ended    Ending
}

// Ending says why a session is over.
type Ending uint8

// An active session has not ended; the others say by whom it was ended.
const (
	Active    Ending = iota
	SignedOut        // by the browser or its site
	ByPhone          // by the phone
	Elsewhere        // the subject signed in elsewhere, at an app that allows one session
	Voided           // its ticket was presented by another client
)

// tombstone is how long a session that has ended is still told why.
const tombstone = 10 * time.Minute

// Key makes Session a [Record].
func (s Session) Key() SessionID { return s.ID }

// Owner is the phone that signed it in.
func (s Session) Owner() Phone { return s.Phone }

// ExpiresAt is when a store may forget the session. One that runs out by itself stays
// a while longer, so that whoever waits for that can still read it.
func (s Session) ExpiresAt() time.Time {
	if s.Ended == Active {
		return s.Expires.Add(afterlife)
	}
	return s.Expires
}

// At returns the session as it stands at now.
func (s Session) At(now time.Time) Session {
	if s.Ended == Active && !now.Before(s.Expires) {
		s.Ended = SignedOut
	}
	return s
}

// Credentials are what a signed-in browser holds. All are derived from the session
// and its key, so a repeated answer has the same bytes.
type Credentials struct {
	SID        string // names the session: session id and MAC
	Skey       string // @crypt_8hex_32hex, as WeChat clients know it
	PassTicket string
	DataTicket string // cookie
	UVID       string // cookie
	PushTicket string // cookie: lets the same browser ask this phone again
	UIN        int64  // the account's number at this app: 1 to 2^53-1
}

// PushID names a push ticket in a store.
type PushID string

// PushTicket lets a browser that has been signed in before ask its phone without
// a code. It is used once; each use gives a new one.
type PushTicket struct {
	ID      PushID
	Secret  HashedSecret
	Session SessionID // the one it came with
	App     string
	Phone   Phone
	Profile Profile
	Expires time.Time
	KeyID   string      // of the session
	Browser KeptBrowser // of the session, and not of who renewed the ticket
}

const pushTicketLife = 30 * 24 * time.Hour

// Key makes PushTicket a [Record].
func (t PushTicket) Key() PushID { return t.ID }

// Owner is the phone that it asks.
func (t PushTicket) Owner() Phone { return t.Phone }

// ExpiresAt is when a store may forget the ticket.
func (t PushTicket) ExpiresAt() time.Time { return t.Expires }

// credentials derives what the browser of session holds; ok is false when the key
// of the session is gone.
func credentials(keys Keyring, s Session) (c Credentials, ok bool) {
	key, ok := keys.Key(s.KeyID)
	if !ok {
		return Credentials{}, false
	}
	var room [64]byte
	sid := key.appendWord(append(room[:0], s.ID...), secretBytes, labelBrowser, string(s.ID), "sid")
	return Credentials{
		SID:        string(sid),
		Skey:       skey(key, s.ID),
		PassTicket: key.word(24, labelBrowser, string(s.ID), "pass_ticket"),
		DataTicket: key.word(secretBytes, labelBrowser, string(s.ID), "data_ticket"),
		UVID:       key.word(24, labelBrowser, string(s.ID), "uvid"),
		PushTicket: firstPushTicket(key, s.ID),
		UIN:        accountNumber(keys, s.App, s.Phone),
	}, true
}

func skey(key Key, id SessionID) string {
	mac := key.mac(labelBrowser, string(id), "skey")
	var room [64]byte
	b := hex.AppendEncode(append(room[:0], "@crypt_"...), mac[:4])
	return string(hex.AppendEncode(append(b, '_'), mac[4:20]))
}

// firstPushTicket is the one that a session begins with.
func firstPushTicket(key Key, id SessionID) string {
	var room [64]byte
	b := key.appendWord(room[:0], handleBytes, labelBrowser, string(id), "push id")
	return string(key.appendWord(b, secretBytes, labelBrowser, string(id), "push ticket"))
}

// accountNumber is 53 bits, the most that JavaScript keeps exactly, and never 0.
// It hangs on the oldest key: it must survive rotation.
func accountNumber(keys Keyring, app string, phone Phone) int64 {
	mac := keys.oldest().mac(labelAccount, app, phone.Issuer, phone.Subject)
	var n int64
	for _, b := range mac[:7] {
		n = n<<8 | int64(b)
	}
	return max(1, n&(1<<53-1))
}

// Presented is what a client shows to prove that it is a session's browser.
type Presented struct {
	SID        string
	Skey       string // may be empty if DataTicket is there (a client that resumes)
	UIN        string // decimal
	DataTicket string
}

// matches compares all of p with what the session's browser must hold.
func (c Credentials) matches(p Presented) bool {
	same := func(a, b string) int { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) }
	proof := same(p.Skey, c.Skey)
	if p.Skey == "" {
		proof = same(p.DataTicket, c.DataTicket)
	}
	return same(p.SID, c.SID)&same(p.UIN, decimal(c.UIN))&proof == 1
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
