package passkey

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"qrlatch/server/login"
)

// FreshFor is how old a sign-in may be that enrols a passkey. Whoever has stolen a phone
// that was signed in once must not enrol his own finger.
const FreshFor = 5 * time.Minute

// leeway is how far an issuer's clock may be ahead of ours.
const leeway = time.Minute

// The errors of an enrolment.
var (
	ErrUndated = errors.New("nobody says when this person has signed in")
	ErrStale   = errors.New("this person has signed in too long ago")
	ErrInvalid = errors.New("this is no enrolment that was asked for here")
	ErrKey     = errors.New("its key is of a kind or size that is not taken") // an ErrInvalid
)

// MayEnrol returns nil, ErrUndated or ErrStale.
func (r *RelyingParty) MayEnrol(who login.Identity) error {
	age := time.Since(who.AuthTime)
	switch {
	case r.AnySignIn:
		return nil
	case who.AuthTime.IsZero():
		return ErrUndated
	case age >= FreshFor || age < -leeway:
		return ErrStale
	}
	return nil
}

// Creation is what the phone gives to navigator.credentials.create, or to its system, and
// is good for as long as a sign-in is fresh. The error is that of MayEnrol.
func (r *RelyingParty) Creation(keys login.Keyring, who login.Identity) (protocol.PublicKeyCredentialCreationOptions, error) {
	if err := r.MayEnrol(who); err != nil {
		return protocol.PublicKeyCredentialCreationOptions{}, err
	}
	name := cmp.Or(who.Name, who.Subject)
	return protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{CredentialEntity: protocol.CredentialEntity{Name: r.ID}, ID: r.ID},
		User: protocol.UserEntity{
			CredentialEntity: protocol.CredentialEntity{Name: name}, DisplayName: name, ID: protocol.URLEncodedBase64(userID(keys, who.Phone)),
		},
		Challenge: begun(keys.Newest(), who.Phone, time.Now()), Parameters: algorithms(), Timeout: int(patience / time.Millisecond),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		Attestation: protocol.PreferNoAttestation,
	}, nil
}

// Enrol returns the credential of a phone's answer to Creation, JSON as WebAuthn's
// RegistrationResponseJSON, sealed for who. The errors are those of MayEnrol, ErrInvalid and ErrKey.
func (r *RelyingParty) Enrol(keys login.Keyring, who login.Identity, response []byte) (sealed string, expires time.Time, err error) {
	if err := r.MayEnrol(who); err != nil {
		return "", time.Time{}, err
	}
	invalid := func(why error) (string, time.Time, error) {
		return "", time.Time{}, fmt.Errorf("%w: %w", ErrInvalid, why)
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return invalid(err)
	}
	now := time.Now()
	challenge := made.Response.CollectedClientData.Challenge
	if !r.begunHere(keys, who.Phone, challenge, now) {
		return invalid(errors.New("its challenge"))
	}
	// None was asked for, and nobody here would trust one: so no statement of a maker is
	// looked at, and no certificate that comes with it.
	object := &made.Response.AttestationObject
	object.Format, object.AttStatement, object.SubStatements = string(protocol.AttestationFormatNone), nil, nil
	if _, err := made.Verify(challenge, r.ID, r.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true,
		nil, algorithms(), protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return invalid(err)
	}
	c := credential{ID: object.AuthData.AttData.CredentialID, Key: object.AuthData.AttData.CredentialPublicKey, At: now.Unix()}
	if !taken(c.Key) {
		return invalid(ErrKey)
	}
	if sealed, err = r.seal(keys, who.Phone, c); err != nil {
		return "", time.Time{}, err
	}
	if len(sealed) > maxSealed {
		return invalid(errors.New("its id or its key is too long"))
	}
	return sealed, time.Unix(c.At, 0).Add(Life), nil
}

// algorithms are what all authenticators know one of.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return list
}

// taken tells whether a key is of one of algorithms, and no larger than authenticators make
// them: whoever makes an RSA key at home makes it so that each try of his to approve costs
// milliseconds.
func taken(cose []byte) bool {
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return false
	}
	switch key := key.(type) {
	case webauthncose.EC2PublicKeyData:
		return key.Algorithm == int64(webauthncose.AlgES256)
	case webauthncose.OKPPublicKeyData:
		return key.Algorithm == int64(webauthncose.AlgEdDSA)
	case webauthncose.RSAPublicKeyData:
		bits := new(big.Int).SetBytes(key.Modulus).BitLen()
		if bits < 2048 || bits > 4096 {
			return false
		}
		exponent, err := webauthncose.ParseRSAPublicKeyDataExponent(&key)
		return err == nil && exponent == 65537 && key.Algorithm == int64(webauthncose.AlgRS256)
	}
	return false
}

// begun is the challenge of an enrolment: when it was begun, and a MAC of that and of who
// began it, so that nobody has to remember it.
func begun(key login.Key, who login.Phone, at time.Time) []byte {
	challenge := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	m := hmac.New(sha256.New, key.Derive("passkey enrolment"))
	m.Write(challenge)
	m.Write([]byte(who.Key()))
	return m.Sum(challenge)
}

// begunHere tells whether a challenge is one of begun that is not too old.
func (r *RelyingParty) begunHere(keys login.Keyring, who login.Phone, challenge string, now time.Time) bool {
	given, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil || len(given) < 8 {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(given)), 0)
	if age := now.Sub(at); age < -leeway || age >= FreshFor {
		return false
	}
	for _, key := range keys.All() {
		if hmac.Equal(given, begun(key, who, at)) {
			return true
		}
	}
	return false
}

// userID names the person to the authenticator, which keeps one passkey of each and may
// tell it to others. It hangs on the oldest key: it must survive rotation.
func userID(keys login.Keyring, who login.Phone) []byte {
	all := keys.All()
	m := hmac.New(sha256.New, all[len(all)-1].Derive("passkey user"))
	m.Write([]byte(who.Key()))
	return m.Sum(nil)
}
