//go:build linux

package main

import (
	"fmt"
	"io"
	"net/rpc"
	"os"
	"time"
)

// Crowd is what a process of browsers does when the bench tells it to (net/rpc over its
// standard input and output).
type Crowd struct{ crowd *crowd }

// runCrowd is the process.
func runCrowd() error {
	c, err := newCrowd()
	if err != nil {
		return err
	}
	go c.run()
	server := rpc.NewServer()
	if err := server.Register(&Crowd{c}); err != nil {
		return err
	}
	server.ServeConn(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.Stdout})
	return nil
}

// Gathering says whom to gather where.
type Gathering struct {
	Addr   string // of the server
	Speech string
	Block  int // of source addresses
	N      int
	Wait   bool // to go on to waiting, else they stay idle after their start
	Leave  bool // to hang up after their start
}

// Gather opens N more connections, one after the other answer by answer.
func (c *Crowd) Gather(g Gathering, _ *struct{}) error {
	return c.crowd.command(func() error {
		if err := c.crowd.target(g.Addr, g.Speech, g.Block); err != nil {
			return err
		}
		return c.crowd.gather(g)
	})
}

func (c *crowd) gather(g Gathering) error {
	n, first := g.N, len(c.browsers)
	next := first
	for len(c.browsers) < first+n || c.pending > 0 || next < len(c.browsers) {
		for len(c.browsers) < first+n && c.pending < maxPending {
			if err := c.open(g.Wait && c.speech.direct); err != nil {
				return err
			}
		}
		if err := c.turn(time.Second); err != nil {
			return err
		}
		for ; next < len(c.browsers); next++ {
			b := c.browsers[next]
			if b.err != nil {
				return b.err
			}
			if b.stage == starting {
				break
			}
			if g.Wait && b.stage == started {
				if err := c.wait(b); err != nil {
					return err
				}
			}
			if g.Leave {
				b.close()
			}
		}
	}
	for _, b := range c.browsers[first:] {
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// open has one more browser come, that starts a login, or waits at once.
func (c *crowd) open(waits bool) error {
	i := len(c.browsers)
	b := &browser{number: i, id: fmt.Sprintf("%036d", i)}
	if err := b.connect(&c.to, [4]byte{127, byte(c.block), byte(i >> 8), byte(i)}); err != nil {
		return err
	}
	c.browsers = append(c.browsers, b)
	if err := c.watch(b.fd, i); err != nil {
		return err
	}
	if waits {
		if i%maxPending == 0 {
			time.Sleep(5 * time.Millisecond) // nobody says that they wait: let the server catch up
		}
		return c.wait(b)
	}
	c.pending++
	return b.send(c.speech.start(b, c.host))
}

func (c *crowd) wait(b *browser) error {
	b.stage = waiting
	if c.speech.framing != responses {
		b.stage = asked
		c.pending++
	}
	return b.send(c.speech.wait(b, c.host))
}

// Dismiss hangs up every browser and every phone.
func (c *Crowd) Dismiss(struct{}, *struct{}) error {
	return c.crowd.command(func() error {
		c.crowd.dismiss()
		return nil
	})
}

// Flood starts N logins on a few connections; nobody comes back for them.
func (c *Crowd) Flood(g Gathering, _ *struct{}) error {
	return c.crowd.command(func() error {
		if err := c.crowd.target(g.Addr, g.Speech, g.Block); err != nil {
			return err
		}
		return c.crowd.flood(g.N)
	})
}

func (c *crowd) flood(n int) error {
	if err := c.wantPhones(16); err != nil {
		return err
	}
	for sent := 0; sent < n || busy(c.phones); {
		for _, p := range c.phones {
			if err := p.trouble(); err != nil {
				return err
			}
			if !p.busy && sent < n {
				p.busy = true
				if err := p.send(c.speech.start(&browser{number: sent}, c.host)); err != nil {
					return err
				}
				sent++
			}
		}
		if err := c.turn(time.Second); err != nil {
			return err
		}
	}
	return nil
}
