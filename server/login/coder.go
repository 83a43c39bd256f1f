package login

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// coder writes a record to out, or reads it from in, a field at a time. After an error it
// does nothing more.
type coder struct {
	reading bool
	in      string
	out     []byte
	start   int    // of the record in out
	there   uint64 // the bits of the fields that are
	next    int    // the bit of the next field
	err     error
}

func writer(b []byte) coder {
	return coder{start: len(b), out: append(b, recordVersion, 0, 0, 0, 0, 0)}
}

// written ends the writing of a record.
func (c *coder) written() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	for i := range recordBits {
		c.out[c.start+1+i] = byte(c.there >> (8 * i))
	}
	return c.out, nil
}

func reader(record string) coder {
	c := coder{reading: true, in: record}
	head := c.cut(1 + recordBits)
	switch {
	case record != "" && record[0] > recordVersion:
		c.err = errNewerRecord
	case c.err != nil:
	case record[0] != recordVersion:
		c.err = errDamagedRecord
	default:
		for i := range recordBits {
			c.there |= uint64(head[1+i]) << (8 * i)
		}
	}
	return c
}

// read ends the reading of a record: all of it must have been understood.
func (c *coder) read() error {
	switch {
	case c.err != nil:
		return c.err
	case c.there>>c.next != 0:
		return errNewerRecord
	case c.in != "":
		return errDamagedRecord
	}
	return nil
}

// field begins the next field and tells whether it is there, which a writer says by filled.
func (c *coder) field(filled bool) bool {
	bit := uint64(1) << c.next
	c.next++
	if filled && !c.reading {
		c.there |= bit
	}
	return c.there&bit != 0 && c.err == nil
}

// cut takes n bytes off what is to be read.
func (c *coder) cut(n uint64) string {
	if n > uint64(len(c.in)) {
		c.err, c.in = errDamagedRecord, ""
		return ""
	}
	head := c.in[:n]
	c.in = c.in[n:]
	return head
}

func (c *coder) put(n uint64) { c.out = binary.AppendUvarint(c.out, n) }

// take is the inverse of put.
func (c *coder) take() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := c.cut(1)
		if b == "" {
			return 0
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	c.err = errDamagedRecord
	return 0
}

// text is a field, as are the functions after it.
func text[S ~string](c *coder, s *S) {
	switch {
	case !c.field(*s != ""):
	case c.reading:
		*s = S(c.cut(c.take()))
	default:
		c.put(uint64(len(*s)))
		c.out = append(c.out, *s...)
	}
}

// short is text for what is mostly made of phrases.
func short(c *coder, s *Short) {
	text(c, &s.bytes)
	if !c.reading {
		return
	}
	var ok bool
	if *s, ok = readShort(s.bytes); !ok {
		c.err = errDamagedRecord
	}
}

func raw(c *coder, b []byte) {
	filled := false
	for i := 0; i < len(b) && !filled && !c.reading; i++ {
		filled = b[i] != 0
	}
	switch {
	case !c.field(filled):
	case c.reading:
		copy(b, c.cut(uint64(len(b))))
	default:
		c.out = append(c.out, b...)
	}
}

func truth(c *coder, b *bool) { *b = c.field(*b) }

func number[N ~int | ~uint8 | ~uint32](c *coder, n *N) {
	switch {
	case !c.field(*n != 0):
	case c.reading:
		u := c.take()
		if *n = N(u); uint64(*n) != u {
			c.err = errDamagedRecord
		}
	default:
		c.put(uint64(*n))
	}
}

func instant(c *coder, t *time.Time) {
	switch {
	case !c.field(!t.IsZero()):
	case c.reading:
		if b := c.cut(8); c.err == nil {
			*t = time.Unix(0, int64(binary.BigEndian.Uint64([]byte(b))))
		}
	default:
		n := t.UnixNano() // undefined for years far away
		if !time.Unix(0, n).Equal(*t) {
			c.err = errTimeOfRecord
		}
		*t = time.Unix(0, n)
		c.out = binary.BigEndian.AppendUint64(c.out, uint64(n))
	}
}

func address(c *coder, a *netip.Addr) {
	switch {
	case !c.field(a.IsValid()):
	case c.reading:
		if b := c.cut(c.take()); c.err == nil && a.UnmarshalBinary([]byte(b)) != nil {
			c.err = errDamagedRecord
		}
	default:
		n := a.BitLen()/8 + len(a.Zone())
		c.put(uint64(n))
		c.out, _ = a.AppendBinary(c.out) // never fails
	}
}
