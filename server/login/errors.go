package login

import (
	"errors"
	"time"
)

// The errors of this package. Unknown, foreign and forgotten things all give
// ErrNotFound, so that nobody can probe which of them exist.
var (
	ErrNotFound     = errors.New("no such login, session or code")
	ErrUnknownApp   = errors.New("no such app")
	ErrRedirectURI  = errors.New("redirect_uri is not registered for this app")
	ErrTooLong      = errors.New("a parameter is too long")
	ErrFull         = errors.New("too many logins are under way")
	ErrExists       = errors.New("exists already")
	ErrTaken        = errors.New("another phone has scanned this code")
	ErrNotYours     = errors.New("another phone has scanned this login")
	ErrDecided      = errors.New("decided already")
	ErrExpired      = errors.New("expired")
	ErrWrongNumber  = errors.New("wrong number")
	ErrRedeemed     = errors.New("ticket was redeemed already")
	ErrRefused      = errors.New("ticket is refused")
	ErrBlocked      = errors.New("logins from this address are blocked by this person")
	ErrTooMany      = errors.New("too many prompts in a short time")
	ErrTooManyCodes = errors.New("too many wrong short codes")

	ErrPasskeyRequired = errors.New("this app asks for a passkey")
	ErrPasskeyUnknown  = errors.New("the passkey is not one of this phone, or too old")
	ErrPasskeyRefused  = errors.New("the passkey has not verified this person for this login")
)

// RetryError is an error that goes away by itself.
type RetryError struct {
	Err   error
	After time.Duration
}

// Error says what Err says.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RetryError) Unwrap() error { return e.Err }
