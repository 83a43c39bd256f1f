package qr_test

import (
	"bytes"
	"fmt"
	"image/color"
	"image/gif"
	"slices"
	"testing"
	"time"

	"qrlatch/server/qr"
)

func frames(t *testing.T, lengths ...time.Duration) []qr.Frame {
	t.Helper()
	all := make([]qr.Frame, len(lengths))
	for i, length := range lengths {
		all[i] = qr.Frame{Symbol: encode(t, fmt.Sprintf("https://login.example/l/%028d", i)), For: length}
	}
	return all
}

func play(t *testing.T, file []byte) *gif.GIF {
	t.Helper()
	animation, err := gif.DecodeAll(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return animation
}

func TestEveryFrameOfAnAnimationIsLikeItsPicture(t *testing.T) {
	all := frames(t, time.Second, time.Second, time.Second)
	for _, size := range []int{1, 64, 256, 287, 1024} {
		animation := play(t, qr.GIF(all, size))
		if len(animation.Image) != len(all) {
			t.Fatalf("%d frames", len(animation.Image))
		}
		for i, frame := range animation.Image {
			want := picture(t, all[i].Symbol, size)
			if frame.Rect != want.Rect || animation.Config.Width != want.Rect.Dx() || animation.Config.Height != want.Rect.Dy() {
				t.Fatalf("size %d, frame %d: %v on %d×%d, the picture is %v", size, i, frame.Rect, animation.Config.Width, animation.Config.Height, want.Rect)
			}
			for y := range want.Rect.Dy() {
				for x := range want.Rect.Dx() {
					if color.GrayModel.Convert(frame.At(x, y)) != want.GrayAt(x, y) {
						t.Fatalf("size %d, frame %d: pixel %d,%d is %v", size, i, x, y, frame.At(x, y))
					}
				}
			}
		}
	}
}

func TestAnAnimationPlaysOnceInTwoColours(t *testing.T) {
	file := qr.GIF(frames(t, time.Second, time.Second), 256)
	animation := play(t, file)
	if animation.LoopCount != -1 || bytes.Contains(file, []byte("NETSCAPE")) {
		t.Errorf("it plays again: %d", animation.LoopCount)
	}
	if palette, ok := animation.Config.ColorModel.(color.Palette); !ok || len(palette) != 2 {
		t.Errorf("its colours are %v", animation.Config.ColorModel)
	}
	for i := range animation.Image {
		if animation.Disposal[i] != gif.DisposalNone {
			t.Errorf("frame %d is wiped away", i)
		}
	}
}

// Viewers count in hundredths of a second. What is lost by rounding must not add up.
func TestFramesEndWhenTheyShould(t *testing.T) {
	third := time.Second / 3
	for _, test := range []struct {
		lengths []time.Duration
		want    []int
	}{
		{[]time.Duration{20 * time.Second, 20 * time.Second}, []int{2000, 2000}},
		{[]time.Duration{third, third, third, third, third, third}, []int{33, 34, 33, 33, 34, 33}},
		{[]time.Duration{1, 20 * time.Second}, []int{0, 2000}},
		{[]time.Duration{12345678 * time.Microsecond, 20 * time.Second}, []int{1235, 2000}},
		{[]time.Duration{time.Hour, time.Second}, []int{65535, 100}},
	} {
		if got := play(t, qr.GIF(frames(t, test.lengths...), 64)).Delay; !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.lengths, got, test.want)
		}
	}
}

func TestAnAnimationIsSmall(t *testing.T) {
	if n := len(qr.GIF(frames(t, make([]time.Duration, 20)...), 256)); n > 64<<10 {
		t.Errorf("20 frames have %d bytes", n)
	}
	if n := len(qr.GIF(nil, 256)); n != 0 {
		t.Errorf("no frames have %d bytes", n)
	}
}
