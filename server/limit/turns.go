package limit

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ErrCrowded means that too many wait for their turn already.
var ErrCrowded = errors.New("too many wait for their turn")

// TurnLimits say how many may have their turn at a time, and how many may be there in all,
// those that wait included.
type TurnLimits struct {
	AtOnce, AtOncePerNetwork   int
	Present, PresentPerNetwork int
}

// Turns has things done a few at a time, and of each network fewer. The others wait, in
// the order in which they came; but before anybody there are never more of one network
// than have their turn at once, so that a crowd keeps only itself waiting.
type Turns struct {
	limits TurnLimits
	turns  *semaphore.Weighted

	mu      sync.Mutex // guards the rest
	present int
	crowds  map[string]*crowd // by network
}

// crowd are those of one network who wait or have their turn.
type crowd struct {
	turns   *semaphore.Weighted
	present int
}

// NewTurns returns turns that nobody has.
func NewTurns(limits TurnLimits) *Turns {
	return &Turns{limits: limits, turns: semaphore.NewWeighted(int64(limits.AtOnce)), crowds: map[string]*crowd{}}
}

// Wait returns when somebody of network has its turn, which lasts until done is called. It
// returns ErrCrowded at once if there is no room to wait, and else the error of a ctx that
// ends before.
func (t *Turns) Wait(ctx context.Context, network string) (done func(), err error) {
	c, ok := t.enter(network)
	if !ok {
		return nil, ErrCrowded
	}
	if err = c.turns.Acquire(ctx, 1); err == nil {
		if err = t.turns.Acquire(ctx, 1); err == nil {
			return sync.OnceFunc(func() {
				t.turns.Release(1)
				c.turns.Release(1)
				t.leave(network)
			}), nil
		}
		c.turns.Release(1)
	}
	t.leave(network)
	return nil, err
}

func (t *Turns) enter(network string) (*crowd, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.crowds[network]
	if c == nil {
		c = &crowd{turns: semaphore.NewWeighted(int64(t.limits.AtOncePerNetwork))}
	}
	if t.present >= t.limits.Present || c.present >= t.limits.PresentPerNetwork {
		return nil, false
	}
	t.present++
	c.present++
	t.crowds[network] = c
	return c, true
}

func (t *Turns) leave(network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.crowds[network]
	t.present--
	if c.present--; c.present == 0 {
		delete(t.crowds, network)
	}
}
