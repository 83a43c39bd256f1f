package login

import (
	"errors"
	"time"
)

// Step is a call that moved a login on, or tried to, for whoever measures. Unlike an
// [Event] it is told of starts as well, and of every ticket that is presented.
type Step struct {
	Name    StepName
	Result  StepResult
	Login   Login  // as saved; the zero Login where nothing was
	Dialect string // of a start: Request.Dialect
	Site    bool   // of a redemption: the site itself asked, and not a browser at the login page
	Began   time.Time
	Ended   time.Time
}

// StepName says what was called.
type StepName string

// The steps. A call that is not listed, or that changes nothing, is none, but for redemptions
// and refused passkeys.
const (
	StepStart   StepName = "start" // a push login's too, which begins as scanned
	StepScan    StepName = "scan"
	StepApprove StepName = "approve"
	StepDeny    StepName = "deny"
	StepRedeem  StepName = "redeem"
)

// StepResult says what came of it.
type StepResult string

// The results. All but Done leave the state of the login as it was, except that the third
// wrong number denies it.
const (
	StepDone           StepResult = "done"
	StepWrongNumber    StepResult = "wrong_number"    // of approve
	StepPasskeyRefused StepResult = "passkey_refused" // of approve, each time; with a login as often as it is told
	StepAgain          StepResult = "again"           // of redeem, and those below: the same client got the same session
	StepRefused        StepResult = "refused"         // no ticket of ours, or late, twice or by another app
	StepReused         StepResult = "reused"          // by another client: the session is void
	StepFailed         StepResult = "failed"          // the store could not be reached
)

// step tells whoever measures that a step ends now.
func (s *Service) step(t *Step) {
	if observe := s.config.Load().Observe; observe != nil {
		t.Ended = time.Now()
		observe(*t)
	}
}

// stepResult is what became of a ticket whose redemption gave err.
func stepResult(err error, stolen bool) StepResult {
	switch {
	case err == nil && stolen:
		return StepReused
	case err == nil:
		return StepDone
	case errors.Is(err, errUnchanged):
		return StepAgain
	case errors.Is(err, ErrRefused), errors.Is(err, ErrRedeemed), errors.Is(err, ErrNotFound):
		return StepRefused
	}
	return StepFailed
}
