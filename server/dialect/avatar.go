package dialect

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"sync/atomic"
)

// avatarSide is the size of WeChat's own avatars.
const avatarSide = 132

// avatars are the pictures that many logins have in common, as they are told to a page. Each is
// drawn when somebody first needs it: that takes as long as all the rest of a login.
type avatars struct {
	neutral atomic.Pointer[string]
	numbers [100]atomic.Pointer[string]
}

func (a *avatars) nobody() string { return drawn(&a.neutral, neutralPicture) }

// number is that of two digits.
func (a *avatars) number(digits string) string {
	return drawn(&a.numbers[int(digits[0]-'0')*10+int(digits[1]-'0')], func() []byte { return numberPicture(digits) })
}

func drawn(once *atomic.Pointer[string], draw func() []byte) string {
	text := once.Load()
	if text == nil {
		told := told(draw())
		text = &told
		once.Store(text) // two that come at once draw the same
	}
	return *text
}

// told is how a page is told of a JPEG.
func told(picture []byte) string {
	return "window.userAvatar = 'data:img/jpg;base64," + base64.StdEncoding.EncodeToString(picture) + "';"
}

// neutralPicture is a person without a face: what a browser sees of whoever has
// scanned, unless the app lets it see more.
func neutralPicture() []byte {
	return paint(func(x, y int) bool {
		head := square(x-66)+square(y-52) < square(24)
		body := square(x-66)*2+square(y-130)*3/2 < square(56)
		return head || body
	})
}

// numberPicture is the two digits that the phone must repeat, in strokes that stay
// legible where a page shows them small.
func numberPicture(digits string) []byte {
	return paint(func(x, y int) bool {
		const pixel, left, top, advance = 9, 19, 34, 54
		x, y = x-left, y-top
		if x < 0 || y < 0 || x/advance >= len(digits) || x%advance/pixel >= 5 || y/pixel >= 7 {
			return false
		}
		rows := glyphs[digits[x/advance]-'0']
		return rows[y/pixel]>>(4-x%advance/pixel)&1 == 1
	})
}

// glyphs are the digits 0 to 9, seven rows of five pixels each.
var glyphs = [10][7]byte{
	{0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110},
	{0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110},
	{0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111},
	{0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110},
	{0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010},
	{0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110},
	{0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110},
	{0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000},
	{0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110},
	{0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100},
}

func paint(ink func(x, y int) bool) []byte {
	picture := image.NewGray(image.Rect(0, 0, avatarSide, avatarSide))
	for y := range avatarSide {
		for x := range avatarSide {
			shade := color.Gray{Y: 0xe8}
			if ink(x, y) {
				shade.Y = 0x30
			}
			picture.SetGray(x, y, shade)
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, picture, nil) // a buffer takes everything, and the size is legal
	return out.Bytes()
}

func square(n int) int { return n * n }
