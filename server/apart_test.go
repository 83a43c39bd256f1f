package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/oidc"
	"qrlatch/server/pages"
	"qrlatch/server/phone"
)

// Sites know people by the subject alone: whoever can choose his subject at an issuer
// without a prefix must not become somebody of the one that has it.
func TestNobodyTakesASubjectWithThePrefixOfAnotherIssuer(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"active":true,"sub":%q,"aud":"qrlatch"}`, r.FormValue("token"))
	}))
	defer issuer.Close()
	const (
		withPrefix    = "jwt: {issuer: https://id.example, audience: qrlatch, jwks_file: %s, subject_prefix: 'app:'}, "
		withoutPrefix = "introspection: {issuer: https://other.example, url: %s, client_id: qrlatch, client_secret_file: %s, audience: qrlatch}"
	)
	key := newSigner(t, "k")
	text := fmt.Sprintf(withPrefix+withoutPrefix, write(t, "keys", key.jwks), issuer.URL, write(t, "secret", "s3cret"))
	c, wrong := read(t, []string{"--config", write(t, "q.yaml", aShop+"phones: {"+text+"}")})
	if wrong != nil {
		t.Fatal(wrong)
	}
	var log bytes.Buffer
	p := &phones{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	p.set(nil, c)

	for token, want := range map[string]string{key.token(t, "qrlatch"): "app:alice", "carol": "carol", "app": "app", "app:alice": "", "app:": ""} {
		log.Reset()
		who, err := p.Authenticate(t.Context(), token)
		if who.Subject != want || errors.Is(err, phone.ErrBadToken) != (want == "") {
			t.Errorf("%s: %+v, %v", token, who, err)
		}
		if said := log.String(); strings.Contains(said, "subject_prefix of another issuer") != (want == "") || strings.Contains(said, token) {
			t.Errorf("%s: the log says %q", token, said)
		}
		if want == token || want == "" { // and the same at a provider
			_, err := signIn{provider{token}, p}.Finish(t.Context(), oidc.Attempt{}, nil)
			if errors.Is(err, oidc.ErrRefused) != (want == "") || err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s signs in: %v", token, err)
			}
		}
	}
}

// provider signs one subject in.
type provider struct{ subject string }

func (provider) Issuer() string { return "https://other.example" }
func (provider) Host() string   { return "other.example" }

func (provider) Begin(context.Context) (string, oidc.Attempt, error) {
	return "", oidc.Attempt{}, oidc.ErrUnavailable
}

func (p provider) Finish(context.Context, oidc.Attempt, url.Values) (login.Identity, error) {
	return login.Identity{Phone: login.Phone{Issuer: p.Issuer(), Subject: p.subject}}, nil
}

var _ pages.Provider = provider{}
