package dialect

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/jpeg"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

func decodeAvatar(t *testing.T, picture []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, avatarSide, avatarSide) {
		t.Fatalf("it is %v", img.Bounds())
	}
	return img
}

// dark counts the pixels of a picture that are ink.
func dark(img image.Image) (n int) {
	for y := range avatarSide {
		for x := range avatarSide {
			if r, _, _, _ := img.At(x, y).RGBA(); r < 0x8000 {
				n++
			}
		}
	}
	return n
}

func TestTheNeutralPictureIsTheSameForEverybody(t *testing.T) {
	first := neutralPicture()
	if n := dark(decodeAvatar(t, first)); n < 2000 || n > 12000 {
		t.Errorf("%d of %d pixels are dark", n, avatarSide*avatarSide)
	}
	if !bytes.Equal(first, neutralPicture()) {
		t.Error("it varies")
	}
}

// Whoever reads the picture module by module finds the two digits.
func TestEveryNumberCanBeReadFromItsPicture(t *testing.T) {
	pictures := map[string]bool{}
	for n := 10; n < 100; n++ {
		digits := strconv.Itoa(n)
		picture := numberPicture(digits)
		pictures[string(picture)] = true
		img := decodeAvatar(t, picture)
		ink := func(x, y int) bool {
			r, _, _, _ := img.At(x, y).RGBA()
			return r < 0x8000
		}
		for place := range 2 {
			for row := range 7 {
				for column := range 5 {
					want := glyphs[digits[place]-'0'][row]>>(4-column)&1 == 1
					if x, y := 19+place*54+column*9+4, 34+row*9+4; ink(x, y) != want {
						t.Fatalf("%s: digit %d, row %d, column %d is wrong", digits, place, row, column)
					}
				}
			}
		}
	}
	if len(pictures) != 90 {
		t.Errorf("90 numbers have %d pictures", len(pictures))
	}
}

// Pages that know nothing of numbers show the avatar; so the number is there, and it
// goes before whatever the app lets be seen of the person.
func TestTheAvatarIsTheNumberWhereThePhoneMustRepeatOne(t *testing.T) {
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	defer store.Close()
	service := login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{
		{ID: "always", RedirectURIs: []string{"https://site.example/"}, Number: login.NumberAlways},
		{ID: "never", RedirectURIs: []string{"https://site.example/"}, Number: login.NumberNever},
	}})
	face := []byte("the face of Alice")
	for _, to := range []struct {
		app      string
		disclose bool
		want     func(login.Login) []byte
	}{
		{"always", false, func(l login.Login) []byte { digits, _ := service.Number(l); return numberPicture(digits) }},
		{"always", true, func(l login.Login) []byte { digits, _ := service.Number(l); return numberPicture(digits) }},
		{"never", true, func(login.Login) []byte { return face }},
		{"never", false, func(login.Login) []byte { return neutralPicture() }},
	} {
		w := &WeChat{Service: service}
		if to.disclose {
			w.Avatar = func(login.Login) []byte { return face }
		}
		_, l, err := service.Start(t.Context(), login.Request{App: to.app})
		if err != nil {
			t.Fatal(err)
		}
		code, _, _ := service.Code(l, time.Now())
		l, err = service.Scan(t.Context(), login.Identity{Phone: login.Phone{Subject: "alice"}}, code, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		want := "window.userAvatar = 'data:img/jpg;base64," + base64.StdEncoding.EncodeToString(to.want(l)) + "';"
		if got := w.avatar(l, true); got != want {
			t.Errorf("%s, disclose %v: %.80s", to.app, to.disclose, got)
		}
		if got := w.avatar(l, false); got != "" {
			t.Errorf("without the icon: %.80s", got)
		}
	}
}
