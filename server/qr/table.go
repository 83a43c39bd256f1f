package qr

import (
	"context"
	"errors"
	"strings"
)

// table is what an Encoder has learned: a bitmap for each letter at each place, whose
// sum is a symbol without its mask, and the masks.
type table struct {
	side    int
	bitmaps []uint64    // side rows for each of 26 letters for each place; the first place's hold the base, too
	masks   [8][]uint64 // with the format information that says which one it is
	brushes [maxBrush + 1]*brush
}

const maxSide = 61 // of version 11, the last one whose rows fit into 64 bits

// symbol returns the symbol of a code, in rows if there is room.
func (t *table) symbol(rows []uint64, code string) Symbol {
	var buffer [maxSide]uint64
	sum := buffer[:t.side]
	for i := range len(code) {
		bitmap := t.at(i, code[i])[:len(sum)]
		for y := range sum {
			sum[y] ^= bitmap[y]
		}
	}
	mask := t.masks[t.choose(sum)][:len(sum)]
	for y := range sum {
		sum[y] ^= mask[y]
	}
	return Symbol{t.side, 1, append(rows[:0], sum...), &t.brushes}
}

func (t *table) at(place int, letter byte) []uint64 {
	i := (place*26 + int(letter-'a')) * t.side
	return t.bitmaps[i : i+t.side]
}

// choose returns the mask with which the symbol has the least penalty (clause 7.8.3).
func (t *table) choose(sum []uint64) int {
	best, least := 0, 0
	for i := range t.masks {
		if p := penalty(sum, t.masks[i]); i == 0 || p < least {
			best, least = i, p
		}
	}
	return best
}

var (
	errTooLong = errors.New("the texts are too long")
	errNotSo   = errors.New("what was learned does not hold")
)

// learn asks for the symbols of a code and of those that differ from it in one bit.
func learn(ctx context.Context, prefix string, letters int) (*table, error) {
	// Its neighbours are letters, too: b, a, g, k and s.
	const base = 'c'
	code := []byte(strings.Repeat(string(base), letters))
	first, err := Encode(prefix + string(code))
	if err != nil {
		return nil, err
	}
	if first.words != 1 {
		return nil, errTooLong
	}
	t := &table{side: first.side, masks: masks(first.side), brushes: brushes(), bitmaps: make([]uint64, letters*26*first.side)}
	t.unmask(first)
	for place := range code {
		for bit := byte(1); bit < 32; bit <<= 1 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			code[place] = base ^ bit
			lesson, err := Encode(prefix + string(code))
			if err != nil {
				return nil, err
			}
			t.unmask(lesson)
			for letter := byte('a'); letter <= 'z'; letter++ {
				if (letter^base)&bit != 0 {
					add(t.at(place, letter), first.rows)
					add(t.at(place, letter), lesson.rows)
				}
			}
		}
		code[place] = base
	}
	for letter := byte('a'); letters > 0 && letter <= 'z'; letter++ {
		add(t.at(0, letter), first.rows)
	}
	return t, t.examine(prefix, letters)
}

// examine compares symbols that were no lesson with go-qrcode's.
func (t *table) examine(prefix string, letters int) error {
	for step := range 4 {
		code := make([]byte, letters)
		for i := range code {
			code[i] = 'a' + byte((i*(2*step+1)+step)%26)
		}
		want, err := Encode(prefix + string(code))
		if err != nil {
			return err
		}
		got := t.symbol(nil, string(code))
		t.unmask(want)
		t.unmask(got)
		for y := range got.rows {
			if want.side != got.side || want.rows[y] != got.rows[y] {
				return errNotSo
			}
		}
	}
	return nil
}

// unmask takes the mask and its name off.
func (t *table) unmask(s Symbol) { add(s.rows, t.masks[s.mask()]) }

// add adds over GF(2), where every sum is a difference as well.
func add(to, rows []uint64) {
	for y := range to {
		to[y] ^= rows[y]
	}
}
