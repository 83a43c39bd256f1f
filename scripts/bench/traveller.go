//go:build linux

package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// traveller is a person each of whose requests, and whose site's, goes to the next node.
type traveller struct {
	browser
	host          string
	fronts, backs []*link // to every node: the browser's, and those of phone and site
	next          int
}

func newTraveller(ctx context.Context, nodes []*server, number int) (*traveller, error) {
	p := &traveller{browser: browser{number: number}, host: strings.TrimPrefix(benchURL, "http://"), next: number}
	for _, s := range nodes {
		for _, links := range []*[]*link{&p.fronts, &p.backs} {
			l, err := dial(ctx, s.addr, number)
			if err != nil {
				p.leave()
				return nil, err
			}
			*links = append(*links, l)
		}
	}
	return p, nil
}

func (p *traveller) leave() {
	for _, l := range append(p.fronts, p.backs...) {
		l.Close()
	}
}

// turn is the link to the next node.
func (p *traveller) turn(links []*link) *link {
	p.next++
	return links[p.next%len(links)]
}

// login is one login, whole: start, a poll that hears of the scan, the scan, a poll that hears
// of the approval, the approval, and the redemption by the site.
func (p *traveller) login() error {
	p.number += many // another phone: nobody has hundreds of sessions
	body, err := p.turn(p.fronts).ask(startLogin(&p.browser, p.host))
	if err != nil {
		return err
	}
	if err := p.began(body); err != nil {
		return err
	}
	said, done, err := p.heard("pending", scan(&p.browser, p.host))
	if err != nil {
		return err
	}
	handle := between(done, `"id":"`, `"`)
	if !strings.Contains(said, `"scanned"`) || handle == "" {
		return fmt.Errorf("after the scan the poll said %.80q", said)
	}
	decision := "{}"
	if strings.Contains(done, `"number_required":true`) {
		decision = `{"number":"` + between(said, `"number":"`, `"`) + `"}`
	}
	said, _, err = p.heard("scanned", phoneSays(&p.browser, p.host, "/v1/scans/"+handle+"/approve", decision))
	if err != nil {
		return err
	}
	ticket, err := url.QueryUnescape(between(said, "ticket=", `\u0026`))
	if err != nil || ticket == "" {
		return fmt.Errorf("after the approval the poll said %.80q", said)
	}
	redeemed, err := p.turn(p.backs).ask(siteSays(p.host, "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`))
	if err == nil && between(string(redeemed), `"session":{"id":"`, `"`) == "" {
		err = fmt.Errorf("the site was answered %.80q", redeemed)
	}
	return err
}

// heard polls, has the phone do something meanwhile, and returns what both were answered.
func (p *traveller) heard(since string, deed []byte) (poll, done string, err error) {
	front := p.turn(p.fronts)
	asks := request(&p.browser, p.host, "GET", "/v1/logins/"+p.id+"?since="+since+"&wait=60", "empty", "")
	if _, err := front.Write(asks); err != nil {
		return "", "", err
	}
	time.Sleep(2 * time.Millisecond) // so that it waits, as browsers do
	answer, err := p.turn(p.backs).ask(deed)
	if err != nil {
		return "", "", err
	}
	done = string(answer)
	answer, err = front.answer(asks)
	return string(answer), done, err
}
