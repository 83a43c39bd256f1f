package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qrlatch/server/oidc"
)

// FuzzProvider: whatever a provider says of itself, of its keys, of a code and of a person,
// and whatever query somebody comes back with, nobody is signed in: nothing of it was signed.
// The error is one of those that people are told, and shows neither code nor secret.
func FuzzProvider(f *testing.F) {
	const (
		keys  = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}]}`
		token = `{"access_token":"a","token_type":"Bearer","id_token":"eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6InFybGF0Y2giLCJleHAiOjk5OTk5OTk5OTl9."}`
	)
	for _, seed := range [][5]string{
		{document(""), keys, token, `{"sub":"alice"}`, "code=c0de-of-alice&state=STATE"},
		{document(`,"userinfo_endpoint":"https://id.example/u"`), `{}`, `{"id_token":1}`, `[]`, "error=access_denied&state=STATE"},
		{document(`,"authorization_response_iss_parameter_supported":true`), keys, `access_token=a&id_token=b`, ``, "code=c0de-of-alice&state=STATE&iss=https://evil.example"},
		{`{"issuer":"https://evil.example"}`, `{"keys":null}`, `{"error":"invalid_grant"}`, `x`, "code=c0de-of-alice&state=STATE&state=x"},
		{`[`, "\x00", token[:60], `{"sub":{}}`, "%zz&state=STATE"},
		{document(`,"token_endpoint":"javascript:x"`), keys, `{"access_token":"a","expires_in":-1e9,"id_token":"a.b.c"}`, `{}`, "state=STATE"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, discovery, keys, token, person, query string) {
		p := provider(func(r *http.Request) (string, error) {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				return discovery, nil
			case "/t":
				return token, nil
			case "/u":
				return person, nil
			}
			return keys, nil
		})
		address, a, err := p.Begin(t.Context())
		told := func(err error) {
			t.Helper()
			for _, one := range []error{oidc.ErrDenied, oidc.ErrUnavailable, oidc.ErrForeign, oidc.ErrRefused} {
				if errors.Is(err, one) && !strings.Contains(err.Error(), "c0de-of-alice") && !strings.ContainsAny(err.Error(), "\r\n") && len(err.Error()) < 600 {
					return
				}
			}
			t.Fatalf("%q", err)
		}
		if err != nil {
			told(err)
			return
		}
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && u.Hostname() != "::1" {
			t.Fatalf("people are sent to %q", address)
		}
		answer, _ := url.ParseQuery(strings.ReplaceAll(query, "STATE", a.State))
		who, err := p.Finish(t.Context(), a, answer)
		if err == nil {
			t.Fatalf("%+v is signed in", who)
		}
		told(err)
	})
}
