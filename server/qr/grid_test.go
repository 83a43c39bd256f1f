package qr_test

import (
	"bytes"
	"image/png"
	"slices"
	"strings"
	"testing"

	qrcode "github.com/skip2/go-qrcode"

	"qrlatch/server/qr"
)

// What the tests know of the standard they know from its text, not from the package.

// grid is the modules of a symbol without its quiet zone, by rows; true is dark.
type grid [][]bool

// seen are the modules of a symbol, as its picture shows them.
func seen(t testing.TB, s qr.Symbol) (m grid) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(s.PNG(1)))
	if err != nil {
		t.Fatal(err)
	}
	for y := quiet; y < img.Bounds().Dy()-quiet; y++ {
		row := make([]bool, img.Bounds().Dx()-2*quiet)
		for x := range row {
			shade, _, _, _ := img.At(quiet+x, y).RGBA()
			row[x] = shade == 0
		}
		m = append(m, row)
	}
	return m
}

// taught are the modules that go-qrcode gives to text.
func taught(t testing.TB, text string) grid {
	t.Helper()
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	code.DisableBorder = true
	return code.Bitmap()
}

// formats of level M, for masks 0 to 7: annex C, table C.1.
func formats() []string {
	return []string{
		"101010000010010", "101000100100101", "101111001111100", "101101101001011",
		"100010111111001", "100000011001110", "100111110010111", "100101010100000",
	}
}

// mask reads both copies of the format information: figure 25.
func (m grid) mask(t testing.TB) int {
	t.Helper()
	n := len(m)
	var one, two strings.Builder
	read := func(b *strings.Builder, x, y int) {
		if m[y][x] {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	for _, x := range []int{0, 1, 2, 3, 4, 5, 7, 8} {
		read(&one, x, 8)
	}
	for _, y := range []int{7, 5, 4, 3, 2, 1, 0} {
		read(&one, 8, y)
	}
	for i := range 7 {
		read(&two, 8, n-1-i)
	}
	for i := range 8 {
		read(&two, n-8+i, 8)
	}
	mask := slices.Index(formats(), one.String())
	if mask < 0 || one.String() != two.String() {
		t.Fatalf("its format is %s and %s", &one, &two)
	}
	if !m[n-8][8] {
		t.Fatal("the module that is always dark is not")
	}
	return mask
}

// inMask tells whether a mask turns a module of row i and column j over: table 10.
func inMask(mask, i, j int) bool {
	return []bool{
		(i+j)%2 == 0, i%2 == 0, j%3 == 0, (i+j)%3 == 0,
		(i/2+j/3)%2 == 0, (i*j)%2+(i*j)%3 == 0, ((i*j)%2+(i*j)%3)%2 == 0, ((i+j)%2+(i*j)%3)%2 == 0,
	}[mask]
}

// function tells which modules hold no data: everything but the encoding region of
// figure 16. Alignment patterns are where annex E puts them.
func function(n int) grid {
	m := make(grid, n)
	for y := range m {
		m[y] = make([]bool, n)
	}
	fill := func(x, y, width, height int) {
		for i := range height {
			for j := range width {
				m[y+i][x+j] = true
			}
		}
	}
	fill(0, 0, 9, 9)
	fill(n-8, 0, 8, 9)
	fill(0, n-8, 9, 8)
	fill(6, 0, 1, n)
	fill(0, 6, n, 1)
	version := (n - 17) / 4
	if version >= 7 {
		fill(n-11, 0, 3, 6)
		fill(0, n-11, 6, 3)
	}
	centres := [][]int{1: {}, {6, 18}, {6, 22}, {6, 26}, {6, 30}, {6, 34}, {6, 22, 38}, {6, 24, 42}, {6, 26, 46}, {6, 28, 50}, {6, 30, 54}, {6, 32, 58}}[version]
	for _, x := range centres {
		for _, y := range centres {
			if last := n - 7; x == 6 && y == 6 || x == 6 && y == last || x == last && y == 6 {
				continue // a finder pattern is there
			}
			fill(x-2, y-2, 5, 5)
		}
	}
	return m
}

// remask returns m with another mask, its format included.
func (m grid) remask(from, to int) grid {
	n := len(m)
	fixed := function(n)
	out := make(grid, n)
	for y := range m {
		out[y] = slices.Clone(m[y])
		for x := range out[y] {
			if !fixed[y][x] && inMask(from, y, x) != inMask(to, y, x) {
				out[y][x] = !out[y][x]
			}
		}
	}
	format := formats()[to]
	for i, x := range []int{0, 1, 2, 3, 4, 5, 7, 8} {
		out[8][x] = format[i] == '1'
	}
	for i, y := range []int{7, 5, 4, 3, 2, 1, 0} {
		out[y][8] = format[8+i] == '1'
	}
	for i := range 7 {
		out[n-1-i][8] = format[i] == '1'
	}
	for i := range 8 {
		out[8][n-8+i] = format[7+i] == '1'
	}
	return out
}

// sameBut fails unless got is go-qrcode's symbol of text, but for the mask. It tells
// whether that is the same, too.
func sameBut(t testing.TB, got grid, text string) bool {
	t.Helper()
	want := taught(t, text)
	if len(got) != len(want) {
		t.Fatalf("%s: %d modules a side, go-qrcode has %d", text, len(got), len(want))
	}
	ours, theirs := got.mask(t), want.mask(t)
	if ours != theirs {
		want = want.remask(theirs, ours)
	}
	for y := range want {
		for x := range want[y] {
			if got[y][x] != want[y][x] {
				t.Fatalf("%s: module %d,%d is not go-qrcode's", text, x, y)
			}
		}
	}
	return ours == theirs
}
