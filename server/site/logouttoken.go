package site

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"qrlatch/server/login"
)

// logoutLife is what OpenID Connect Back-Channel Logout 1.0, section 4, advises.
const logoutLife = 2 * time.Minute

// LogoutToken says to a site that a session is over, as OpenID Connect Back-Channel
// Logout 1.0, section 2.4, has it.
type LogoutToken struct {
	ID      string // of the notice: each repetition has the same
	Issuer  string
	App     string
	Subject string
	Session login.SessionID
}

// Sign returns the token, for one try at now. Its key is the id_token's, so a site needs
// no other; its type is another, so that neither is taken for the other.
func (l LogoutToken) Sign(key login.Key, now time.Time) (string, error) {
	s, err := newSigner(key, "logout+jwt")
	if err != nil {
		return "", err
	}
	text, err := jwt.Signed(s.sign).Claims(struct {
		Issuer   string              `json:"iss"`
		Subject  string              `json:"sub"`
		Audience string              `json:"aud"`
		Issued   *jwt.NumericDate    `json:"iat"`
		Expires  *jwt.NumericDate    `json:"exp"`
		ID       string              `json:"jti"`
		Session  login.SessionID     `json:"sid"`
		Events   map[string]struct{} `json:"events"`
	}{
		l.Issuer, l.Subject, l.App, jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(logoutLife)), l.ID, l.Session,
		map[string]struct{}{"http://schemas.openid.net/event/backchannel-logout": {}},
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign logout token: %w", err)
	}
	return text, nil
}
