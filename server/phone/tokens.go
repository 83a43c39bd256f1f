package phone

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"qrlatch/server/login"
)

// TokensIssuer is the issuer of everybody who signs in with one of [Tokens].
const TokensIssuer = "tokens"

// Token is one fixed bearer token, as its hash, and the person it stands for.
type Token struct {
	TokenSHA256 [sha256.Size]byte
	Subject     string
	Name        string
	Picture     string // a URL, may be empty
}

// Tokens is an [Authenticator] that knows a few fixed tokens, for tests, demos and
// machines. The tokens must be random: a plain hash does not protect a guessable one.
type Tokens []Token

// Authenticate is for few tokens and calls: see Index.
func (t Tokens) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	return t.Index().Authenticate(ctx, bearer)
}

// Index returns an Authenticator that finds each of many tokens at once. Of two that are
// the same, the last one counts.
func (t Tokens) Index() Authenticator {
	index := make(tokenIndex, len(t))
	for _, token := range slices.Backward(t) {
		begin := [finds]byte(token.TokenSHA256[:])
		index[begin] = append(index[begin], token)
	}
	return index
}

// finds is how much of a hash finds a token. It may be told by the time that it takes: who
// knows so much of a hash is no nearer to the token.
const finds = 8 // bytes

// tokenIndex has the tokens by how their hashes begin.
type tokenIndex map[[finds]byte][]Token

// Authenticate compares what it finds in constant time.
func (x tokenIndex) Authenticate(_ context.Context, bearer string) (login.Identity, error) {
	sum := sha256.Sum256([]byte(bearer))
	for _, t := range x[[finds]byte(sum[:])] {
		if subtle.ConstantTimeCompare(sum[:], t.TokenSHA256[:]) == 1 {
			return login.Identity{
				Phone:   login.Phone{Issuer: TokensIssuer, Subject: t.Subject},
				Profile: login.Profile{Name: t.Name, Picture: t.Picture},
			}, nil
		}
	}
	return login.Identity{}, ErrUnknownToken
}
