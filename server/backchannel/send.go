package backchannel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qrlatch/server/site"
)

const (
	patience  = 5 * time.Second // for an answer, to its last byte
	maxAnswer = 4 << 10         // bytes of it that are read, so that its connection serves again
)

// pauses are those after the first failure and each further one.
var pauses = [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// network is the way to the sites. It follows no redirect: the operator has named one
// address, and a site must not make it another.
func network() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Second,
	}
}

// errRefused is an answer that says that the notice itself is wrong: the next would be, too.
var errRefused = errors.New("it answers 400")

// insist sends x until the site has taken it, or until there is no sense in it.
func (n *Notifier) insist(ctx context.Context, q *queue, x *notice) error {
	for try := 0; ; try++ {
		err := n.inTurn(ctx, q, x)
		switch {
		case err == nil, errors.Is(err, errRefused), errors.Is(err, errNowhere):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n.hurried():
			return errors.Join(errStopped, err)
		case try == len(pauses):
			return err
		}
		n.observe(Failed)
		select {
		case <-time.After(pauses[try]*3/4 + rand.N(pauses[try]/2)): // or all would come again together
		case <-n.hurry:
		case <-ctx.Done():
		}
	}
}

func (n *Notifier) hurried() bool {
	select {
	case <-n.hurry:
		return true
	default:
		return false
	}
}

// inTurn sends x once, when it is its turn.
func (n *Notifier) inTurn(ctx context.Context, q *queue, x *notice) error {
	select {
	case q.turns <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-q.turns }()
	return n.send(ctx, x)
}

// send makes one try, by the configuration of this moment. Its errors show neither the
// address, in which the site may have a secret, nor anything of the answer but its status.
func (n *Notifier) send(ctx context.Context, x *notice) error {
	now := n.known.Load()
	to := now.logoutURL(x.app)
	if to == "" {
		return errNowhere
	}
	token, err := site.LogoutToken{ID: x.id, Issuer: n.Issuer, App: x.app, Subject: x.subject, Session: x.session}.Sign(now.keys.Newest(), time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	form := url.Values{"logout_token": {token}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form))
	if err != nil {
		return errors.New("its logout_url is malformed")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "qrlatch")
	answer, err := n.Transport.RoundTrip(r)
	if err != nil {
		return fault(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // the status says all
	switch answer.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusBadRequest:
		return errRefused
	}
	return fmt.Errorf("it answers %d", answer.StatusCode)
}
