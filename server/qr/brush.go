package qr

import "encoding/binary"

// brush is what an Encoder has learned of pictures of one scale: how any eight modules in
// a row look. They fill whole bytes, whatever the scale.
type brush struct {
	scale   int
	strokes [1 << 8]stroke // by the modules, the first one lowest
}

// stroke is eight modules as deflate has them, and how their bytes differ from white: the
// sum of that, and the sum of that times how many of these bytes are before each.
type stroke struct {
	code              uint64
	n, missing, place uint16 // n: bits of the code
}

const (
	maxBrush  = 6 // the code of a stroke is up to 9 bits for each pixel of a module: at most 56
	whiteBits = 9
)

// brushes returns one for each scale but 1, which has no rows to repeat.
func brushes() (all [maxBrush + 1]*brush) {
	for scale := 2; scale < len(all); scale++ {
		all[scale] = newBrush(scale)
	}
	return all
}

func newBrush(scale int) *brush {
	b := &brush{scale: scale}
	for i := range b.strokes {
		black := uint64(0) // the first pixel highest
		for x := range 8 {
			black = black<<scale | uint64(i>>x&1)*(1<<scale-1)
		}
		var pixels, code [8]byte
		binary.BigEndian.PutUint64(pixels[:], ^(black << (64 - 8*scale)))
		var d deflater
		d.literals(pixels[:scale])
		copy(code[:], d.out)
		s := stroke{code: binary.LittleEndian.Uint64(code[:]) | d.held<<(8*len(d.out)), n: uint16(8*len(d.out)) + uint16(d.n)}
		for at, pixel := range pixels[:scale] {
			s.missing += uint16(^pixel)
			s.place += uint16(at) * uint16(^pixel)
		}
		b.strokes[i] = s
	}
	return b
}

// paint writes the pixels of a row from one byte up to another, beyond which all is white. It
// returns by how much the row differs from white, as strokes do.
func (b *brush) paint(d *deflater, row uint64, from, to int) (missing, place uint64) {
	out, held, n := d.out, d.held, d.n
	modules, skip := row<<quiet&0xFF, whiteBits*uint(from)
	row >>= 8 - quiet
	for at := 0; at < to; at += b.scale {
		s := &b.strokes[modules]
		code, bits := s.code>>skip, uint(s.n)-skip
		if beyond := at + b.scale - to; beyond > 0 {
			bits -= whiteBits * uint(beyond)
			code &= 1<<bits - 1
		}
		out, held, n = flushed(out, held|code<<n, n+bits)
		missing += uint64(s.missing)
		place += uint64(s.place) + uint64(at)*uint64(s.missing)
		modules, skip = row&0xFF, 0
		row >>= 8
	}
	d.out, d.held, d.n = out, held, n
	return missing, place
}
