package qr

import "math/bits"

// penalty is how hard a symbol, the sum of symbol and mask, is to find and to read
// (clause 7.8.3). All modules of a row are looked at together: shifted by k, a row says of
// each module what the one k to its right is, and the row k below what the one below it is.
// Beyond the symbol everything is light, as is its quiet zone.
func penalty(symbol, mask []uint64) int {
	const above, below = 4, 10
	var buffer [above + maxSide + below]uint64
	side := len(symbol)
	for y := range side {
		buffer[above+y] = symbol[y] ^ mask[y]
	}
	wide := uint64(1)<<(side-1) - 1 // modules that have one to their right

	points, dark := 0, 0
	var down1, down2, down3, runsAbove uint64 // pairs of rows before this one
	var rightAbove uint64
	for y := range side {
		r := (*[above + 1 + below]uint64)(buffer[y:])
		row := r[above]
		dark += bits.OnesCount64(row)

		// Five or more of a colour in line: 3 points, and one for each beyond the fifth.
		right := ^(row ^ row>>1) & wide // is like the one to its right
		runs := right & (right >> 1)
		runs &= runs >> 2
		points += bits.OnesCount64(runs) + 2*bits.OnesCount64(runs&^(runs<<1))

		down := ^(row ^ r[above-1]) & (wide<<1 | 1) // is like the one above it
		if y == 0 {
			down = 0
		}
		runsDown := down & down1 & down2 & down3
		points += bits.OnesCount64(runsDown) + 2*bits.OnesCount64(runsDown&^runsAbove)

		// Two by two of a colour: 3 points.
		points += 3 * bits.OnesCount64(right&rightAbove&down)
		down1, down2, down3, runsAbove, rightAbove = down, down1, down2, runsDown, right

		// Dark, light, three dark, light, dark, with four light at either end: what a
		// finder pattern looks like. 40 points.
		if p := row & (row >> 2) & (row >> 3) & (row >> 4) & (row >> 6) &^ (row>>1 | row>>5); p != 0 {
			before := row<<1 | row<<2 | row<<3 | row<<4
			after := row>>7 | row>>8 | row>>9 | row>>10
			points += 40 * bits.OnesCount64(p&^(before&after))
		}
		if p := row & r[above+2] & r[above+3] & r[above+4] & r[above+6] &^ (r[above+1] | r[above+5]); p != 0 {
			before := r[above-1] | r[above-2] | r[above-3] | r[above-4]
			after := r[above+7] | r[above+8] | r[above+9] | r[above+10]
			points += 40 * bits.OnesCount64(p&^(before&after))
		}
	}
	// Ten points for every five per cent by which half of the modules is missed.
	all := side * side
	return points + 10*(max(2*dark-all, all-2*dark)*10/all)
}
