//go:build linux

package main

import (
	"context"
	"fmt"
	"net/url"
)

// SignIn completes the logins of all who wait on a WebSocket, and has them wait for what
// the site sends to their sessions.
func (c *Crowd) SignIn(struct{}, *struct{}) error {
	return c.crowd.command(c.crowd.signIn)
}

func (c *crowd) signIn() error {
	outside, err := dial(context.Background(), c.host, c.block) // the phone's and the site's
	if err != nil {
		return err
	}
	defer outside.Close()
	c.speech.news = `"approved"`
	for _, b := range c.browsers {
		if b.stage != waiting {
			continue
		}
		if err := c.complete(b, outside); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		b.stage, b.news, b.told = waiting, 0, false
	}
	c.speech = speeches()["message"]
	return nil
}

// complete is a login from the scan to the session.
func (c *crowd) complete(b *browser, outside *link) error {
	scanned, err := outside.ask(scan(b, c.host))
	if err != nil {
		return err
	}
	handle := between(string(scanned), `"id":"`, `"`)
	if _, err := outside.ask(phoneSays(b, c.host, "/v1/scans/"+handle+"/approve", "{}")); err != nil {
		return err
	}
	if err := c.until(func() bool { return b.stage == over }); err != nil {
		return err
	}
	if b.err != nil {
		return b.err
	}
	ticket, err := url.QueryUnescape(between(b.answer, "ticket=", `\u0026`))
	if err != nil || ticket == "" {
		return fmt.Errorf("no ticket in %.200q", b.answer)
	}
	redeemed, err := outside.ask(siteSays(c.host, "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`))
	if err != nil {
		return err
	}
	b.session = between(string(redeemed), `"session":{"id":"`, `"`)
	if b.session == "" {
		return fmt.Errorf("no session in %.200q", redeemed)
	}
	return nil
}
