package qr_test

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"qrlatch/server/qr"
)

func texts() map[string]string {
	return map[string]string{
		"a scan code":     "https://login.example/l/abcdefghijklmnopqrstuvwxyzab",
		"one letter":      "a",
		"a long address":  "https://a-rather-long-host-name.login.example.org:8443/path/l/abcdefghijklmnopqrstuvwxyzab",
		"not only ASCII":  "https://login.example/l/微信",
		"digits":          "0123456789012345678901234567890123456789",
		"several hundred": strings.Repeat("https://login.example/", 20),
	}
}

const quiet = 4

// decode reads a picture as a camera's program does. The library's search for a symbol
// in a photo misses about one flawless picture in a hundred, so those are read as what
// they are.
func decode(t *testing.T, img image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	hints := make(map[gozxing.DecodeHintType]any)
	hints[gozxing.DecodeHintType_CHARACTER_SET] = "UTF-8"
	reader := qrcode.NewQRCodeReader()
	result, err := reader.Decode(bitmap, hints)
	if err != nil {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
		result, err = reader.Decode(bitmap, hints)
	}
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

func encode(t *testing.T, text string) qr.Symbol {
	t.Helper()
	symbol, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return symbol
}

func picture(t *testing.T, s qr.Symbol, size int) *image.Gray {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(s.PNG(size)))
	if err != nil {
		t.Fatal(err)
	}
	gray, ok := img.(*image.Gray)
	if file := s.PNG(size); !ok || file[24] != 1 {
		t.Fatalf("it is a %T of %d bits: two colours need a bit each", img, file[24])
	}
	return gray
}

// modules is how many modules a side has, quiet zone included: its SVG says so.
func modules(t *testing.T, s qr.Symbol) int {
	t.Helper()
	m := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(s.SVG(1))
	if m == nil || m[1] != m[2] {
		t.Fatalf("no square viewBox: %.200s", s.SVG(1))
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func isDark(img *image.Gray, x, y int) bool { return img.GrayAt(x, y).Y < 128 }

func TestASymbolReadsAsItsText(t *testing.T) {
	for what, text := range texts() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := encode(t, text)
			sizes := []int{64, 287}
			if what == "a scan code" { // decoding takes time
				sizes = []int{64, 128, 256, 287, 1024}
			}
			for _, size := range sizes {
				if got := decode(t, picture(t, s, size)); got != text {
					t.Errorf("as PNG of %d: %q", size, got)
				}
			}
			if got := decode(t, rasterise(t, s.SVG(256), 5)); got != text {
				t.Errorf("as SVG: %q", got)
			}
		})
	}
}

// Modules of unequal width are harder to scan, and so is a symbol without a margin.
func TestModulesAreSquaresOfWholePixels(t *testing.T) {
	for what, text := range texts() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := encode(t, text)
			n := modules(t, s)
			drawn := rasterise(t, s.SVG(300), 1)
			for _, size := range []int{1, n - 1, n, n + 1, 2*n - 1, 2 * n, 64, 128, 256, 287} {
				img := picture(t, s, size)
				side := img.Bounds().Dx()
				if img.Bounds().Min != (image.Point{}) || img.Bounds().Dy() != side {
					t.Fatalf("size %d: %v", size, img.Bounds())
				}
				if side > size && size >= n || side > n && size < n || size-side >= n {
					t.Errorf("size %d gives %d pixels for %d modules", size, side, n)
				}
				if side%n != 0 {
					t.Fatalf("size %d: %d modules on %d pixels", size, n, side)
				}
				scale := side / n
				for y := range side {
					for x := range side {
						column, row := x/scale, y/scale
						if isDark(img, x, y) != isDark(drawn, column, row) {
							t.Fatalf("size %d: pixel %d,%d is not like its module in the SVG", size, x, y)
						}
						if min(column, row, n-1-column, n-1-row) < quiet && isDark(img, x, y) {
							t.Fatalf("size %d: pixel %d,%d is dark in the quiet zone", size, x, y)
						}
					}
				}
				// The margin is four modules and not more: the finder patterns begin there.
				for _, corner := range [][2]int{{quiet, quiet}, {n - 1 - quiet, quiet}, {quiet, n - 1 - quiet}} {
					if !isDark(img, corner[0]*scale, corner[1]*scale) {
						t.Errorf("size %d: no finder pattern at %v", size, corner)
					}
				}
			}
		})
	}
}

func TestAPictureIsBlackOnWhite(t *testing.T) {
	for _, shade := range picture(t, encode(t, "a"), 128).Pix {
		if shade != 0 && shade != 255 {
			t.Fatalf("a pixel is %d", shade)
		}
	}
}

func TestTheSVGIsAWellFormedDrawingWithoutScripts(t *testing.T) {
	svg := encode(t, `"><script>alert(1)</script>`).SVG(256)
	var drawing struct {
		XMLName xml.Name
		Width   int `xml:"width,attr"`
		Height  int `xml:"height,attr"`
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
		Inner []struct{ XMLName xml.Name } `xml:",any"`
	}
	if err := xml.Unmarshal([]byte(svg), &drawing); err != nil {
		t.Fatal(err)
	}
	if drawing.XMLName.Space != "http://www.w3.org/2000/svg" || drawing.Width != 256 || drawing.Height != 256 || len(drawing.Paths) != 2 || len(drawing.Inner) != 0 {
		t.Errorf("%+v", drawing)
	}
}

func TestATextThatNoSymbolHoldsIsAnError(t *testing.T) {
	if _, err := qr.Encode(strings.Repeat("a", 4000)); err == nil {
		t.Error("4000 letters became a symbol")
	}
}

// rasterise paints the paths of our SVG, scale pixels for a unit. It knows what we
// write: M x y h w v h H x z, in whole numbers.
func rasterise(t *testing.T, svg string, scale int) *image.Gray {
	t.Helper()
	m := regexp.MustCompile(`viewBox="0 0 (\d+) \d+"`).FindStringSubmatch(svg)
	if m == nil {
		t.Fatal("no viewBox")
	}
	n, _ := strconv.Atoi(m[1])
	img := image.NewGray(image.Rect(0, 0, n*scale, n*scale))
	box := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v(\d+)H(\d+)z`)
	for _, path := range regexp.MustCompile(`<path (fill="#fff" )?d="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		ink := color.Gray{}
		if path[1] != "" {
			ink.Y = 255
		}
		if rest := box.ReplaceAllString(path[2], ""); rest != "" {
			t.Fatalf("unknown drawing: %.80s", rest)
		}
		for _, b := range box.FindAllStringSubmatch(path[2], -1) {
			var v [5]int
			for i := range v {
				v[i], _ = strconv.Atoi(b[i+1])
			}
			if v[4] != v[0] {
				t.Fatalf("%s is no box", b[0])
			}
			for y := v[1] * scale; y < (v[1]+v[3])*scale; y++ {
				for x := v[0] * scale; x < (v[0]+v[2])*scale; x++ {
					img.SetGray(x, y, ink)
				}
			}
		}
	}
	return img
}
