package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // formats of pictures
	_ "image/jpeg"
	_ "image/png"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// detect keeps the dialects that the server speaks. A server that speaks one and starts
// no login is an error: nothing that matters could be looked at, and all would seem well.
func (t *Target) detect(ctx context.Context) error {
	var refused []string
	for _, d := range dialects() {
		if d.start == nil {
			continue
		}
		b, err := t.begin(ctx, d, nil)
		switch {
		case err != nil:
			return fmt.Errorf("%s cannot be reached: %s", t.base, plainly(err))
		case b.id != "":
			t.dialects, t.firsts[d.name] = append(t.dialects, d), b
		case d.speaks(b.answer):
			refused = append(refused, d.name)
			t.forget(d)
		default:
			t.forget(d)
		}
	}
	if len(t.dialects) == 0 && len(refused) > 0 {
		return fmt.Errorf("%s speaks %s, but starts no login for app %q: name one of its apps with --app",
			t.base, strings.Join(refused, ", "), t.app)
	}
	if b, ok := t.firsts["JSON"]; ok {
		for _, d := range dialects() {
			if d.start != nil {
				continue
			}
			if a, err := t.poll(ctx, d, b.id); err == nil && d.read(a) == live {
				t.dialects = append(t.dialects, d)
			} else {
				t.forget(d)
			}
		}
	}
	return nil
}

// begin starts a login.
func (t *Target) begin(ctx context.Context, d dialect, extra url.Values) (begun, error) {
	a, err := t.askLogin(ctx, "start of "+d.name, d.start(t.app, extra))
	if err != nil {
		return begun{}, err
	}
	b := d.began(a)
	b.by, b.answer = d.name, a
	if b.id != "" {
		t.mu.Lock()
		t.ids[d.name] = append(t.ids[d.name], b.id)
		t.mu.Unlock()
	}
	return b, nil
}

// mustBegin is begin for a check that cannot go on without a login.
func (t *Target) mustBegin(ctx context.Context, d dialect) (begun, error) {
	b, err := t.begin(ctx, d, nil)
	if err == nil && b.id == "" {
		err = fmt.Errorf("no login could be started in %s any more (too many of them?)", d.name)
	}
	return b, err
}

// poll asks for a login without any cookie, as whoever came by its id would.
func (t *Target) poll(ctx context.Context, d dialect, id string) (answer, error) {
	return t.askLogin(ctx, "poll of "+d.name, d.poll(id))
}

// hears is what a poll with id comes to: dead, live or approved; unclear if the server
// says the same of ids that nobody has minted.
func (t *Target) hears(ctx context.Context, d dialect, id string) (outcome, error) {
	a, err := t.poll(ctx, d, id)
	if err != nil {
		return unclear, err
	}
	got := d.read(a)
	if got != live && got != held {
		return got, nil
	}
	control, err := t.control(ctx, d)
	switch {
	case err != nil:
		return unclear, err
	case control == got:
		return unclear, nil
	}
	return live, nil // an answer held back for this id, and not for any
}

// control is what a dialect says of an id that nobody has minted.
func (t *Target) control(ctx context.Context, d dialect) (outcome, error) {
	t.mu.Lock()
	known, ok := t.controls[d.name]
	t.mu.Unlock()
	if ok {
		return known, nil
	}
	a, err := t.poll(ctx, d, like(t.anID(d)))
	if err != nil {
		return unclear, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.controls[d.name] = d.read(a)
	return t.controls[d.name], nil
}

// anID is one of the dialect's; those without a start follow the logins of JSON.
func (t *Target) anID(d dialect) string {
	if d.start == nil {
		return t.firsts["JSON"].id
	}
	return t.firsts[d.name].id
}

// like draws another id of the same shape.
func like(id string) string {
	hex := regexp.MustCompile(`^[0-9a-f-]+$`).MatchString(id)
	draw := func(letters string) rune {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		return rune(letters[n.Int64()])
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return draw("0123456789")
		case r >= 'a' && r <= 'z' && hex:
			return draw("abcdef")
		case r >= 'a' && r <= 'z':
			return draw("abcdefghijklmnopqrstuvwxyz")
		case r >= 'A' && r <= 'Z':
			return draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		}
		return r
	}, id)
}

// says is what the picture of a login says, or why that is not known.
func (t *Target) says(ctx context.Context, b begun) (text, why string, err error) {
	path, ok := t.local(b.picture)
	if b.picture == "" || !ok {
		if b.text != "" {
			return b.text, "", nil
		}
		return "", "its picture is on another host", nil
	}
	a, err := t.askLogin(ctx, "picture of "+b.by, request{path: path})
	if err != nil {
		return "", "", err
	}
	if text, err := decode(a.body); err == nil {
		return text, "", nil
	}
	if b.text != "" {
		return b.text, "", nil
	}
	return "", "its picture cannot be read", nil
}

// decode reads a QR code. The search for a symbol in a photo misses a flawless picture
// now and then, so it is also read as what it is.
func decode(picture string) (string, error) {
	const widest = 4096
	size, _, err := image.DecodeConfig(strings.NewReader(picture))
	if err != nil || size.Width > widest || size.Height > widest {
		return "", errors.New("no picture of a sensible size")
	}
	img, _, err := image.Decode(strings.NewReader(picture))
	if err != nil {
		return "", err
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	reader := qrcode.NewQRCodeReader()
	hints := make(map[gozxing.DecodeHintType]any)
	hints[gozxing.DecodeHintType_TRY_HARDER] = true
	result, err := reader.Decode(bitmap, hints)
	if err != nil {
		hints[gozxing.DecodeHintType_PURE_BARCODE] = true
		result, err = reader.Decode(bitmap, hints)
	}
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// values are all that somebody with a photo of the code could take for an id.
func values(text string) []string {
	all := []string{text}
	if u, err := url.Parse(text); err == nil {
		all = append(all, strings.Split(u.Path, "/")...)
		all = append(all, u.Fragment)
		for _, v := range u.Query() {
			all = append(all, v...)
		}
	}
	const shortest = 4
	all = slices.DeleteFunc(all, func(v string) bool { return len(v) < shortest })
	slices.Sort(all)
	return slices.Compact(all)
}
