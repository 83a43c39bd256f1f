// Package qr draws QR symbols. It is the one place that knows how: a renderer with
// other means has to offer Encode, PNG, SVG and GIF only.
package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// Symbol is a QR symbol with its quiet zone of four modules on every side.
type Symbol struct {
	modules [][]bool // true is dark; square
}

// Encode makes the symbol of text at error correction level M. It returns an error
// for texts that no symbol can hold.
func Encode(text string) (Symbol, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return Symbol{}, fmt.Errorf("encode QR symbol: %w", err)
	}
	return Symbol{code.Bitmap()}, nil
}

// scale is the greatest whole number of pixels per module with which the symbol fits
// into size, and at least 1: modules of unequal width are harder to scan.
func (s Symbol) scale(size int) int { return max(1, size/len(s.modules)) }

// PNG returns the symbol as a picture of at most size pixels a side (unless size is
// smaller than the symbol has modules), black on white.
func (s Symbol) PNG(size int) []byte {
	scale := s.scale(size)
	side := scale * len(s.modules)
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if s.modules[y/scale][x/scale] {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, picture) // a buffer takes everything
	return out.Bytes()
}

// SVG returns the symbol as a drawing that fills size pixels and scales beyond.
func (s Symbol) SVG(size int) string {
	n, side := strconv.Itoa(len(s.modules)), strconv.Itoa(size)
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="` + side + `" height="` + side +
		`" viewBox="0 0 ` + n + ` ` + n + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + n + `v` + n + `H0z"/><path d="`)
	for y, row := range s.modules {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			from := x
			for x < len(row) && row[x] {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1H%dz", from, y, x-from, from)
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}
