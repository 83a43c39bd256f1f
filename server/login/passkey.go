package login

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// This file asks for a passkey at the approval, by the rule of the app: whoever holds a
// phone that was stolen unlocked has its session, and not its person's finger.

// Passkeys verifies what phones show of their passkeys.
type Passkeys interface {
	// Verify returns nil if a passkey that was enrolled for who has signed challenge just
	// so, and verified its person. ErrPasskeyUnknown and ErrPasskeyRefused as they say.
	Verify(keys Keyring, who Phone, challenge []byte, p Passkey) error
}

// Passkey is what a phone shows of one.
type Passkey struct {
	Credential string // as it was sealed when it was enrolled
	Assertion  []byte // JSON, as WebAuthn's AuthenticationResponseJSON
}

// Yes is what a phone approves with.
type Yes struct {
	Number  string   // needed only if the login asks for it
	Passkey *Passkey // needed only if the app asks for it; nil: none
}

// Approve is ApproveWith of a number and nothing else.
func (s *Service) Approve(ctx context.Context, who Phone, h string, number string) (Login, error) {
	return s.ApproveWith(ctx, who, h, Yes{Number: number})
}

// ApproveWith says yes. A wrong number gives ErrWrongNumber, and the third denies the
// login. The passkey is looked at first: without a good one the number is not, and the
// error is ErrPasskeyRequired, ErrPasskeyUnknown or ErrPasskeyRefused. Approving again is
// harmless, and needs neither. ErrNotYours, ErrDecided and ErrExpired as they say.
func (s *Service) ApproveWith(ctx context.Context, who Phone, h string, yes Yes) (Login, error) {
	l, err := s.approve(ctx, who, h, yes.Number, false)
	if !errors.Is(err, ErrPasskeyRequired) || yes.Passkey == nil {
		return l, err
	}
	began := time.Now()
	// Nothing that the challenge is made of changes any more once a login was scanned.
	if err := s.verifyPasskey(l, *yes.Passkey); err != nil {
		if errors.Is(err, ErrPasskeyRefused) || errors.Is(err, ErrPasskeyUnknown) {
			s.noteRefusedPasskey(ctx, l, began)
		}
		return l, wrap("approve", err)
	}
	return s.approve(ctx, who, h, yes.Number, true)
}

// Passkeys is what verifies them; nil: nothing does.
func (s *Service) Passkeys() Passkeys { return s.config.Load().Passkeys }

func (s *Service) asksPasskey(l Login) bool {
	app, ok := s.App(l.App)
	return ok && app.Passkey
}

func (s *Service) verifyPasskey(l Login, p Passkey) error {
	challenge, ok := s.PasskeyChallenge(l)
	verifier := s.Passkeys()
	if !ok || verifier == nil {
		return ErrPasskeyRequired
	}
	return verifier.Verify(s.Keys(), l.Phone, challenge, p)
}

// passkeyRefusalsTold is how many refused passkeys of one login are told: as many as it takes
// wrong numbers. Whoever holds the phone's token may try as often as he likes, and must not
// fill the record.
const passkeyRefusalsTold = 3

// passkeyRefusalTold is the first of so many marks, which stand between those of the
// dialects and those of tickets.
const passkeyRefusalTold = refusalTold >> passkeyRefusalsTold

// noteRefusedPasskey tells of a passkey that does not approve l. Where the record cannot be
// kept, the refusal stands all the same, and is told as one that was told often enough.
func (s *Service) noteRefusedPasskey(ctx context.Context, l Login, began time.Time) {
	step := Step{Name: StepApprove, Result: StepPasskeyRefused, Began: began}
	defer func() { s.step(&step) }()
	noted, saved, _ := s.decide(ctx, l.Phone, string(l.Handle), func(l *Login) error {
		for mark := passkeyRefusalTold; l.State == Scanned && mark < refusalTold; mark <<= 1 {
			if l.Told&mark == 0 {
				l.Told |= mark
				return nil
			}
		}
		return errUnchanged
	})
	if saved {
		step.Login = noted
		s.tellLogin(ctx, EventPasskeyRefused, &noted)
	}
}

// PasskeyChallenge returns what a passkey has to sign to approve l: all that the person
// says yes to, and the person. ok is false while the login needs no passkey. It is the
// same each time, so nobody has to remember it, and a MAC, since a hash would tell the
// number to whoever tries all ninety.
func (s *Service) PasskeyChallenge(l Login) (challenge []byte, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || l.State != Scanned || !s.asksPasskey(l) {
		return nil, false
	}
	number, _ := s.Number(l)
	mac := key.mac(labelPasskey, string(l.Handle), l.App, originOf(l.RedirectURI.String()), number,
		l.Browser.Addr.String(), l.Browser.UserAgent.String(), l.Phone.Issuer, l.Phone.Subject)
	return mac[:], true
}

// originOf is where a redirect URI leads; empty if it is none.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
