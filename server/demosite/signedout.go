package demosite

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxNotice  = 16 << 10         // bytes of a notice that are read
	keysPause  = 10 * time.Second // between two looks at the login server's keys
	clockSkew  = time.Minute
	signedOver = "http://schemas.openid.net/event/backchannel-logout"
)

// signedOut is the shop's logout_url: the login server says here which sessions have ended,
// so that a sign-out on the phone counts before the browser comes again. Anybody can send
// something here, so only what that server has signed for this shop counts. A notice that
// comes again ends what has ended, and is as welcome as the first.
func (s *site) signedOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxNotice)
	_ = r.ParseForm() // what cannot be read is no notice
	sent := r.PostForm["logout_token"]
	err := errNoNotice
	if len(sent) == 1 {
		var session string
		if session, err = s.endedSession(r.Context(), sent[0]); err == nil {
			s.accounts.endSession(session)
			s.Log.Debug("demo site: the login server has told of a sign-out")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	s.Log.Warn("demo site: a notice of a sign-out was not taken", "error", err)
	w.Header().Set("Content-Type", "application/json")
	if errors.Is(err, errNoNotice) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_request","error_description":"This is no logout token for this site."}`))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable) // and it will be sent again
	_, _ = w.Write([]byte(`{"error":"temporarily_unavailable"}`))
}

// errNoNotice is of what would be no better a second time. Others may be.
var errNoNotice = errors.New("it is no logout token for this site")

// endedSession returns what a logout token is about (OpenID Connect Back-Channel Logout
// 1.0, section 2.6).
func (s *site) endedSession(ctx context.Context, token string) (session string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errNoNotice
	}
	var head struct {
		Algorithm string          `json:"alg"`
		Type      string          `json:"typ"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	// The type keeps id_tokens out, which have the same key, issuer and audience.
	if !read(parts[0], &head) || head.Algorithm != "ES256" || head.Type != "logout+jwt" || head.Critical != nil {
		return "", errNoNotice
	}
	key, err := s.keys.find(ctx, s.server, head.KeyID)
	if err != nil {
		return "", err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !signed(key, parts[0]+"."+parts[1], signature) {
		return "", errNoNotice
	}
	var said struct {
		Issuer   string                     `json:"iss"`
		Audience string                     `json:"aud"`
		Issued   int64                      `json:"iat"`
		Expires  int64                      `json:"exp"`
		Session  string                     `json:"sid"`
		Nonce    json.RawMessage            `json:"nonce"`
		Events   map[string]json.RawMessage `json:"events"`
	}
	if !read(parts[1], &said) || said.Issuer != s.Login || said.Audience != s.App || said.Session == "" ||
		said.Events[signedOver] == nil || said.Nonce != nil {
		return "", errNoNotice
	}
	if now := time.Now(); now.Unix() >= said.Expires || now.Add(clockSkew).Unix() < said.Issued {
		return "", errNoNotice
	}
	return said.Session, nil
}

// read decodes a part of a token.
func read(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

// signed verifies ES256: two numbers of 32 bytes (RFC 7518, section 3.4).
func signed(key *ecdsa.PublicKey, text string, signature []byte) bool {
	sum := sha256.Sum256([]byte(text))
	return len(signature) == 64 &&
		ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// keys are the login server's public ones, as far as they were asked for.
type keys struct {
	mu    sync.Mutex
	known map[string]*ecdsa.PublicKey
	asked time.Time
}

// find asks the login server for a key that is not known, but not for each token: anybody
// can name keys that nobody has.
func (k *keys) find(ctx context.Context, l loginServer, id string) (*ecdsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.known[id]; key != nil {
		return key, nil
	}
	if time.Since(k.asked) < keysPause {
		return nil, errors.New("its key is not known yet")
	}
	k.asked = time.Now()
	published, err := l.keys(context.WithoutCancel(ctx)) // or whoever hangs up at once would keep them from everybody
	if err != nil {
		return nil, err
	}
	if k.known = published; published[id] == nil {
		return nil, errNoNotice
	}
	return published[id], nil
}

// keys fetches the keys that the login server has at present.
func (l loginServer) keys(ctx context.Context) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct {
			ID    string `json:"kid"`
			Curve string `json:"crv"`
			X, Y  string
		} `json:"keys"`
	}
	if err := l.call(ctx, http.MethodGet, "/.well-known/jwks.json", nil, &set); err != nil {
		return nil, err
	}
	found := map[string]*ecdsa.PublicKey{}
	for _, key := range set.Keys {
		x, errX := base64.RawURLEncoding.DecodeString(key.X)
		y, errY := base64.RawURLEncoding.DecodeString(key.Y)
		point := slices.Concat([]byte{4}, x, y) // uncompressed: SEC 1, section 2.3.3
		if public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil && errX == nil && errY == nil && len(x) == 32 && key.Curve == "P-256" {
			found[key.ID] = public
		}
	}
	return found, nil
}
