package pages

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// What a frame may be. Everything that is sent here is made by a stranger's program
// until shown otherwise: a picture of a few bytes can ask for gigabytes of memory, or
// for minutes of a processor.
const (
	maxFrame = 128 << 10 // bytes
	maxSide  = 640       // pixels

	// maxCentres is how many finder patterns are looked at. A symbol has three; the
	// reader compares all triples, and 80 × 80 of them fit into a frame.
	maxCentres = 100
)

// errFrame is for a body that is no frame as the camera's page makes them.
var errFrame = errors.New("not a frame of the camera")

// readFrame returns the text of the QR symbol in a JPEG, or "" when there is none that
// can be read.
func readFrame(body []byte) (text string, err error) {
	picture, err := decodeFrame(body)
	if err != nil {
		return "", err
	}
	// Half the size shows through noise and blur, and costs a quarter. Only what is far
	// away needs all pixels.
	if text := readSymbol(picture.half()); text != "" {
		return text, nil
	}
	return readSymbol(picture), nil
}

// grey is the luminance of a picture.
type grey struct {
	pixels                []byte
	stride, width, height int
}

// half makes one pixel of four.
func (g grey) half() grey {
	h := grey{stride: g.width / 2, width: g.width / 2, height: g.height / 2}
	h.pixels = make([]byte, 0, h.width*h.height)
	for y := range h.height {
		upper := g.pixels[2*y*g.stride:]
		lower := upper[g.stride:]
		for x := 0; x < 2*h.width; x += 2 {
			sum := int(upper[x]) + int(upper[x+1]) + int(lower[x]) + int(lower[x+1])
			h.pixels = append(h.pixels, byte(sum/4))
		}
	}
	return h
}

func decodeFrame(body []byte) (grey, error) {
	header, err := jpeg.DecodeConfig(bytes.NewReader(body))
	if err != nil || header.Width > maxSide || header.Height > maxSide {
		return grey{}, errFrame
	}
	// A canvas writes one scan. A progressive picture may have thousands, of a few bytes
	// each, and every one of them passes over all pixels.
	if bytes.Count(body, []byte("\xff\xda")) != 1 {
		return grey{}, errFrame
	}
	picture, err := jpeg.Decode(bytes.NewReader(body))
	if err != nil {
		return grey{}, errFrame
	}
	switch p := picture.(type) {
	case *image.YCbCr:
		return grey{p.Y, p.YStride, header.Width, header.Height}, nil
	case *image.Gray:
		return grey{p.Pix, p.Stride, header.Width, header.Height}, nil
	}
	return grey{}, errFrame // four inks: no camera has those
}

// errCrowded ends the search in a picture that has too many finder patterns.
var errCrowded = errors.New("too many finder patterns")

// readSymbol returns the text of the symbol in a picture, or "".
func readSymbol(g grey) (text string) {
	// The reader's only way out of a search is a panic in its callback. Where a damaged
	// symbol leads it out of its own bounds, that is no symbol either.
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	source, err := gozxing.NewPlanarYUVLuminanceSource(g.pixels, g.stride, g.height, 0, 0, g.width, g.height, false)
	if err != nil {
		return ""
	}
	bitmap, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(source))
	if err != nil {
		return ""
	}
	centres := 0
	hints := make(map[gozxing.DecodeHintType]any)
	hints[gozxing.DecodeHintType_TRY_HARDER] = true
	hints[gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK] = gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
		if centres++; centres > maxCentres {
			panic(errCrowded)
		}
	})
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return ""
	}
	return result.GetText()
}
