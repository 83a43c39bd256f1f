package phone

import (
	"net/http"
	"testing"
)

// BenchmarkBearer is what a request of a phone costs before anything is done for it.
func BenchmarkBearer(b *testing.B) {
	remote := NewRemoteKeys(keysURL, answers(func(*http.Request) (string, error) { return theKeys(), nil }), nil)
	chain := &Chain{Authenticators: []Authenticator{Tokens{}, &JWT{Issuer: theIssuer, Audience: "qrlatch", Keys: remote},
		introspection(answers(func(*http.Request) (string, error) { return active("exp", ""), nil }))}}
	for name, token := range map[string]string{
		"RS256": rs256("exp", "99999999999"), "ES256": sign(ecKey(), `{"alg":"ES256","kid":"e1"}`, said("exp", "99999999999")), "introspection": "opaque",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := chain.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
