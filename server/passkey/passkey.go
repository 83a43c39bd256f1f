// Package passkey asks the person for a passkey (WebAuthn) where an app wants one at every
// approval. It enrols passkeys, and verifies what they have signed.
//
// Nothing is kept here: an enrolled credential is sealed for its phone, and the phone keeps
// it and shows it each time. The challenge of an approval is that of package login, and
// everything that phones and browsers send is parsed and verified by go-webauthn.
package passkey

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"

	"qrlatch/server/login"
)

// RelyingParty is this server as WebAuthn knows it. It never changes.
type RelyingParty struct {
	ID      string   // the host name that passkeys are bound to, or a domain above it
	Origins []string // of the pages, and of the apps (android:apk-key-hash:…), that may ask for them

	// AnySignIn lets enrol whose sign-in nobody dates: only a demo may.
	AnySignIn bool
}

const (
	// patience is how long the phone may ask its person.
	patience = 2 * time.Minute
	// maxAssertion is far more than any has: there are no certificates in it.
	maxAssertion = 8 << 10
)

// Request is what the phone gives to navigator.credentials.get, or to its system. ids are
// the credentials to ask for; none: whichever it has.
func (r *RelyingParty) Request(challenge []byte, ids ...[]byte) protocol.PublicKeyCredentialRequestOptions {
	request := protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, RelyingPartyID: r.ID, UserVerification: protocol.VerificationRequired,
		Timeout: int(patience / time.Millisecond),
	}
	for _, id := range ids {
		request.AllowedCredentials = append(request.AllowedCredentials, protocol.CredentialDescriptor{
			Type: protocol.PublicKeyCredentialType, CredentialID: id,
		})
	}
	return request
}

// Verify makes RelyingParty a login.Passkeys. Counters are not looked at: passkeys that are
// kept in several devices have none, and there is nobody here who could remember one.
func (r *RelyingParty) Verify(keys login.Keyring, who login.Phone, challenge []byte, shown login.Passkey) error {
	c, err := r.open(keys, who, shown.Credential, time.Now())
	if err != nil {
		return err
	}
	if len(shown.Assertion) > maxAssertion {
		return refused(errors.New("too long"))
	}
	a, err := protocol.ParseCredentialRequestResponseBytes(shown.Assertion)
	if err != nil {
		return refused(err)
	}
	if !bytes.Equal(a.RawID, c.ID) {
		return refused(errors.New("of another credential"))
	}
	verifyUser, verifyPresence := true, true
	if err := a.Verify(text(challenge), r.ID, "", r.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		verifyUser, verifyPresence, c.Key, protocol.SignaturePolicy{}); err != nil {
		return refused(err)
	}
	return nil
}

func refused(why error) error { return fmt.Errorf("%w: %w", login.ErrPasskeyRefused, why) }

// text is a challenge as it stands in what a client has signed.
func text(challenge []byte) string { return base64.RawURLEncoding.EncodeToString(challenge) }
