package login

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestWhatBecameOfATicketIsToldApart(t *testing.T) {
	for _, tt := range []struct {
		err    error
		stolen bool
		want   StepResult
	}{
		{nil, false, StepDone},
		{nil, true, StepReused},
		{errUnchanged, false, StepAgain},
		{ErrRefused, false, StepRefused},
		{ErrRedeemed, false, StepRefused},
		{ErrNotFound, false, StepRefused},
		{fmt.Errorf("store: %w", ErrNotFound), false, StepRefused},
		{errors.New("store away"), false, StepFailed},
		{errors.New("store away"), true, StepFailed}, // it was not saved
		{context.DeadlineExceeded, false, StepFailed},
	} {
		if got := stepResult(tt.err, tt.stolen); got != tt.want {
			t.Errorf("%v, stolen %v: %s, want %s", tt.err, tt.stolen, got, tt.want)
		}
	}
}
