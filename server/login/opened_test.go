package login

import (
	"context"
	"errors"
	"testing"
	"time"
)

// again is a table whose Update loses the answer of the first change that succeeds, sends it again,
// and finds other bytes there: as redisstore's Update with a script that is retried.
type again struct {
	Table[Handle, Login]
	l     Login
	other func(*Login)
}

func (a *again) Update(_ context.Context, _ Handle, change func(*Login) error) (Login, error) {
	for {
		now := a.l
		if err := change(&now); err != nil {
			return a.l, err
		}
		a.l = now // done, but the answer is lost ...
		if a.other == nil {
			return now, nil
		}
		a.other(&a.l) // ... and somebody else writes, so that the retried script says: other bytes
		a.other = nil
	}
}

func TestTheMarkIsKnownWithinOneUpdate(t *testing.T) {
	table := &again{l: Login{State: Redeemed, Deadline: time.Now().Add(time.Minute)}, other: func(l *Login) { l.noteRefusal(HashedSecret{1}) }}
	s := &Service{store: Store{Logins: table}}
	if err := s.markOpened(t.Context(), "AAAAAAAAAAAA"); err != nil {
		t.Errorf("%v (redeemed: %v), though the mark is its own", err, errors.Is(err, ErrRedeemed))
	}
}
