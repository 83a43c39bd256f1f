// Package qr draws QR symbols: as PNG, SVG and GIF, and the thousands of them that
// differ in nothing but their code for a few microseconds each.
//
// go-qrcode makes a symbol in half a millisecond. It does so eight times, once for each
// mask, and for every text anew. An [Encoder] asks it only while it learns, because of
// one fact: with version, level and mask fixed, a symbol is an affine function of the
// bits of its text over GF(2). The text's bits are copied into codewords; Reed–Solomon
// adds codewords that are sums (exclusive or) of these; interleaving and placement move
// bits about; a mask is a constant that is added at the end. So for texts of one length,
// with M(t) the symbol of text t, its own mask taken off again, and t₀ any of them,
//
//	M(t₀ ⊕ d₁ ⊕ d₂ ⊕ …) = M(t₀) ⊕ D(d₁) ⊕ D(d₂) ⊕ …   where D(d) = M(t₀) ⊕ M(t₀ ⊕ d)
//
// A code is 28 letters of a–z, which differ in five bits: one lesson for t₀ and 140 for
// the D are all that there is to know. A letter at its place is then a bitmap (table.go),
// a symbol the sum of 28 of them, and its mask that of the least penalty (penalty.go) as
// the standard has it: ISO/IEC 18004:2015, whose clauses are named where they matter.
//
// It learns to paint, too (brush.go): the pixels of any eight modules in a row, deflated, so
// that a PNG of the usual size is put together from these.
//
// Every other text is go-qrcode's, and the tests hold the Encoder against it module for
// module.
package qr

import (
	"fmt"
	"math/bits"

	qrcode "github.com/skip2/go-qrcode"
)

// Symbol is a QR symbol. It has a quiet zone of four modules on every side wherever it
// is drawn.
type Symbol struct {
	side  int      // modules, without the quiet zone
	words int      // of a row
	rows  []uint64 // bit x of a row is module x; set is dark

	brushes *[maxBrush + 1]*brush // by scale; nil if there are none
}

const (
	quiet    = 4 // modules on every side: clause 6.3.8
	maxEdges = 177 + 1
)

// Encode makes the symbol of text at error correction level M. It returns an error
// for texts that no symbol can hold.
func Encode(text string) (s Symbol, err error) {
	defer func() { // go-qrcode panics at what it takes for its own bugs
		if r := recover(); r != nil {
			err = fmt.Errorf("encode QR symbol: %v", r)
		}
	}()
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return Symbol{}, fmt.Errorf("encode QR symbol: %w", err)
	}
	code.DisableBorder = true
	modules := code.Bitmap()
	s = newSymbol(len(modules))
	for y, row := range modules {
		for x, dark := range row {
			if dark {
				s.flip(x, y)
			}
		}
	}
	return s, nil
}

func newSymbol(side int) Symbol {
	words := (side + 63) / 64
	return Symbol{side, words, make([]uint64, side*words), nil}
}

func (s Symbol) flip(x, y int) { s.rows[y*s.words+x/64] ^= 1 << (x % 64) }

func (s Symbol) dark(x, y int) bool { return s.rows[y*s.words+x/64]>>(x%64)&1 == 1 }

// across is how many modules a picture has from side to side.
func (s Symbol) across() int { return s.side + 2*quiet }

// scale is the greatest whole number of pixels per module with which the symbol fits
// into size, and at least 1: modules of unequal width are harder to scan.
func (s Symbol) scale(size int) int { return max(1, min(size, maxSize)/s.across()) }

// brush returns the one for a scale, or nil.
func (s Symbol) brush(scale int) *brush {
	if s.brushes == nil || scale >= len(s.brushes) {
		return nil
	}
	return s.brushes[scale]
}

// maxSize is where pictures stop to grow: GIF counts pixels in 16 bits.
const maxSize = 1 << 15

// edges returns where the colour of row y changes, in modules of the picture. It begins
// light and ends light: two of them make a dark run.
func (s Symbol) edges(y int, buffer *[maxEdges]uint8) []uint8 {
	found, carry := 0, uint64(0)
	for i, row := range s.rows[y*s.words : (y+1)*s.words] {
		for e := row ^ (row<<1 | carry); e != 0; e &= e - 1 {
			buffer[found] = uint8(quiet + 64*i + bits.TrailingZeros64(e))
			found++
		}
		carry = row >> 63
	}
	return buffer[:found]
}
