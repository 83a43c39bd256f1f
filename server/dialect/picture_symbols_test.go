package dialect_test

import (
	"testing"
	"time"

	"qrlatch/server/dialect"
)

// What the encoder has learned must be what pictures show, or it is never asked: it would
// take three thousand allocations then.
func TestPicturesShowWhatTheirEncoderHasLearned(t *testing.T) {
	const public = "https://login.example"
	symbols := dialect.NewEncoder(public)
	if err := symbols.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	inWX(t, func(t *testing.T, s *wxServer) {
		code, _, ok := s.service.Code(s.pending(wxApp).Login, time.Now())
		if !ok {
			t.Fatal("it shows no code")
		}
		if n := testing.AllocsPerRun(10, func() {
			if _, err := symbols.Encode(public + "/l/" + code); err != nil {
				t.Error(err)
			}
		}); n > 5 {
			t.Errorf("%v allocations", n)
		}
	})
}
