package pages

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/qr"
)

const sample = "https://login.example/l/abcdefghijklmnopqrstuvwxyzab"

// shot is how a camera saw a picture of 640 × 640 pixels: a code on a screen.
type shot struct {
	text    string
	share   float64 // of the frame's width that the code takes, quiet zone and all
	degrees float64 // turned by
	tilt    float64 // how much smaller the far edge is
	noise   int     // of the sensor
	dark    float64 // how much of the contrast is missing
	blur    int     // pixels
	quality int     // of the JPEG
}

// frame draws the shot: paper-grey surroundings with a dark frame around the code.
func (s shot) frame(t testing.TB) []byte {
	t.Helper()
	symbol, err := qr.Encode(s.text)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := png.Decode(bytes.NewReader(symbol.PNG(600)))
	if err != nil {
		t.Fatal(err)
	}
	const side = 640
	random := rand.New(rand.NewPCG(1, 2))
	half := s.share * side / 2
	sin, cos := math.Sincos(s.degrees * math.Pi / 180)
	light := make([]float64, side*side)
	for y := range side {
		for x := range side {
			dx, dy := float64(x)-side/2, float64(y)-side/2
			u, v := dx*cos+dy*sin, dy*cos-dx*sin
			depth := 1 + s.tilt*v/half // nearer above than below
			u, v = u/depth, v/depth
			value := 90 + 60*dx/side
			switch a := math.Max(math.Abs(u), math.Abs(v)) / half; {
			case a < 1:
				side := float64(drawn.Bounds().Dx())
				value = float64(color.GrayModel.Convert(drawn.At(int((u/half+1)/2*side), int((v/half+1)/2*side))).(color.Gray).Y)
			case a < 1.1:
				value = 235
			}
			light[y*side+x] = value
		}
	}
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			sum, n := 0.0, 0.0
			for j := max(0, y-s.blur); j <= min(side-1, y+s.blur); j++ {
				for i := max(0, x-s.blur); i <= min(side-1, x+s.blur); i++ {
					sum, n = sum+light[j*side+i], n+1
				}
			}
			value := 128 + (sum/n-128)*(1-s.dark)
			if s.noise > 0 {
				value += float64(random.IntN(2*s.noise+1) - s.noise)
			}
			g := uint8(min(255, max(0, value)))
			picture.SetRGBA(x, y, color.RGBA{g, g, g, 255})
		}
	}
	return encodeJPEG(t, picture, s.quality)
}

func encodeJPEG(t testing.TB, picture image.Image, quality int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// table is what the camera sees before anybody points it at a code.
func table(t testing.TB) []byte {
	return shot{text: sample, share: .001, noise: 15, quality: 60}.frame(t)
}

func TestFramesAreRead(t *testing.T) {
	for name, s := range map[string]shot{
		"straight":          {share: .5},
		"far":               {share: .15, degrees: 5, noise: 8},
		"so near it fills":  {share: 1, noise: 8},
		"turned":            {share: .6, degrees: 17, noise: 15},
		"upside down":       {share: .6, degrees: 180, noise: 15, blur: 1},
		"from the side":     {share: .5, degrees: 75, tilt: .1, noise: 8, blur: 1},
		"from below":        {share: .6, degrees: 4, tilt: .15, noise: 15, blur: 1},
		"out of focus":      {share: .6, noise: 8, blur: 2},
		"near, out of it":   {share: .9, noise: 20, blur: 3},
		"in the dark":       {share: .5, degrees: 6, noise: 15, dark: .7, blur: 1},
		"by a bad sensor":   {share: .85, degrees: 5, noise: 50, dark: .3, quality: 40},
		"hardly compressed": {share: .5, degrees: 10, noise: 3, quality: 92},
		"in few bytes":      {share: .5, degrees: 10, noise: 8, quality: 25},
	} {
		t.Run(name, func(t *testing.T) {
			s.text = sample
			if s.quality == 0 {
				s.quality = 60
			}
			body := s.frame(t)
			if text, err := readFrame(body); text != sample || err != nil || len(body) > maxFrame {
				t.Errorf("%q, %v, %d bytes", text, err, len(body))
			}
		})
	}
	if text, err := readFrame(table(t)); text != "" || err != nil {
		t.Errorf("a code on an empty table: %q, %v", text, err)
	}
}

func TestGreyFramesAreRead(t *testing.T) {
	symbol, err := qr.Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := png.Decode(bytes.NewReader(symbol.PNG(300)))
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(drawn.Bounds())
	for i := range picture.Pix {
		picture.Set(i%picture.Stride, i/picture.Stride, drawn.At(i%picture.Stride, i/picture.Stride))
	}
	if text, err := readFrame(encodeJPEG(t, picture, 60)); text != sample || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// segment is one marker of a JPEG with what belongs to it.
func segment(marker byte, body ...byte) []byte {
	return append([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

// scans is a progressive picture of so many pixels a side that passes over them as
// often as its bytes allow: each scan says that its blocks have nothing to add.
func scans(side, size int) []byte {
	header := [][]byte{
		{0xff, 0xd8},
		segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(0xc2, 8, byte(side>>8), byte(side), byte(side>>8), byte(side), 1, 1, 0x11, 0),
		segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0)...), // one code: a run of empty blocks
	}
	body := bytes.Join(header, nil)
	for high := byte(0); len(body) < size-20; high = 1 {
		body = append(body, segment(0xda, 1, 1, 0, 1, 63, high<<4|1-high)...)
		body = append(body, 0x7f, 0xfe)
	}
	return append(body, 0xff, 0xd9)
}

// crowd is a picture full of finder patterns.
func crowd(t testing.TB) []byte {
	const module = 2
	picture := image.NewGray(image.Rect(0, 0, maxSide, maxSide))
	for i := range picture.Pix {
		u, v := i%maxSide/module%8, i/maxSide/module%8
		ring := max(max(u, 6-u), max(v, 6-v)) // 3 is the middle, 6 the outermost
		if ring == 5 || ring > 6 {
			picture.Pix[i] = 255
		}
	}
	return encodeJPEG(t, picture, 20)
}

// TestFramesThatAreTraps must be over in no time: with any of the limits gone, one of
// these takes seconds to hours, or all memory.
func TestFramesThatAreTraps(t *testing.T) {
	whole := table(t)
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"nothing":         nil,
		"garbage":         bytes.Repeat([]byte("garbage"), 1000),
		"a PNG":           drawn.Bytes(),
		"half a picture":  whole[:len(whole)/2],
		"only a header":   whole[:20],
		"too wide":        encodeJPEG(t, image.NewGray(image.Rect(0, 0, maxSide+1, 8)), 60),
		"too high":        encodeJPEG(t, image.NewGray(image.Rect(0, 0, 8, maxSide+1)), 60),
		"4 gigapixels":    scans(0xffff, 130),
		"9,000 scans":     scans(maxSide, maxFrame),
		"two scans":       scans(8, 150),
		"no pixels":       scans(0, 150),
		"ends in a scan":  append(whole[:len(whole)-2:len(whole)-2], 0xff, 0xda),
		"a second scan's": append(whole[:len(whole):len(whole)], 0xff, 0xda),
	} {
		t.Run(name, func(t *testing.T) {
			if text, err := readFrame(body); text != "" || !errors.Is(err, errFrame) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	full, began := crowd(t), time.Now()
	text, err := readFrame(full)
	if took := time.Since(began); text != "" || err != nil || len(full) > maxFrame || took > 3*time.Second {
		t.Errorf("a crowd of finder patterns: %q, %v, %d bytes, %v", text, err, len(full), took)
	}
}

// TestDecodingWaitsForAPlace fills the places and frees one.
func TestDecodingWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFrames()
		for range cap(f.places) {
			f.places <- struct{}{}
		}
		began := time.Now()
		if _, err := f.read(t.Context(), table(t)); !errors.Is(err, errBusy) || time.Since(began) != frameWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := f.read(gone, table(t)); !errors.Is(err, errBusy) || time.Since(began) != frameWait {
			t.Errorf("who has left waits: %v after %v", err, time.Since(began))
		}
		time.AfterFunc(frameWait/2, func() { <-f.places })
		if _, err := f.read(t.Context(), table(t)); err != nil {
			t.Errorf("a place was free: %v", err)
		}
		if len(f.places) != cap(f.places)-1 {
			t.Errorf("%d of %d places are taken", len(f.places), cap(f.places))
		}
	})
}

func FuzzFrame(f *testing.F) {
	symbol := shot{text: sample, share: .9, degrees: 8, noise: 4, quality: 30}.frame(f)
	for _, seed := range [][]byte{symbol, crowd(f), scans(64, 400), scans(0xffff, 130), symbol[:300], nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxFrame {
			return
		}
		text, err := readFrame(body)
		if err != nil && (text != "" || !errors.Is(err, errFrame)) {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for name, body := range map[string][]byte{
		"code":  shot{text: sample, share: .5, degrees: 10, tilt: .1, noise: 8, blur: 1, quality: 60}.frame(b),
		"table": table(b),
		"crowd": crowd(b),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = readFrame(body)
			}
			b.ReportMetric(float64(len(body)), "B/frame")
		})
	}
}
