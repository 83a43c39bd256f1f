//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Wake wakes n browsers that wait, drawn at random, one at a time, and returns how long
// each took: from before the publication was written until the browser held the answer.
func (c *Crowd) Wake(n int, took *[]time.Duration) error {
	return c.crowd.command(func() (err error) {
		*took, err = c.crowd.wake(n)
		return err
	})
}

func (c *crowd) wake(n int) (took []time.Duration, err error) {
	if err := c.wantPhones(1); err != nil {
		return nil, err
	}
	p := c.phones[0]
	for _, i := range rand.Perm(len(c.browsers)) {
		b := c.browsers[i]
		if b.stage != waiting {
			continue
		}
		if len(took) == n {
			return took, nil
		}
		begin := time.Now()
		if err := p.publish(c, b); err != nil {
			return nil, err
		}
		err := c.until(func() bool { return b.stage == over && !p.busy || p.err != nil })
		if err := errors.Join(err, b.err, p.trouble()); err != nil {
			return nil, err
		}
		took = append(took, b.heard.Sub(begin))
	}
	if len(took) < n {
		return nil, fmt.Errorf("only %d of %d browsers were still waiting", len(took), n)
	}
	return took, nil
}

func (p *phone) trouble() error {
	if p.refused != "" {
		return errors.New(p.refused)
	}
	return p.err
}

// Publish publishes for n browsers that have started and do not wait, one at a time, and
// returns how long the publisher's own answers took.
func (c *Crowd) Publish(n int, took *[]time.Duration) error {
	return c.crowd.command(func() (err error) {
		*took, err = c.crowd.publish(n)
		return err
	})
}

func (c *crowd) publish(n int) (took []time.Duration, err error) {
	if err := c.wantPhones(1); err != nil {
		return nil, err
	}
	p := c.phones[0]
	for _, b := range c.browsers {
		if b.stage != started || b.told {
			continue
		}
		if len(took) == n {
			return took, nil
		}
		begin := time.Now()
		if err := p.publish(c, b); err != nil {
			return nil, err
		}
		err := c.until(func() bool { return !p.busy })
		if err := errors.Join(err, p.trouble()); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// WakeMany wakes n browsers that wait, drawn at random, several at a time.
func (c *Crowd) WakeMany(n int, _ *struct{}) error {
	return c.crowd.command(func() error { return c.crowd.wakeMany(n) })
}

func (c *crowd) wakeMany(n int) error {
	const atATime = 8
	if err := c.wantPhones(atATime); err != nil {
		return err
	}
	order, woken := rand.Perm(len(c.browsers)), []*browser{}
	for len(woken) < n || busy(c.phones) {
		for _, p := range c.phones {
			if err := p.trouble(); err != nil {
				return err
			}
			for !p.busy && len(woken) < n && len(order) > 0 {
				b := c.browsers[order[0]]
				order = order[1:]
				if b.stage == waiting {
					woken = append(woken, b)
					if err := p.publish(c, b); err != nil {
						return err
					}
				}
			}
		}
		if len(order) == 0 && len(woken) < n {
			return fmt.Errorf("only %d of %d browsers were still waiting", len(woken), n)
		}
		if err := c.turn(time.Second); err != nil {
			return err
		}
	}
	return c.until(func() bool {
		for len(woken) > 0 && woken[0].stage == over {
			woken = woken[1:]
		}
		return len(woken) == 0
	})
}

func busy(phones []*phone) bool {
	for _, p := range phones {
		if p.busy {
			return true
		}
	}
	return false
}
