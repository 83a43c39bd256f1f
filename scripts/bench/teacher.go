//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// drawsOurs is where the server draws a PNG, and drawsTheirs how it would with go-qrcode as
// it comes: the same text, level and size.
const (
	pictureSource  = "server/dialect/picture.go"
	drawsOurs      = "p.Symbols.AppendPNG((*room)[:0], p.prefix, code, size)"
	drawsTheirs    = "goqrcode.Encode(p.prefix+code, goqrcode.Medium, size)"
	imported       = "import (\n"
	importedTheirs = "import (\n\tgoqrcode \"github.com/skip2/go-qrcode\"\n"
)

// withGoQRCode builds the server anew, the same but for the one line that draws.
func (b *bench) withGoQRCode(ctx context.Context) (path string, err error) {
	source, err := os.ReadFile(pictureSource)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(source, []byte(drawsOurs)); n != 1 {
		return "", fmt.Errorf("%s says %s %d times, want once", pictureSource, drawsOurs, n)
	}
	source = bytes.Replace(source, []byte(drawsOurs), []byte(drawsTheirs), 1)
	source = bytes.Replace(source, []byte(imported), []byte(importedTheirs), 1)
	changed, overlay := filepath.Join(b.dir, "picture.go"), filepath.Join(b.dir, "overlay.json")
	original, err := filepath.Abs(pictureSource)
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, source, 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(b.dir, "qrlatch-goqrcode")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", overlay, "-o", path, "./server")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with go-qrcode: %w\n%s", err, out)
	}
	return path, nil
}
