package phone

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// patience is how long an issuer has for an answer, to its last byte. A phone waits.
const patience = 5 * time.Second

// maxConnections to one issuer. Strangers with made-up tokens get fewer: see [Strangers].
const maxConnections = 32

// newClient returns a client for calls to an issuer. transport may be nil.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: time.Minute,
		}
	}
	return &http.Client{
		Transport: transport, Timeout: patience,
		// Who follows a redirect asks, or tells a token to, somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send returns the body of the answer, which must be a 200 of at most limit bytes. No
// error shows anything of the bodies of request and answer.
func send(client *http.Client, r *http.Request, limit int64) ([]byte, error) {
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d", r.URL.Host, answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL.Host, err)
	}
	if int64(len(body)) > limit {
		return nil, errors.New(r.URL.Host + " answered with too much")
	}
	return body, nil
}
