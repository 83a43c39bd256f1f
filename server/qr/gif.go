package qr

import (
	"bytes"
	"compress/lzw"
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
// PNG. It plays once: what it showed first is a code long gone by then. It is written
// row by row, because twenty pictures in memory are what a flood of requests wants.
func GIF(frames []Frame, size int) []byte {
	if len(frames) == 0 {
		return nil
	}
	scale := frames[0].scale(size)
	side := uint16(scale * len(frames[0].modules))
	u16 := binary.LittleEndian.AppendUint16
	out := u16(u16([]byte("GIF89a"), side), side)
	out = append(out, 1<<7, 0, 0, 255, 255, 255, 0, 0, 0) // two colours: white, black
	shown := time.Duration(0)
	for _, f := range frames {
		// Its ends are rounded, not its length: no frame drifts out of its time.
		begin := hundredths(shown)
		shown += f.For
		out = append(out, 0x21, 0xF9, 4, 1<<2) // stays when the next one is drawn over it
		out = append(u16(out, uint16(min(hundredths(shown)-begin, math.MaxUint16))), 0, 0)
		out = append(out, 0x2C, 0, 0, 0, 0)
		out = append(u16(u16(out, side), side), 0)
		out = f.appendPixels(out, scale)
	}
	return append(out, 0x3B)
}

// appendPixels adds the picture as GIF packs it: LZW in blocks of up to 255 bytes.
func (s Symbol) appendPixels(out []byte, scale int) []byte {
	const width = 2 // bits of a pixel: the least that GIF knows
	var packed bytes.Buffer
	pack := lzw.NewWriter(&packed, lzw.LSB, width)
	line := make([]byte, scale*len(s.modules))
	for _, row := range s.modules {
		for x := range line {
			line[x] = 0
			if row[x/scale] {
				line[x] = 1
			}
		}
		for range scale {
			_, _ = pack.Write(line) // a buffer takes everything
		}
	}
	_ = pack.Close()
	out = append(out, width)
	for packed.Len() > 0 {
		block := packed.Next(255)
		out = append(append(out, byte(len(block))), block...)
	}
	return append(out, 0)
}

func hundredths(d time.Duration) int {
	return int(d.Round(10*time.Millisecond) / (10 * time.Millisecond))
}
