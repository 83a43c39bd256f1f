package problem

import (
	"errors"
	"net/http"
	"time"

	"qrlatch/server/login"
)

// PasskeyChallenge is the WWW-Authenticate of an answer that wants a passkey. It does not
// say Bearer: apps would take that for a word on their token, which is good, and drop it.
const PasskeyChallenge = `Passkey realm="qrlatch"`

// answers has a line for every error of package login that a client can meet.
var answers = []struct {
	err    error
	status int
	kind   string
	title  string
	retry  time.Duration
	detail string
}{
	{login.ErrNotFound, http.StatusNotFound, "not-found", "Not found", 0,
		"This is unknown here, not yours, or over. For a QR code: have the browser show a fresh one and scan that."},
	{login.ErrRefused, http.StatusNotFound, "ticket-refused", "Ticket refused", 0,
		"This ticket is unknown, of another app, void, or too old. Send the browser back to the login page to start again."},
	{login.ErrNotYours, http.StatusForbidden, "not-yours", "Scanned by another phone", 0,
		"Only the phone that scanned this login may see it or decide it. Have the browser show a fresh code and scan that."},
	{login.ErrBlocked, http.StatusForbidden, "blocked", "Blocked by this person", 0,
		"This person reported a session from that network as not theirs, so nothing from there may ask them for a day. Use another network, or wait."},
	{login.ErrTaken, http.StatusConflict, "taken", "Scanned by another phone already", 0,
		"Another phone scanned this code first. Have the browser show a fresh code and scan that."},
	{login.ErrRedeemed, http.StatusConflict, "redeemed", "Ticket redeemed already", 0,
		"A ticket is good for one redemption, and this one has had it. Go on with the session of the first answer, or start a new login."},
	{login.ErrDecided, http.StatusGone, "decided", "Decided already", 0,
		"This login was decided the other way already, and that stays. Start a new login in the browser."},
	{login.ErrExpired, http.StatusGone, "expired", "Expired", 0,
		"Nobody finished this login in time. Have the browser show a fresh code and scan that."},
	{login.ErrWrongNumber, http.StatusUnprocessableEntity, "wrong-number", "Wrong number", 0,
		"Type the two digits that the browser shows now. If it shows none, deny: this may not be your browser."},
	{login.ErrPasskeyRequired, http.StatusUnauthorized, "passkey-required", "Passkey required", 0,
		"This app asks for a passkey at every approval. Have the phone sign the scan's own challenge, and send what it answers as passkey. Your access token is good."},
	{login.ErrPasskeyUnknown, http.StatusUnauthorized, "passkey-unknown", "Passkey unknown", 0,
		"This credential is not one that was enrolled for you here, or it is too old. Enrol a passkey again. Your access token is good."},
	{login.ErrPasskeyRefused, http.StatusUnauthorized, "passkey-refused", "Passkey refused", 0,
		"The passkey has not signed this scan's challenge here, or has not verified its person by finger, face or PIN. Ask it again with the options of this scan. Your access token is good."},
	{login.ErrTooMany, http.StatusTooManyRequests, "too-many-prompts", "Too many prompts", 10 * time.Minute,
		"This person was asked too often in a short time. Scan a code instead, or wait."},
	{login.ErrTooManyCodes, http.StatusTooManyRequests, "too-many-codes", "Too many wrong codes", 10 * time.Minute,
		"Too many wrong short codes were typed. Scan the picture instead, or wait."},
	{login.ErrUnknownApp, http.StatusBadRequest, "unknown-app", "Unknown app", 0,
		"No app of this id is registered here. Check the app's id against the configuration of this server."},
	{login.ErrRedirectURI, http.StatusBadRequest, "redirect-uri", "Redirect URI not registered", 0,
		"redirect_uri must equal, byte for byte, one that is registered for the app. Leave it out for the default."},
	{login.ErrTooLong, http.StatusBadRequest, "too-long", "Parameter too long", 0,
		"state may have 1024 bytes and lang 35. Shorten them."},
	{login.ErrFull, http.StatusServiceUnavailable, "full", "Too many logins under way", 10 * time.Second,
		"This server takes no more logins at the moment. Try again in a few seconds."},
	{login.ErrExists, http.StatusInternalServerError, "internal", "Internal error", 0,
		"This is a fault of the server. Try again; its operator finds the reason in the log."},
}

// FromLogin gives the answer for an error that a method of login.Service returned.
// Any that the package does not name means that the store could not be reached.
func FromLogin(err error) *Problem {
	if p, ok := fromLogin(err); ok {
		return p
	}
	return Unavailable(err)
}

func fromLogin(err error) (*Problem, bool) {
	for _, a := range answers {
		if errors.Is(err, a.err) {
			p := of(a.kind, a.status, a.title, a.detail)
			p.RetryAfter, p.cause = a.retry, err
			if a.status == http.StatusUnauthorized {
				p.Challenges = []string{PasskeyChallenge}
			}
			if later := (*login.RetryError)(nil); errors.As(err, &later) {
				p.RetryAfter = later.After
			}
			return p, true
		}
	}
	return nil, false
}
