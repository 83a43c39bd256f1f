package qr

// masks returns the eight masks of symbols of level M (clause 7.8.2), each with the
// format information (clause 7.9.1) that names it. Versions 1 to 11.
func masks(side int) (all [8][]uint64) {
	for i := range all {
		mask := newSymbol(side)
		for y := range side {
			for x := range side {
				if isData(side, x, y) && isMasked(i, x, y) {
					mask.flip(x, y)
				}
			}
		}
		mask.writeFormat(i)
		all[i] = mask.rows
	}
	return all
}

func isMasked(mask, x, y int) bool {
	switch mask {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (y/2+x/3)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	default:
		return ((x+y)%2+x*y%3)%2 == 0
	}
}

// isData tells whether a module holds data: it belongs to no finder, alignment or timing
// pattern, nor to the format and version information.
func isData(side, x, y int) bool {
	far := side - 7 // where the last alignment patterns have their middle
	switch {
	case x < 9 && y < 9, x < 9 && y > far-2, x > far-2 && y < 9: // finder patterns and format
		return false
	case x == 6, y == 6: // timing
		return false
	case side >= 45 && (x < 6 && y > far-5 || x > far-5 && y < 6): // version, from version 7 on
		return false
	}
	near := func(v, middle int) bool { return v >= middle-2 && v <= middle+2 }
	switch {
	case side == 21: // version 1 has no alignment pattern
	case near(x, far) && near(y, far):
		return false
	case side >= 45: // nor have those below 7 one half-way
		half := side / 2
		if near(x, half) && (near(y, 6) || near(y, half) || near(y, far)) {
			return false
		}
		return !near(y, half) || !near(x, 6) && !near(x, far)
	}
	return true
}

const (
	formatPolynomial = 0b10100110111
	formatConstant   = 0b101010000010010 // so that no format is all light
)

// writeFormat adds the two copies of the format information of level M and a mask.
func (s Symbol) writeFormat(mask int) {
	format := mask << 10 // level M is 00
	for bit := 14; bit >= 10; bit-- {
		if format>>bit&1 == 1 {
			format ^= formatPolynomial << (bit - 10)
		}
	}
	format = (format | mask<<10) ^ formatConstant
	for i := range 15 {
		if format>>i&1 == 0 {
			continue
		}
		switch { // beside the upper left finder pattern, around the timing patterns
		case i < 6:
			s.flip(8, i)
		case i < 8:
			s.flip(8, i+1)
		case i == 8:
			s.flip(7, 8)
		default:
			s.flip(14-i, 8)
		}
		if i < 8 { // and beside the other two
			s.flip(s.side-1-i, 8)
		} else {
			s.flip(8, s.side-15+i)
		}
	}
}

// mask returns which mask a symbol has: its format says so.
func (s Symbol) mask() int {
	mask := 0
	for x := 2; x < 5; x++ {
		mask <<= 1
		if s.dark(x, 8) {
			mask |= 1
		}
	}
	return mask ^ formatConstant>>10&7
}
