package qr_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"qrlatch/server/qr"
)

// same fails unless img shows the modules, of so many pixels each, and four light ones
// around them.
func same(t testing.TB, img *image.Gray, want grid, scale int) {
	t.Helper()
	side := (len(want) + 2*quiet) * scale
	if img.Rect != image.Rect(0, 0, side, side) {
		t.Fatalf("%v, want %d pixels a side", img.Rect, side)
	}
	line := make([]byte, side)
	for row := range side / scale {
		for i := range line {
			line[i] = 0xFF
			if x, y := i/scale-quiet, row-quiet; min(x, y) >= 0 && max(x, y) < len(want) && want[y][x] {
				line[i] = 0
			}
		}
		for y := row * scale; y < (row+1)*scale; y++ {
			if !bytes.Equal(img.Pix[y*img.Stride:][:side], line) {
				t.Fatalf("scale %d: row %d of pixels is wrong", scale, y)
			}
		}
	}
}

// gray is what a frame of an animation shows.
func gray(frame *image.Paletted) *image.Gray {
	img := image.NewGray(frame.Rect)
	for i, index := range frame.Pix {
		img.Pix[i] = color.GrayModel.Convert(frame.Palette[index]).(color.Gray).Y
	}
	return img
}

// scaleOf is what a size is to mean.
func scaleOf(modules, size int) int { return max(1, size/(modules+2*quiet)) }

func TestAPictureOfEverySizeShowsTheModules(t *testing.T) {
	e := encoder(t)
	random := rand.New(rand.NewPCG(13, 14))
	for scale := range 26 { // 1024 pixels are 24 a module
		text := prefix + newCode(random, letters)
		s, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		want := seen(t, s)
		for _, size := range []int{41 * scale, 41*scale + 40} {
			same(t, picture(t, s, size), want, scaleOf(len(want), size))
		}
	}
}

func TestSymbolsOfEveryVersionAreDrawn(t *testing.T) {
	for _, length := range []int{1, 20, 251, 252, 700, 1500, 2300} {
		text := strings.Repeat("q", length)
		want := taught(t, text)
		s := encode(t, text)
		for _, size := range []int{0, 400} {
			same(t, picture(t, s, size), want, scaleOf(len(want), size))
		}
		same(t, gray(play(t, qr.GIF([]qr.Frame{{Symbol: s}}, 400)).Image[0]), want, scaleOf(len(want), 400))
		same(t, rasterise(t, s.SVG(1), 1), want, 1)
	}
}

func TestSizesBeyondReasonAreDrawnSmaller(t *testing.T) {
	s := encode(t, "a")
	for _, size := range []int{1 << 15, math.MaxInt} {
		file := s.PNG(size)
		if n := int(file[18])<<8 | int(file[19]); file[16]|file[17] != 0 || n > 1<<15 || n < 1<<15-29 {
			t.Errorf("size %d: %v", size, file[16:20])
		}
	}
}

func FuzzSymbols(f *testing.F) {
	e := qr.NewEncoder("q/", 6)
	if err := e.Learn(f.Context()); err != nil {
		f.Fatal(err)
	}
	for _, code := range []string{"abcdef", "zzzzzz", "ABCDEF", "abcde", "abcdefg", "", "abcde\x00", "微信"} {
		f.Add(code, uint16(29))
		f.Add(code, uint16(256))
	}
	f.Add("aaaaaa", uint16(1024))
	f.Fuzz(func(t *testing.T, code string, size uint16) {
		text := "q/" + code
		if len(text) > 300 {
			return
		}
		s, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		want := seen(t, s)
		sameBut(t, want, text)
		pixels := int(size % 1500)
		same(t, picture(t, s, pixels), want, scaleOf(len(want), pixels))
		animation, err := gif.DecodeAll(bytes.NewReader(qr.GIF([]qr.Frame{{Symbol: s}, {Symbol: s}}, pixels)))
		if err != nil {
			t.Fatal(err)
		}
		same(t, gray(animation.Image[1]), want, scaleOf(len(want), pixels))
		if !slices.EqualFunc(seen(t, s), want, slices.Equal[[]bool]) {
			t.Fatal("drawing changed it")
		}
	})
}
