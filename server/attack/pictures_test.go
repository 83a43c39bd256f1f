package attack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// This file is a camera.

func (w *world) read(img image.Image) string {
	w.t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	w.must(err)
	hints := map[gozxing.DecodeHintType]any{}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil { // the library misses one flawless picture in a hundred
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
		result, err = qrcode.NewQRCodeReader().Decode(bitmap, hints)
	}
	w.must(err)
	return result.GetText()
}

func (w *world) readPNG(picture string) string {
	w.t.Helper()
	img, err := png.Decode(strings.NewReader(picture))
	w.must(err)
	return w.read(img)
}

// readGIF reads every frame of an animation.
func (w *world) readGIF(picture string) (texts []string) {
	w.t.Helper()
	all, err := gif.DecodeAll(bytes.NewReader([]byte(picture)))
	w.must(err)
	for _, frame := range all.Image {
		texts = append(texts, w.read(frame))
	}
	return texts
}

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1H\d+z`)

// readSVG draws the path of an SVG, and reads that.
func (w *world) readSVG(drawing string) string {
	w.t.Helper()
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	w.must(xml.Unmarshal([]byte(drawing), &svg))
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		w.must(err)
		return n
	}
	const scale = 4
	side := number(svg.ViewBox[strings.LastIndexByte(svg.ViewBox, ' ')+1:]) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, m := range run.FindAllStringSubmatch(svg.Path[1].D, -1) {
		for y := range scale {
			for x := range number(m[3]) * scale {
				img.SetGray(number(m[1])*scale+x, number(m[2])*scale+y, color.Gray{})
			}
		}
	}
	return w.read(img)
}

// loot is every value that whoever has a picture of the code can make of it.
func (w *world) loot(text string) []string {
	w.t.Helper()
	code := lastPart(text)
	values := []string{text, code, strings.ToUpper(code), strings.Join(strings.Split(text, "/")[2:], "/"), code + strings.Repeat("A", 8)}
	// The code is a number of 128 bits in 28 letters: the login's public handle, and a keyed hash.
	n, letter := new(big.Int), big.NewInt(26)
	for _, c := range code {
		n.Add(n.Mul(n, letter), big.NewInt(int64(c-'a')))
	}
	raw := n.FillBytes(make([]byte, 16))
	handle, mac := base64.RawURLEncoding.EncodeToString(raw[:9]), base64.RawURLEncoding.EncodeToString(raw[9:])
	values = append(values, handle, mac, handle+mac, handle+strings.Repeat("A", 24), handle+mac+strings.Repeat("A", 14),
		base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw), hex.EncodeToString(raw[:9]))
	// The MAC could be taken for the beginning of the secret.
	for _, fill := range [][]byte{{}, raw} {
		full := append(append([]byte{}, raw...), append(fill, make([]byte, 27)...)...)[:27]
		values = append(values, base64.RawURLEncoding.EncodeToString(full))
	}
	return values
}
