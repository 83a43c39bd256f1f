package qr

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// penalty counts, module by module, what table 11 says. What lies outside is light.
func naivePenalty(m [][]bool) (points int) {
	n := len(m)
	dark := 0
	for _, across := range []bool{true, false} {
		at := func(line, i int) bool {
			if i < 0 || i >= n {
				return false
			}
			if across {
				return m[line][i]
			}
			return m[i][line]
		}
		for line := range n {
			run := 1
			for i := 1; i <= n; i++ {
				if i < n && at(line, i) == at(line, i-1) {
					run++
					continue
				}
				if run >= 5 {
					points += 3 + run - 5
				}
				run = 1
			}
			for i := range n {
				var around strings.Builder
				for k := i - 4; k < i+11; k++ {
					around.WriteByte("-#"[btoi(at(line, k))])
				}
				if w := around.String(); w[4:11] == "#-###-#" && (w[:4] == "----" || w[11:] == "----") {
					points += 40
				}
			}
		}
	}
	for y := range n {
		for x := range n {
			dark += btoi(m[y][x])
			if x > 0 && y > 0 && m[y][x] == m[y][x-1] && m[y][x] == m[y-1][x] && m[y][x] == m[y-1][x-1] {
				points += 3
			}
		}
	}
	deviation := dark*100 - n*n*50
	return points + 10*(max(deviation, -deviation)/(n*n*5))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// grid is the modules of rows; every module stands for itself.
func grid(rows []uint64) [][]bool {
	m := make([][]bool, len(rows))
	for y := range m {
		m[y] = make([]bool, len(rows))
		for x := range m[y] {
			m[y][x] = rows[y]>>x&1 == 1
		}
	}
	return m
}

func TestPenaltyIsTheStandards(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for side := 21; side <= maxSide; side += 4 {
		for density := range 8 { // from nearly all light to nearly all dark
			symbol, mask := make([]uint64, side), make([]uint64, side)
			for y := range side {
				mask[y] = random.Uint64() >> (64 - side)
				row := random.Uint64()
				for range density {
					row = row & random.Uint64()
				}
				symbol[y] = mask[y] ^ row>>(64-side)
			}
			if density%2 == 1 {
				for y := range side {
					mask[y] ^= 1<<side - 1
				}
			}
			if density == 4 { // what looks like a finder pattern, everywhere
				for y := range side {
					symbol[y], mask[y] = 0b1011101_0000_1011101_0000_1011101>>(y%11)&(1<<side-1), 0
				}
			}
			sum := slices.Clone(symbol)
			add(sum, mask)
			if got, want := penalty(symbol, mask), naivePenalty(grid(sum)); got != want {
				t.Errorf("side %d, density %d: %d, want %d", side, density, got, want)
			}
		}
	}
}

// Among the symbols with the eight masks ours has the fewest points.
func TestTheMaskIsTheOneOfLeastPenalty(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", strings.Repeat("a", 25), strings.Repeat("b", 100)} {
		table, err := learn(context.Background(), prefix, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range strings.Split("abcdefghijklm", "") {
			s := table.symbol(nil, code)
			chosen := s.mask()
			table.unmask(s)
			var points [8]int
			for i, mask := range table.masks {
				add(s.rows, mask)
				points[i] = naivePenalty(grid(s.rows))
				add(s.rows, mask)
			}
			if best := slices.Index(points[:], slices.Min(points[:])); chosen != best {
				t.Fatalf("%s%s: mask %d, the points are %v", prefix, code, chosen, points)
			}
		}
	}
}
