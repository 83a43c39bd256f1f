package qr

// lzw packs pixels of two colours as GIF does: a code stands for a string of pixels that
// was seen before, and every code that is written, with the pixel after it, becomes the
// next new one. Codes grow from 3 to 12 bits; when there are no more, all begins anew.
type lzw struct {
	out   []byte
	block int    // where in out the count of the block's bytes is
	held  uint64 // bits that are not in out yet, the first one lowest
	n     uint

	next   [lzwCodes][2]uint16 // the code of a string and one more pixel; 0: none yet
	code   uint16              // of the pixels that are not written yet
	newest uint16
	width  uint // of a code
}

const (
	lzwColours = 4 // the least that GIF knows: pixels of two bits
	lzwClear   = lzwColours
	lzwEnd     = lzwColours + 1
	lzwCodes   = 1 << 12
	lzwNone    = lzwEnd // no pixels: a code that stands for no string
)

func (p *lzw) begin(out []byte) {
	p.out = append(out, 2, 0)
	p.block = len(p.out) - 1
	p.width = 3
	p.clear()
	p.code = lzwNone
}

func (p *lzw) clear() {
	p.put(lzwClear)
	clear(p.next[:])
	p.newest, p.width = lzwEnd, 3
}

// run adds n pixels of a colour.
func (p *lzw) run(colour uint16, n int) {
	code := p.code
	for ; n > 0; n-- {
		switch longer := p.next[code&(lzwCodes-1)][colour&1]; {
		case longer != 0:
			code = longer
		case code == lzwNone:
			code = colour
		default:
			p.put(code)
			p.grow(code, colour)
			code = colour
		}
	}
	p.code = code
}

// grow makes the string of code and colour the newest one.
func (p *lzw) grow(code, colour uint16) {
	p.newest++
	if p.newest == lzwCodes-1 {
		p.clear()
		return
	}
	p.next[code][colour] = p.newest
	if p.newest == 1<<p.width {
		p.width++
	}
}

// end closes the picture and returns all that was written.
func (p *lzw) end() []byte {
	if p.code != lzwNone {
		p.put(p.code)
		p.newest++
		if p.newest == 1<<p.width {
			p.width++
		}
	}
	p.put(lzwEnd)
	for ; p.n > 0; p.n -= min(p.n, 8) {
		p.byte()
	}
	p.out[p.block] = byte(len(p.out) - p.block - 1)
	return append(p.out, 0)
}

func (p *lzw) put(code uint16) {
	p.held |= uint64(code) << p.n
	for p.n += p.width; p.n >= 8; p.n -= 8 {
		p.byte()
	}
}

// byte writes eight bits, in blocks of 255 bytes that begin with their length.
func (p *lzw) byte() {
	if len(p.out)-p.block-1 == 255 {
		p.out[p.block] = 255
		p.block = len(p.out)
		p.out = append(p.out, 0)
	}
	p.out = append(p.out, byte(p.held))
	p.held >>= 8
}
