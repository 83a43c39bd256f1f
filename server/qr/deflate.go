package qr

import (
	"encoding/binary"
	"math/bits"
)

// deflater writes a deflate stream (RFC 1951) of one block with the fixed codes: nothing
// to build, nothing to search, because its callers know what repeats.
type deflater struct {
	out  []byte
	held uint64 // bits that are not in out yet, the first one lowest
	n    uint   // how many: less than 32 between calls
}

func (d *deflater) begin() { d.put(0b011, 3) } // the last block; fixed codes

// end closes the stream at a whole byte.
func (d *deflater) end() {
	d.put(0, 7)
	for ; d.n > 0; d.n -= min(d.n, 8) {
		d.out = append(d.out, byte(d.held))
		d.held >>= 8
	}
}

func (d *deflater) put(code uint64, n uint) {
	d.held |= code << (d.n & 63)
	if d.n += n; d.n >= 32 {
		d.out = binary.LittleEndian.AppendUint32(d.out, uint32(d.held))
		d.held >>= 32
		d.n -= 32
	}
}

// literals writes bytes as they are: 8 bits for those below 144, 9 for the others, the
// highest one first. Most of a picture passes here, hence no branch and nothing in memory.
func (d *deflater) literals(data []byte) {
	out, held, n := d.out, d.held, d.n
	for _, b := range data {
		ninth := (b>>4 + 7) >> 4 // 1: there is a ninth
		code := bits.Reverse8(0x30 + 0x50*ninth + b>>(ninth&1))
		held |= (uint64(code) | uint64(b&ninth)<<8) << (n & 63)
		if n += 8 + uint(ninth); n >= 32 {
			out = binary.LittleEndian.AppendUint32(out, uint32(held))
			held >>= 32
			n -= 32
		}
	}
	d.out, d.held, d.n = out, held, n
}

// repeat writes the n bytes again that begin so far back: none, or three at least.
func (d *deflater) repeat(n, back int) {
	for n > 0 {
		part := min(n, 258)
		if n-part == 1 || n-part == 2 {
			part -= 3
		}
		n -= part
		d.length(uint64(part - 3))
		d.distance(uint64(back - 1))
	}
}

// length writes a length, less 3: the code of its magnitude and its bits below.
func (d *deflater) length(v uint64) {
	magnitude := uint(max(bits.Len64(v)-3, 0))
	code := byte(1 + 4*uint64(magnitude) + v>>magnitude)
	switch {
	case v == 255: // has a code of its own
		d.put(uint64(bits.Reverse8(0xC5)), 8)
		return
	case code < 24:
		d.put(uint64(bits.Reverse8(code<<1)), 7)
	default:
		d.put(uint64(bits.Reverse8(0xC0+code-24)), 8)
	}
	d.put(v&(1<<magnitude-1), magnitude)
}

// distance writes a distance, less 1, likewise.
func (d *deflater) distance(v uint64) {
	magnitude := uint(max(bits.Len64(v)-2, 0))
	code := byte(2*uint64(magnitude) + v>>magnitude)
	d.put(uint64(bits.Reverse8(code<<3)), 5)
	d.put(v&(1<<magnitude-1), magnitude)
}

// runs writes bytes of which the same often follow each other.
func (d *deflater) runs(data []byte) {
	for len(data) > 0 {
		n := 1
		for n < len(data) && data[n] == data[0] {
			n++
		}
		if n > 3 {
			d.literals(data[:1])
			d.repeat(n-1, 1)
		} else {
			d.literals(data[:n])
		}
		data = data[n:]
	}
}
