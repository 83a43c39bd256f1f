// A site that signs people in by qrlatch. As it stands:
//
//	QRLATCH=https://login.example APP=shop SECRET=secret LISTEN=127.0.0.1:8082 go run .
//
// Elsewhere than in qrlatch's sources, first: go mod init shop && go mod tidy
package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

type site struct {
	server, app, secret string

	mu      sync.Mutex
	keys    map[string]crypto.PublicKey // of the server, by kid
	fetched time.Time
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Sign in</title><div id="login"></div>
<script src="{{.Server}}/qrlatch.js"></script>
<script>QRLatch({ el: "login", app: {{.App}}, state: {{.State}} })</script>`))

// home shows the login. Its state is bound to this browser by a cookie.
func (s *site) home(w http.ResponseWriter, _ *http.Request) {
	state := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: "state", Value: state, Path: "/", MaxAge: 3600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	_ = page.Execute(w, map[string]string{"Server": s.server, "App": s.app, "State": state})
}

// signedIn is the redirect_uri. A state that is not this browser's would sign its person in
// to somebody else's account.
func (s *site) signedIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	state, err := r.Cookie("state")
	if err != nil || subtle.ConstantTimeCompare([]byte(state.Value), []byte(q.Get("state"))) != 1 {
		http.Error(w, "This sign-in did not begin in this browser.", http.StatusForbidden)
		return
	}
	person, err := s.redeem(r.Context(), q.Get("ticket"))
	if errors.Is(err, errOver) {
		http.Error(w, "This sign-in is over. Begin again.", http.StatusForbidden)
		return
	}
	if err != nil {
		http.Error(w, "The login server does not answer. Reload this page.", http.StatusBadGateway)
		return
	}
	// Begin your own session here. Keep person.Session.ID in it: see "While it lasts".
	http.SetCookie(w, &http.Cookie{Name: "state", Path: "/", MaxAge: -1})
	fmt.Fprintf(w, "Signed in as %s\n", person.User.Name)
}

var errOver = errors.New("the ticket was used already, is too old, or never was one")

type person struct {
	Session struct {
		ID        string `json:"id"`
		ExpiresIn int    `json:"expires_in"`
	} `json:"session"`
	User struct {
		Sub  string `json:"sub"`
		Name string `json:"name"`
	} `json:"user"`
	IDToken string `json:"id_token"`
}

// redeem trades the ticket, once.
func (s *site) redeem(ctx context.Context, ticket string) (p person, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"ticket": ticket})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server+"/v1/tickets/redeem", strings.NewReader(string(body)))
	if err != nil {
		return p, err
	}
	r.SetBasicAuth(s.app, s.secret)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return p, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return p, json.NewDecoder(answer.Body).Decode(&p)
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		return p, errOver
	}
	return p, fmt.Errorf("the login server answers %s", answer.Status)
}

// verify reads a token of a type. Both types have the same key, and neither does for the
// other: a logout token is no proof that somebody signed in.
func (s *site) verify(ctx context.Context, raw, typ string) (*oidc.IDToken, error) {
	head, _, _ := strings.Cut(raw, ".")
	text, _ := base64.RawURLEncoding.DecodeString(head)
	var said struct{ Alg, Kid, Typ string }
	if err := json.Unmarshal(text, &said); err != nil || said.Alg != oidc.ES256 || said.Typ != typ {
		return nil, errors.New("not one of ours")
	}
	key, err := s.keyOf(ctx, said.Kid)
	if err != nil {
		return nil, err
	}
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
	verifier := oidc.NewVerifier(s.server, keys, &oidc.Config{ClientID: s.app, SupportedSigningAlgs: []string{oidc.ES256}})
	return verifier.Verify(ctx, raw) // signature, iss, aud and exp
}

// errNoKey says nothing against a token: its key cannot be had just now. A set of keys that
// go-oidc fetches itself does not tell the two apart.
var errNoKey = errors.New("the keys cannot be had")

// keyOf asks for a key that it does not know, every ten seconds at most.
func (s *site) keyOf(ctx context.Context, kid string) (crypto.PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[kid] == nil && time.Since(s.fetched) > 10*time.Second {
		s.fetched = time.Now()
		keys, err := s.fetch(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoKey, err)
		}
		s.keys = keys
	}
	if s.keys[kid] == nil {
		return nil, errNoKey
	}
	return s.keys[kid], nil
}

func (s *site) fetch(ctx context.Context) (map[string]crypto.PublicKey, error) {
	// For everybody, and not for who asked first and may hang up. A notice is waited for five seconds.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server+"/.well-known/jwks.json", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]crypto.PublicKey{}
	for _, key := range set.Keys {
		keys[key.KeyID] = key.Key
	}
	return keys, nil
}

// signedOut is the logout_url: the phone, or something else, has ended a session.
func (s *site) signedOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	var said struct {
		Session string         `json:"sid"`
		Events  map[string]any `json:"events"`
		Nonce   any            `json:"nonce"`
	}
	token, err := s.verify(r.Context(), r.PostFormValue("logout_token"), "logout+jwt")
	if errors.Is(err, errNoKey) {
		http.Error(w, "The keys cannot be had just now.", http.StatusServiceUnavailable) // the notice comes again
		return
	}
	if err == nil {
		err = token.Claims(&said)
	}
	if err != nil || said.Session == "" || said.Nonce != nil || said.Events["http://schemas.openid.net/event/backchannel-logout"] == nil {
		http.Error(w, "This is no logout token for this site.", http.StatusBadRequest)
		return
	}
	// End your own session that keeps said.Session. One that is over already is no error.
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// me is of another service of yours, which trusts nobody's word but an id_token.
func (s *site) me(w http.ResponseWriter, r *http.Request) {
	raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, err := s.verify(r.Context(), raw, "JWT")
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"sub": token.Subject})
}

func main() {
	s := &site{server: os.Getenv("QRLATCH"), app: os.Getenv("APP"), secret: os.Getenv("SECRET")}
	http.HandleFunc("GET /{$}", s.home)
	http.HandleFunc("GET /signed-in", s.signedIn)
	http.HandleFunc("POST /signed-out", s.signedOut)
	http.HandleFunc("GET /api/me", s.me)
	l, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8082"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	log.Fatal((&http.Server{ReadHeaderTimeout: 10 * time.Second}).Serve(l))
}
