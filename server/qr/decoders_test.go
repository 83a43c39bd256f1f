package qr_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"qrlatch/server/qr"
)

// symbols returns so many learned ones and their texts.
func symbols(t *testing.T, n int) (texts []string, all []qr.Symbol) {
	t.Helper()
	e := encoder(t)
	random := rand.New(rand.NewPCG(uint64(n), 12))
	for range n {
		text := prefix + newCode(random, letters)
		s, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		texts, all = append(texts, text), append(all, s)
	}
	return texts, all
}

// readPure reads a picture that shows a symbol and nothing else.
func readPure(t *testing.T, file []byte) string {
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Error(err)
		return ""
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Error(err)
		return ""
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Error(err)
		return ""
	}
	return result.GetText()
}

func TestGozxingReadsThousands(t *testing.T) {
	t.Parallel()
	texts, all := symbols(t, thousands())
	for i, s := range all {
		if got := readPure(t, s.PNG(1+i%250)); got != texts[i] {
			t.Fatalf("%q instead of %q", got, texts[i])
		}
	}
}

// tool returns where a program is. Without it the test is skipped, but not in CI.
func tool(t *testing.T, name, hint string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is missing: "+hint)
	}
	return path
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func TestZbarReadsHundreds(t *testing.T) {
	t.Parallel()
	zbar := tool(t, "zbarimg", "apt-get install zbar-tools")
	texts, all := symbols(t, thousands()/7)
	dir := t.TempDir()
	arguments := []string{"--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"}
	for i, s := range all {
		name := filepath.Join(dir, strconv.Itoa(i)+".png")
		if err := os.WriteFile(name, s.PNG(90+i), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, name)
	}
	out, err := exec.CommandContext(t.Context(), zbar, arguments...).Output() // it complains of D-Bus
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, texts) {
		t.Errorf("%v, %d of %d: %.300s", err, len(got), len(texts), out)
	}
}

// jsQR is what the phone page reads with, where the browser has nothing of its own.
func TestJSQRReadsHundreds(t *testing.T) {
	t.Parallel()
	node := tool(t, "node", "see scripts/setup.sh")
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "node_modules", "jsqr")); err != nil {
		missing(t, "jsQR is missing: npm ci")
	}
	const side = 41 * 3
	texts, all := symbols(t, thousands()/7)
	var pixels bytes.Buffer
	for _, s := range all {
		pixels.Write(picture(t, s, side).Pix)
	}
	read := exec.CommandContext(t.Context(), node, "-e", `
		const jsQR = require('jsqr'), side = `+strconv.Itoa(side)+`, grey = require('fs').readFileSync(0);
		for (let at = 0; at < grey.length; at += side * side) {
			const rgba = new Uint8ClampedArray(4 * side * side).fill(255);
			for (let i = 0; i < side * side; i++) rgba.fill(grey[at + i], 4 * i, 4 * i + 3);
			console.log(jsQR(rgba, side, side)?.data);
		}`)
	read.Dir, read.Stdin = root, io.Reader(&pixels)
	out, err := read.CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, texts) {
		t.Errorf("%v, %d of %d: %.300s", err, len(got), len(texts), out)
	}
}

// Level M corrects some: the codewords of a stain are read all the same.
func TestAStainedSymbolIsStillRead(t *testing.T) {
	t.Parallel()
	texts, all := symbols(t, 30)
	for i, s := range all {
		img := picture(t, s, 41*4)
		stained := image.NewGray(img.Rect)
		copy(stained.Pix, img.Pix)
		for y := 80; y < 96; y++ { // 4 × 4 modules
			for x := 80; x < 96; x++ {
				stained.SetGray(x, y, color.Gray{Y: 255})
			}
		}
		var file bytes.Buffer
		if err := png.Encode(&file, stained); err != nil {
			t.Fatal(err)
		}
		if got := readPure(t, file.Bytes()); got != texts[i] {
			t.Fatalf("%q instead of %q", got, texts[i])
		}
	}
}
