package phone

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/problem"
)

// challenge is what an app gives to its system, as PublicKeyCredentialRequestOptionsJSON.
type challenge = protocol.PublicKeyCredentialRequestOptions

// passkeyAnswer is what an app shows of a passkey.
type passkeyAnswer struct {
	Credential string          `json:"credential"`
	Assertion  json.RawMessage `json:"assertion"`
}

// shown is nil if nothing of a passkey was sent.
func (p *passkeyAnswer) shown() *login.Passkey {
	if p == nil || p.Credential == "" && p.Assertion == nil {
		return nil
	}
	return &login.Passkey{Credential: p.Credential, Assertion: p.Assertion}
}

// enrolled is the answer to an enrolment.
type enrolled struct {
	Credential string    `json:"credential"` // sealed: the phone keeps it
	ExpiresAt  time.Time `json:"expires_at"`
}

func (a *API) passkeyOf(l login.Login) (asked *challenge, required bool) {
	toSign, required := a.Service.PasskeyChallenge(l)
	if required && a.Passkeys != nil {
		request := a.Passkeys.Request(toSign)
		asked = &request
	}
	return asked, required
}

func (a *API) beginPasskey(c echo.Context, who login.Identity) error {
	creation, err := a.Passkeys.Creation(a.Service.Keys(), who)
	if err != nil {
		return notEnrolled(err)
	}
	return c.JSON(http.StatusOK, creation)
}

func (a *API) enrolPasskey(c echo.Context, who login.Identity) error {
	var body struct {
		Attestation json.RawMessage `json:"attestation"`
	}
	if err := problem.ReadJSON(c, &body); err != nil {
		return err
	}
	sealed, expires, err := a.Passkeys.Enrol(a.Service.Keys(), who, body.Attestation)
	if err != nil {
		return notEnrolled(err)
	}
	return c.JSON(http.StatusCreated, enrolled{Credential: sealed, ExpiresAt: whole(expires)})
}

func notEnrolled(err error) error {
	switch {
	case errors.Is(err, passkey.ErrUndated):
		return problem.Forbidden("sign-in-undated", "A passkey is enrolled within five minutes after its person has signed in, and this access token does not say when that was (auth_time). Fixed tokens never do.")
	case errors.Is(err, passkey.ErrStale):
		return problem.Forbidden("sign-in-too-old", "A passkey is enrolled within five minutes after its person has signed in. Have them sign in again, and enrol with the new access token.")
	case errors.Is(err, passkey.ErrKey):
		return problem.BadRequest("The passkey's key must be of ES256, EdDSA, or RS256 with a modulus of 2048 to 4096 bits and the exponent 65537. Enrol one of an authenticator that makes such keys: all systems' own do.")
	case errors.Is(err, passkey.ErrInvalid):
		return problem.BadRequest("attestation must be the phone's own answer to options that this server has given for you in the last five minutes, with its person verified.")
	}
	return problem.Internal(err)
}
