package phone

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysFresh    = 15 * time.Minute // then they are fetched again, while the old ones serve
	keysUsable   = 24 * time.Hour   // while the issuer is down
	keysCooldown = 10 * time.Second // between two fetches, whatever keys tokens name
	maxKeysBody  = 256 << 10
)

// RemoteKeys are the keys that an issuer publishes at a URL. They are fetched when they
// are first needed, again in the background when they are 15 minutes old, and at once
// when a token names one that is not among them; but never twice in 10 seconds, or
// tokens with made-up key ids would make us flood the issuer. While the issuer is down
// its keys serve for a day. It is safe for concurrent use.
type RemoteKeys struct {
	url    string
	client *http.Client
	log    *slog.Logger

	mu     sync.Mutex // guards the rest
	set    *KeySet    // nil: there never were any
	read   time.Time  // when set was
	tried  time.Time  // the last fetch began
	failed error      // the last fetch, nil if it did not
	asking chan struct{}
}

// NewRemoteKeys returns the keys at url, and fetches nothing yet. transport may be nil,
// and log for none.
func NewRemoteKeys(url string, transport http.RoundTripper, log *slog.Logger) *RemoteKeys {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &RemoteKeys{url: url, client: newClient(transport), log: log}
}

// URL is where the keys are.
func (k *RemoteKeys) URL() string { return k.url }

// Expire has the keys fetched again by the next token, though they are fresh.
func (k *RemoteKeys) Expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = time.Time{}
	if old := time.Now().Add(-keysFresh); k.read.After(old) {
		k.read = old
	}
}

func (k *RemoteKeys) algorithms() []jose.SignatureAlgorithm { return asymmetric[:] }

func (k *RemoteKeys) current(ctx context.Context) (*KeySet, error) {
	k.mu.Lock()
	set, age := k.set, time.Since(k.read)
	if set != nil && age < keysFresh {
		k.mu.Unlock()
		return set, nil
	}
	asked := k.fetch()
	k.mu.Unlock()
	if set != nil && age < keysUsable {
		return set, nil
	}
	return k.answer(ctx, asked)
}

func (k *RemoteKeys) newer(ctx context.Context, than *KeySet) (*KeySet, error) {
	k.mu.Lock()
	if set := k.set; set != than && set != nil {
		k.mu.Unlock()
		return set, nil
	}
	if err := visitOf(ctx).mayAsk(); err != nil {
		k.mu.Unlock()
		return nil, err
	}
	asked := k.fetch()
	k.mu.Unlock()
	return k.answer(ctx, asked)
}

// fetch begins a fetch, or joins the one under way, and returns what is closed at its
// end. It returns nil if it is too soon for another. The caller holds mu.
func (k *RemoteKeys) fetch() <-chan struct{} {
	if k.asking != nil {
		return k.asking
	}
	if !k.tried.IsZero() && time.Since(k.tried) < keysCooldown {
		return nil
	}
	asking := make(chan struct{})
	k.asking, k.tried = asking, time.Now()
	// It is for all who wait and must not end with the first of them.
	go func() {
		set, err := k.ask(context.Background())
		if err != nil {
			k.log.Warn("the keys of the phones' issuer could not be fetched", "url", k.url, "error", err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			k.set, k.read = set, time.Now()
		}
		k.failed, k.asking = err, nil
		close(asking)
	}()
	return asking
}

// answer returns what the last fetch brought, after asked if that is not nil.
func (k *RemoteKeys) answer(ctx context.Context, asked <-chan struct{}) (*KeySet, error) {
	if asked != nil {
		select {
		case <-asked:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the issuer's keys: %w", ctx.Err())
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed != nil {
		return nil, k.failed
	}
	return k.set, nil
}

func (k *RemoteKeys) ask(ctx context.Context) (*KeySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, err := send(k.client, r, maxKeysBody)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	set, err := ParseKeySet(body)
	if err != nil { // what served before is better than nothing
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	return set, nil
}
