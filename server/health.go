package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// healthURL is the liveness of a server on this machine with the default --admin-listen.
const healthURL = "http://127.0.0.1:9090/healthz"

// health asks a running server how it is, for images that have no other program to ask
// with. It returns nil if the answer is 200, and within 3 seconds in any case.
func health(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{healthURL}
	}
	u, err := url.Parse(args[0])
	if len(args) > 1 || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usage("usage: qrlatch health [URL]   (default %s; /readyz there tells about the store as well)", healthURL)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], http.NoBody)
	if err != nil {
		return err
	}
	direct := &http.Transport{DisableKeepAlives: true} // neither a proxy nor a redirect is the server
	answer, err := direct.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 1024)) // the status is what counts
	text := strings.TrimSpace(string(said))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s: %s", answer.Status, text)
	}
	fmt.Fprintln(out, text)
	return nil
}
