package qr

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// With a brush a picture has the bytes that it has without, of every version that is learned
// and at every scale, whatever its modules.
func TestABrushPaintsWhatIsDrawnWithout(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 22))
	all := brushes()
	painted := 0
	for side := 21; side <= maxSide; side += 4 {
		s := newSymbol(side)
		for scale := 1; scale <= maxBrush+2; scale++ {
			for y := range s.rows {
				s.rows[y] = random.Uint64() >> (64 - side)
			}
			plain, with := s, s
			with.brushes = &all
			if with.brush(scale) != nil {
				painted++
			}
			if size := s.across() * scale; !bytes.Equal(with.PNG(size), plain.PNG(size)) {
				t.Errorf("side %d, scale %d: they differ", side, scale)
			}
		}
	}
	if want := 11 * (maxBrush - 1); painted != want {
		t.Errorf("%d were painted, want %d", painted, want)
	}
}

// Brushes are for what is asked for: codes of public URLs at the size that a page shows.
func TestSymbolsThatWereLearnedHaveABrush(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", strings.Repeat("a", 60), strings.Repeat("b", 200)} {
		table, err := learn(t.Context(), prefix, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := table.symbol(nil, "x")
		for _, size := range []int{160, 256} {
			if scale := s.scale(size); (s.brush(scale) != nil) != (scale > 1 && scale <= maxBrush) {
				t.Errorf("a side of %d at scale %d: %v", s.side, scale, s.brush(scale) != nil)
			}
		}
	}
}
