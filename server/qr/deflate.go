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
	n    uint   // how many: less than 8 between calls
}

func (d *deflater) begin() { d.put(0b011, 3) } // the last block; fixed codes

// end closes the stream at a whole byte.
func (d *deflater) end() {
	d.put(0, 7)
	if d.n > 0 {
		d.out = append(d.out, byte(d.held))
	}
	d.held, d.n = 0, 0
}

// put writes up to 56 bits.
func (d *deflater) put(code uint64, n uint) {
	d.out, d.held, d.n = flushed(d.out, d.held|code<<d.n, d.n+n)
}

// flushed moves all whole bytes that are held to out. How many these are is past guessing, so
// rather than in a loop all eight are written, and those that are not whole taken back.
func flushed(out []byte, held uint64, n uint) ([]byte, uint64, uint) {
	out = binary.LittleEndian.AppendUint64(out, held)
	return out[:len(out)-8+int(n/8)], held >> (n &^ 7), n & 7
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
	d.out, d.held, d.n = flushed(out, held, n)
}

// repeat writes the n bytes again that begin so far back: none, or three at least.
func (d *deflater) repeat(n, back int) {
	distance, wide := distance(uint64(back - 1))
	for n > 0 {
		part := min(n, 258)
		if n-part == 1 || n-part == 2 {
			part -= 3
		}
		n -= part
		code, bits := length(uint64(part - 3))
		d.put(code|distance<<bits, bits+wide)
	}
}

// length returns the bits of a length, less 3, and their number: the code of its magnitude
// and what is below.
func length(v uint64) (code uint64, n uint) {
	if v == 255 { // has a code of its own
		return uint64(bits.Reverse8(0xC5)), 8
	}
	magnitude := uint(max(bits.Len64(v)-3, 0))
	top, below := byte(1+4*uint64(magnitude)+v>>magnitude), v&(1<<magnitude-1)
	if top < 24 {
		return uint64(bits.Reverse8(top<<1)) | below<<7, 7 + magnitude
	}
	return uint64(bits.Reverse8(0xC0+top-24)) | below<<8, 8 + magnitude
}

// distance returns those of a distance, less 1.
func distance(v uint64) (code uint64, n uint) {
	magnitude := uint(max(bits.Len64(v)-2, 0))
	top, below := byte(2*uint64(magnitude)+v>>magnitude), v&(1<<magnitude-1)
	return uint64(bits.Reverse8(top<<3)) | below<<5, 5 + magnitude
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
