package qr

import (
	"encoding/binary"
	"hash/crc32"
)

// PNG returns the symbol as a picture of at most size pixels a side (unless size is
// smaller than the symbol has modules), black on white.
func (s Symbol) PNG(size int) []byte { return s.appendPNG(nil, size) }

// appendPNG adds this picture to out. A pixel is a bit.
//
// The rows of pixels of a row of modules are all alike, and every row begins and ends with
// the quiet zone. So a row of modules is written once, from its first to its last module,
// and all up to the next one's first module repeats what is one row of pixels back.
func (s Symbol) appendPNG(out []byte, size int) []byte {
	scale := s.scale(size)
	side := scale * s.across()
	var buffer [1 + 128 + 7]byte
	room, wide := buffer[:], 1+(side+7)/8
	if wide+7 > len(room) {
		room = make([]byte, wide+7)
	}
	line, pixels := room[:wide], room[1:] // before the pixels: no filter. What paint writes may end later
	paint(pixels, side, nil, scale)
	// The part of a line that lies in the quiet zone, before and after. Without scale there
	// is nothing to repeat.
	left, right := 1+quiet*scale/8, 1+((s.across()-quiet)*scale+7)/8
	if scale == 1 {
		left, right = 0, len(line)
	}
	between := len(line)*scale - right + left

	if most := 80 + s.side*(10+(right-left)*9/8) + side*len(line)/200; cap(out)-len(out) < most {
		out = append(make([]byte, 0, len(out)+most), out...)
	}
	out = append(out, "\x89PNG\r\n\x1a\n"...)
	out = appendHeader(out, side)
	out = append(out, "\x00\x00\x00\x00IDAT\x78\x01"...)
	begin := len(out) - 6
	d := deflater{out: out}
	sum := adler{a: 1}

	d.begin()
	d.literals(line[:2])
	d.repeat(len(line)-2, 1)
	d.repeat(len(line)*(quiet*scale-1)+left, len(line))
	sum.add(line, quiet*scale)
	var edges [maxEdges]uint8
	brush := s.brush(scale)
	for y := range s.side {
		if brush != nil {
			missing, place := brush.paint(&d, s.rows[y], left-1, right-1)
			d.repeat(between, len(line))
			sum.addWhiteBut(missing, place, len(line), scale)
			continue
		}
		paint(pixels, side, s.edges(y, &edges), scale)
		if scale > 8 {
			d.runs(line[left:right])
		} else {
			d.literals(line[left:right])
		}
		d.repeat(between, len(line))
		sum.add(line, scale)
	}
	paint(pixels, side, nil, scale)
	d.runs(line[left:right])
	d.repeat(len(line)*quiet*scale-right, len(line))
	sum.add(line, quiet*scale)
	d.end()

	out = binary.BigEndian.AppendUint32(d.out, sum.sum())
	binary.BigEndian.PutUint32(out[begin-4:], uint32(len(out)-begin-4))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[begin:]))
	return append(out, "\x00\x00\x00\x00IEND\xaeB`\x82"...)
}

// appendHeader adds the chunk that says: side by side pixels, one bit of grey each.
func appendHeader(out []byte, side int) []byte {
	out = append(out, "\x00\x00\x00\x0d"...)
	begin := len(out)
	out = append(out, "IHDR"...)
	out = binary.BigEndian.AppendUint32(out, uint32(side))
	out = binary.BigEndian.AppendUint32(out, uint32(side))
	out = append(out, 1, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[begin:]))
}

// paint writes a row of side pixels, 64 at a time: black between the first two edges, which
// are in modules, and so on; white else.
func paint(pixels []byte, side int, edges []uint8, scale int) {
	black := uint64(0)
	for at := 0; at < side; at += 64 {
		for ; len(edges) > 0 && int(edges[0])*scale < at+64; edges = edges[1:] {
			black ^= ^uint64(0) >> (int(edges[0])*scale - at)
		}
		binary.BigEndian.PutUint64(pixels[at/8:], ^black)
		black = -(black & 1) // it goes on as it ends
	}
}

// adler is the checksum of zlib (RFC 1950): a is the sum of all bytes, b that of all a.
type adler struct{ a, b uint64 }

const adlerPrime = 65521

// add adds a line so many times.
func (c *adler) add(line []byte, times int) {
	var sum, rise uint64
	for _, b := range line {
		sum += uint64(b)
		rise += sum
	}
	c.addSum(len(line), sum, rise, times)
}

// addWhiteBut adds, so many times, a line of n bytes that is white, but for what a brush says.
func (c *adler) addWhiteBut(missing, place uint64, n, times int) {
	pixels := uint64(n - 1) // the byte before them is 0
	c.addSum(n, 0xFF*pixels-missing, 0xFF*pixels*(pixels+1)/2-(pixels*missing-place), times)
}

// addSum adds n bytes so many times. With their sum and rise, which is what b rises by when a
// begins at 0, every repetition begins at an a that is greater by sum.
func (c *adler) addSum(n int, sum, rise uint64, times int) {
	w, t := uint64(n), uint64(times)
	c.b = (c.b + t*(w*c.a+rise) + w*sum%adlerPrime*(t*(t-1)/2)) % adlerPrime
	c.a = (c.a + t*sum) % adlerPrime
}

func (c *adler) sum() uint32 { return uint32(c.b<<16 | c.a) }
