package qr

import (
	"encoding/binary"
	"math"
	"time"
)

// Frame is a symbol of an animation and how long it is to be seen.
type Frame struct {
	Symbol
	For time.Duration
}

// GIF returns an animation of frames, whose symbols are of one size, by the rules of
// PNG. It plays once: what it showed first is a code long gone by then.
func GIF(frames []Frame, size int) []byte {
	if len(frames) == 0 {
		return nil
	}
	scale := frames[0].scale(size)
	side := uint16(scale * frames[0].across())
	u16 := binary.LittleEndian.AppendUint16
	out := u16(u16([]byte("GIF89a"), side), side)
	out = append(out, 1<<7, 0, 0, 255, 255, 255, 0, 0, 0) // two colours: white, black
	shown := time.Duration(0)
	pack := new(lzw)
	for _, f := range frames {
		// Its ends are rounded, not its length: no frame drifts out of its time.
		begin := hundredths(shown)
		shown += f.For
		out = append(out, 0x21, 0xF9, 4, 1<<2) // stays when the next one is drawn over it
		out = append(u16(out, uint16(min(hundredths(shown)-begin, math.MaxUint16))), 0, 0)
		out = append(out, 0x2C, 0, 0, 0, 0)
		out = append(u16(u16(out, side), side), 0)
		out = f.appendPixels(out, pack, scale)
	}
	return append(out, 0x3B)
}

// appendPixels adds the picture, row of pixels by row of pixels.
func (s Symbol) appendPixels(out []byte, pack *lzw, scale int) []byte {
	pack.begin(out)
	var edges [maxEdges]uint8
	line := s.across() * scale
	pack.run(0, line*quiet*scale)
	for y := range s.side {
		dark := s.edges(y, &edges)
		for range scale {
			at := 0
			for i, edge := range dark {
				pack.run(uint16(i%2), int(edge)*scale-at)
				at = int(edge) * scale
			}
			pack.run(0, line-at)
		}
	}
	pack.run(0, line*quiet*scale)
	return pack.end()
}

func hundredths(d time.Duration) int {
	return int(d.Round(10*time.Millisecond) / (10 * time.Millisecond))
}
