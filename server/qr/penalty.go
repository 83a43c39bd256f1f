package qr

import "math/bits"

const marginAbove, marginBelow = 4, 10

// paddedRows are those of a symbol, with light ones before and after them.
type paddedRows [marginAbove + maxSide + marginBelow]uint64

// penalty is how hard a symbol, the sum of symbol and mask, is to find and to read
// (clause 7.8.3). All modules of a row are looked at together: shifted by k, a row says of
// each module what the one k to its right is, and the row k below what the one below it is.
// Beyond the symbol everything is light, as is its quiet zone.
//
// Five or more of a colour in line are 3 points, and one for each beyond the fifth. Of n
// modules that are like the next one, n-3 begin four such; each with the two after it, they
// are as many as the points.
//
// Dark, light, three dark, light, dark, with four light at either end, is what a finder
// pattern looks like: 40 points. It often does without its ends, and a branch there would be
// past guessing.
func penalty(symbol, mask []uint64) int {
	var rows paddedRows
	side, dark := len(symbol), 0
	for y := range side {
		row := symbol[y] ^ mask[y]
		rows[marginAbove+y] = row
		dark += bits.OnesCount64(row)
	}
	// Ten points for every five per cent by which half of the modules is missed.
	all := side * side
	points := 10 * (max(2*dark-all, all-2*dark) * 10 / all)
	return points + penaltyAcross(rows[marginAbove:marginAbove+side]) + penaltyDown(&rows, side)
}

// penaltyAcross looks at lines from left to right, and at two by two modules.
func penaltyAcross(rows []uint64) int {
	wide := uint64(1)<<(len(rows)-1) - 1 // modules that have one to their right
	points, finders := 0, 0
	var above, rightAbove uint64
	for _, row := range rows {
		right := ^(row ^ row>>1) & wide // is like the one to its right
		runs := right & (right >> 1)
		runs &= runs >> 2
		points += bits.OnesCount64(runs | runs<<1 | runs<<2)

		// Two by two of a colour: 3 points.
		points += 3 * bits.OnesCount64(right&rightAbove&^(row^above))
		above, rightAbove = row, right

		second := row & (row >> 2) // dark, as is the second one to its right
		finder := second & (second >> 4) & (row >> 3) &^ ((row | row>>4) >> 1)
		four := row | row<<1 // of four up to this one, one is dark
		four |= four << 2
		finders += bits.OnesCount64(finder &^ (four << 1 & (four >> 10)))
	}
	return points + 40*finders
}

// penaltyDown looks at lines from top to bottom.
func penaltyDown(rows *paddedRows, side int) int {
	points, finders := 0, 0
	var down1, down2, down3, runs1, runs2 uint64 // of the rows before this one
	inside := uint64(0)                          // modules that have one above them
	for y := range side {
		r := (*[marginAbove + 1 + marginBelow]uint64)(rows[y:])
		row, below := r[marginAbove], r[marginAbove:]
		down := ^(row ^ r[marginAbove-1]) & inside // is like the one above it
		inside = 1<<side - 1
		runs := down & down1 & down2 & down3
		points += bits.OnesCount64(runs | runs1 | runs2)
		down1, down2, down3, runs1, runs2 = down, down1, down2, runs, runs1

		finder := row & below[2] & below[3] & below[4] & below[6] &^ (below[1] | below[5])
		before := r[0] | r[1] | r[2] | r[3]
		after := below[7] | below[8] | below[9] | below[10]
		finders += bits.OnesCount64(finder &^ (before & after))
	}
	return points + bits.OnesCount64(runs1|runs2) + bits.OnesCount64(runs1) + 40*finders
}
