package qr

import (
	"strconv"
	"strings"
)

// SVG returns the symbol as a drawing that fills size pixels and scales beyond.
func (s Symbol) SVG(size int) string {
	n, side := strconv.Itoa(s.across()), strconv.Itoa(size)
	var b strings.Builder
	b.Grow(300 + s.side*s.side*4)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="`)
	b.WriteString(side)
	b.WriteString(`" height="`)
	b.WriteString(side)
	for _, part := range [...]string{`" viewBox="0 0 `, ` `, `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h`, `v`} {
		b.WriteString(part)
		b.WriteString(n)
	}
	b.WriteString(`H0z"/><path d="`)
	var edges [maxEdges]uint8
	var buffer [maxEdges / 2 * len("M181 181h177v1H181z")]byte
	for y := range s.side {
		dark := s.edges(y, &edges)
		row := buffer[:0]
		for i := 0; i+1 < len(dark); i += 2 {
			row = appendNumber(append(row, 'M'), dark[i])
			row = appendNumber(append(row, ' '), uint8(quiet+y))
			row = appendNumber(append(row, 'h'), dark[i+1]-dark[i])
			row = appendNumber(append(row, 'v', '1', 'H'), dark[i])
			row = append(row, 'z')
		}
		b.Write(row)
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// appendNumber is strconv.AppendUint for what has few digits.
func appendNumber(b []byte, n uint8) []byte {
	switch {
	case n < 10:
		return append(b, '0'+n)
	case n < 100:
		return append(b, '0'+n/10, '0'+n%10)
	}
	return append(b, '0'+n/100, '0'+n/10%10, '0'+n%10)
}
