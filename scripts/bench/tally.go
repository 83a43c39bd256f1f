//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// Tally is how a crowd fared.
type Tally struct {
	Waiting  int // still wait
	Woken    int // were woken, once, when somebody was asked to
	Twice    int // were woken more often
	Unasked  int // were woken without anybody's asking
	Lost     int // were not woken although somebody was asked to, or lost their connection
	Stranger int // were told of another's login
	Closed   int // lost their connection, whatever they did
	Trouble  string
}

// Tally counts, after a moment in which whatever comes too much can come.
func (c *Crowd) Tally(moment time.Duration, t *Tally) error {
	return c.crowd.command(func() error {
		for end := time.Now().Add(moment); time.Now().Before(end); {
			if err := c.crowd.turn(50 * time.Millisecond); err != nil {
				return err
			}
		}
		*t = c.crowd.tally()
		return nil
	})
}

func (c *crowd) tally() (t Tally) {
	for _, b := range c.browsers {
		switch {
		case b.news > 1:
			t.Twice++
		case b.news == 1 && !b.told:
			t.Unasked++
		case b.news == 1 && c.speech.names && !strings.Contains(b.answer, b.id):
			t.Stranger++
		case b.news == 1:
			t.Woken++
		case b.lost || b.told && b.stage != started:
			t.Lost++
		case b.stage == waiting:
			t.Waiting++
		}
		if b.err != nil {
			t.Closed++
			t.Trouble = b.err.Error()
		}
	}
	return t
}

// add sums two tallies.
func (t Tally) add(o Tally) Tally {
	sum := Tally{t.Waiting + o.Waiting, t.Woken + o.Woken, t.Twice + o.Twice, t.Unasked + o.Unasked, t.Lost + o.Lost, t.Stranger + o.Stranger, t.Closed + o.Closed, t.Trouble}
	if sum.Trouble == "" {
		sum.Trouble = o.Trouble
	}
	return sum
}

// fault says what is wrong with a tally.
func (t Tally) fault() error {
	if t.Twice+t.Unasked+t.Lost+t.Stranger == 0 {
		return nil
	}
	return fmt.Errorf("%d woken twice, %d without being meant, %d lost, %d told of another's login (%s)", t.Twice, t.Unasked, t.Lost, t.Stranger, t.Trouble)
}
